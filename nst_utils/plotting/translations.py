"""The words on figures and their captions, in English and in Vietnamese."""

from collections.abc import Callable, Mapping

from ..errors import unknown

LANGUAGES = ("en", "vi")

TRANSLATIONS: dict[str, tuple[str, str]] = {
    "tv": ("total variation", "biến phân toàn phần"),
    "peak": ("peak over mean", "đỉnh trên trung bình"),
    "Gram entropy": ("entropy of the Gram matrix", "entropy của ma trận Gram"),
    "Gram peak": ("peak of the Gram matrix", "đỉnh của ma trận Gram"),
    "scaled": ("scaled by 0.001", "nhân 0,001"),
    "report losses": ("report's losses", "mất mát của báo cáo"),
    "ssim": ("structure kept (SSIM)", "cấu trúc giữ được (SSIM)"),
    "edges": ("edges kept", "biên giữ được"),
    "color": ("color gap", "khoảng cách màu"),
    "texture": ("texture gap", "khoảng cách kết cấu"),
    "by VGG19": ("gap seen by VGG19", "khoảng cách theo VGG19"),
    "by ResNet-50": ("gap seen by ResNet-50", "khoảng cách theo ResNet-50"),
    "by untrained VGG19": ("gap seen by untrained VGG19", "theo VGG19 chưa huấn luyện"),
    "both networks' pictures at the middle beta": (
        "content, style, and both networks' pictures at the middle beta",
        "nội dung, phong cách và ảnh của hai mạng với beta ở giữa",
    ),
    "moments": ("mean and deviation", "trung bình và độ lệch"),
    "gram": ("Gram matrix", "ma trận Gram"),
    "loss_style": ("style loss", "mất mát phong cách"),
    "loss_total": ("total loss", "tổng mất mát"),
}
"""English and Vietnamese for names that are no phrases: columns, loss terms, values of a recipe."""

VIETNAMESE: dict[str, str] = {
    "content": "nội dung",
    "style": "phong cách",
    "result": "kết quả",
    "start": "khởi đầu",
    "step": "bước",
    "steps": "bước",
    "loss": "hàm mất mát",
    "total": "tổng",
    "bars: mean and standard deviation of the runs": (
        "thanh: trung bình và độ lệch chuẩn của các lượt chạy"
    ),
    "overall, less is better; bars: 95 % intervals; in brackets: pairs": (
        "tổng hợp, nhỏ hơn là tốt hơn; thanh: khoảng tin cậy 95 %; trong ngoặc: số cặp"
    ),
    "a painting without and with a loss of one's own": (
        "bức tranh không có và có hàm mất mát tự viết"
    ),
    "a loss of one's own": "hàm mất mát tự viết",
    "six pairs by six methods, 192 pixels": "sáu cặp ảnh theo sáu phương pháp, 192 điểm ảnh",
    "methods, best first": "các phương pháp, tốt nhất trước",
    "methods in the default's seconds, best first": (
        "các phương pháp trong số giây của mặc định, tốt nhất trước"
    ),
    "methods over 60 pairs at 192 pixels, with intervals": (
        "các phương pháp trên 60 cặp ở 192 điểm ảnh, kèm khoảng tin cậy"
    ),
    "losses": "hàm mất mát",
    "style loss by layer": "mất mát phong cách theo tầng",
    "channel": "kênh",
    "Gram matrix": "ma trận Gram",
    "relative": "tương đối",
    "report": "báo cáo",
    "paper": "bài báo gốc",
    "entropy": "entropy",
    "plain": "nguyên bản",
    "softmax": "softmax",
    "layer": "tầng",
    "keys as published": "khóa như đã công bố",
    "layers named correctly": "tầng gọi đúng tên",
    "balanced losses": "mất mát cân bằng",
    "default layers": "tầng mặc định",
    "difference at equal structure": "chênh lệch khi cấu trúc bằng nhau",
    "lower is better": "thấp hơn là tốt hơn",
    "seconds": "giây",
    "photo": "ảnh chụp",
    "styles": "phong cách",
    "artists": "họa sĩ",
    "percent of files": "phần trăm số tệp",
    "files": "số tệp",
    "width": "chiều rộng",
    "height": "chiều cao",
    "{} in the style of {}, and the losses of the run": (
        "{} theo phong cách của {}, và các hàm mất mát của lần chạy"
    ),
    "shares of styles and artists": "tỷ lệ các phong cách và họa sĩ",
    "widths and heights of the files": "chiều rộng và chiều cao của các tệp",
    "one picture of each style": "mỗi phong cách một bức ảnh",
    "the report's statistics beside what is counted": "thống kê của báo cáo bên cạnh số đếm được",
    "what the two load_image functions do to colors and proportions": (
        "hai hàm load_image làm gì với màu sắc và tỷ lệ"
    ),
    "pairs drawn for style transfer": "các cặp ảnh được rút để chuyển phong cách",
    "one picture, augmented": "một bức ảnh được tăng cường",
    "the pair": "cặp ảnh",
    "entropy and peak of activations and of their Gram matrices": (
        "entropy và đỉnh của các kích hoạt và của ma trận Gram"
    ),
    "ResNet-50 under the report's losses": "ResNet-50 với hàm mất mát của báo cáo",
    "ResNet-50 under balanced losses": "ResNet-50 với hàm mất mát cân bằng",
    "the arms of ResNet-50, measured": "các nhánh thí nghiệm của ResNet-50, đo đạc",
    "style gained against structure kept, over beta": (
        "phong cách đạt được so với cấu trúc giữ được, theo beta"
    ),
    "every run and its measures": "mọi lần chạy và các số đo",
    "seconds a step and peak memory at 256 pixels": (
        "số giây mỗi bước và bộ nhớ cao nhất ở 256 điểm ảnh"
    ),
    "the large run: style against structure, over beta": (
        "lần chạy lớn: phong cách so với cấu trúc, theo beta"
    ),
    "paired differences at equal structure, 95 % intervals": (
        "chênh lệch theo cặp khi cấu trúc bằng nhau, khoảng tin cậy 95 %"
    ),
    "the photo and the painting": "ảnh chụp và bức tranh",
    "what the report's recipes cost here": "chi phí của các công thức trong báo cáo trên máy này",
    "the report's loss over time, four ways": "hàm mất mát của báo cáo theo thời gian, bốn cách",
    "seconds to the same loss": "số giây để đạt cùng một giá trị mất mát",
    "the photo painted five ways": "ảnh chụp được vẽ theo năm cách",
    "the report's whole recipe at intervals": "toàn bộ công thức của báo cáo theo từng khoảng bước",
    "the photo reconstructed from one layer each": "ảnh chụp được dựng lại từ từng tầng",
    "the painting's texture from the first layers, ever more of them": (
        "kết cấu của bức tranh từ các tầng đầu, mỗi lúc thêm một tầng"
    ),
    "style layers alone and one left out": "từng tầng phong cách riêng lẻ, và bỏ đi một tầng",
    "style layers alone and one left out, measured": (
        "từng tầng phong cách riêng lẻ và bỏ đi một tầng, đo đạc"
    ),
    "pooling and Gram variants, with betas leveled at the start": (
        "các kiểu gộp và biến thể Gram, beta cân bằng lúc khởi đầu"
    ),
    "pooling and Gram variants, measured": "các kiểu gộp và biến thể Gram, đo đạc",
    "trained and random weights": "trọng số đã huấn luyện và ngẫu nhiên",
    "beta over six decades": "beta qua sáu bậc độ lớn",
    "beta over six decades, measured": "beta qua sáu bậc độ lớn, đo đạc",
    "weights of the style layers": "trọng số của các tầng phong cách",
    "weights of the style layers, measured": "trọng số của các tầng phong cách, đo đạc",
    "weights of the total variation": "trọng số của biến phân toàn phần",
    "optimizers and learning rates on one loss": (
        "các bộ tối ưu và tốc độ học trên cùng một hàm mất mát"
    ),
    "three starts": "ba điểm khởi đầu",
    "one scale and coarse to fine": "một cỡ ảnh và từ thô đến mịn",
    "the photo reconstructed from one layer each, measured": (
        "ảnh chụp được dựng lại từ từng tầng, đo đạc"
    ),
    "texture from the first layers, measured": "kết cấu từ các tầng đầu, đo đạc",
    "before a slider's move and some steps after it": (
        "trước khi kéo thanh trượt và vài bước sau đó"
    ),
    "the losses of a steered run": "các hàm mất mát của một lần chạy được điều khiển",
    "a steered painting, made again from its recipe": (
        "bức tranh được điều khiển, vẽ lại từ công thức của nó"
    ),
    "row": "hàng",
    "rotated": "xoay",
    "flipped": "lật",
    "scaled up": "phóng to",
    "cropped": "cắt",
    "translated": "dịch chuyển",
    "column": "cột",
    "pixels under the kernel": "điểm ảnh dưới nhân",
    "times the kernel, sum": "nhân với nhân, tổng",
    "output so far": "đầu ra đến lúc này",
    "blur": "làm mờ",
    "sharpen": "làm nét",
    "vertical edges": "biên dọc",
    "horizontal edges": "biên ngang",
    "spots": "đốm",
    "learned filters of conv1_1, the strongest first": "bộ lọc đã học của conv1_1, mạnh nhất trước",
    "function": "hàm",
    "derivative": "đạo hàm",
    "mean square of activations": "trung bình bình phương",
    "share with a flat slope": "tỷ lệ có độ dốc phẳng",
    "residual": "có phần dư",
    "gradient's norm, over that at the output": "chuẩn gradient, so với ở đầu ra",
    "mean": "trung bình",
    "always the commonest style": "luôn chọn phong cách phổ biến",
    "accuracy; bars: 95 % over artists": "độ chính xác; thanh: 95 % theo họa sĩ",
    "predicted": "dự đoán",
    "true style; shares in %": "phong cách thật; tỷ lệ %",
}
"""Vietnamese for every other English label and caption."""


def translator(
    language: str = "en", names: Mapping[str, tuple[str, str]] = TRANSLATIONS
) -> Callable[[str], str]:
    """Return a function that gives a label in one language.

    The function takes an English phrase, or one of `names`. A phrase that `VIETNAMESE` lacks stays
    English.

    Parameters
    ----------
    language : {"en", "vi"}
        The language of the labels.
    names : mapping of str to (str, str)
        English and Vietnamese for short names; any other label is its own English.

    Raises
    ------
    UnknownNameError
        If the language is not in `LANGUAGES`.

    Examples
    --------
    >>> translator("vi")("step"), translator("en")("tv")
    ('bước', 'total variation')
    """
    if language not in LANGUAGES:
        raise unknown("language", language, LANGUAGES)

    def say(phrase: str) -> str:
        if phrase in names:
            return names[phrase][LANGUAGES.index(language)]
        return phrase if language == "en" else VIETNAMESE.get(phrase, phrase)

    return say

"""The studio's words in English and Vietnamese."""

from collections.abc import Callable

from ..plotting.translations import TRANSLATIONS, translator

LABELS: dict[str, tuple[str, str]] = {
    # Buttons.
    "Start": ("Start", "Bắt đầu"),
    "Pause": ("Pause", "Tạm dừng"),
    "Step": ("Step", "Một bước"),
    "Reset": ("Reset", "Làm lại"),
    "Undo": ("Undo", "Hoàn tác"),
    "Redo": ("Redo", "Làm lại bước"),
    "Save": ("Save", "Lưu"),
    "Film": ("Film", "Phim"),
    "Code": ("Copy code", "Chép mã"),
    "Command": ("Copy command", "Chép lệnh"),
    "Compare": ("Compare", "So sánh"),
    "Close": ("Close", "Đóng"),
    "Swap": ("Swap", "Đổi chỗ"),
    "Upload": ("Upload", "Tải lên"),
    "Draw": ("Draw one", "Rút một bức"),
    "Copy": ("Copy", "Chép"),
    "Copied": ("Copied", "Đã chép"),
    "Hide": ("Hide", "Ẩn"),
    "go on": ("Go on with the last painting: {}", "Vẽ tiếp bức tranh trước: {}"),
    # What the buttons do.
    "go on help": (
        "The kernel was restarted or ended; its painting goes on from where it was saved",
        "Nhân đã khởi động lại hoặc dừng; bức tranh tiếp tục từ chỗ đã lưu",
    ),
    "start help": (
        "Paint, or go on painting",
        "Vẽ, hoặc vẽ tiếp",
    ),
    "pause help": ("Stop after this step; Start goes on", "Dừng sau bước này; Bắt đầu sẽ vẽ tiếp"),
    "step help": ("Take a single step", "Chạy đúng một bước"),
    "reset help": (
        "Back to the start picture; the sliders stay, the painting joins the snapshots",
        "Trở về ảnh khởi đầu; các thanh trượt giữ nguyên, bức tranh vào dải ảnh đã giữ",
    ),
    "undo help": (
        "Back to the picture and the recipe before the last move",
        "Trở về bức tranh và công thức trước lần thay đổi cuối",
    ),
    "redo help": (
        "Forward again to before the last undoing",
        "Tiến lại đến trước lần hoàn tác cuối",
    ),
    "save help": (
        "Save the painting, a figure and the recipe below data/runs/studio",
        "Lưu bức tranh, một hình và công thức vào data/runs/studio",
    ),
    "film help": (
        "Save an animated GIF of how the painting came about",
        "Lưu một ảnh động GIF về quá trình vẽ",
    ),
    "code help": (
        "Python that paints this picture again, slider moves included",
        "Mã Python vẽ lại bức tranh này, kể cả các lần kéo thanh trượt",
    ),
    "command help": (
        "A papermill command that paints this picture again, slider moves included",
        "Lệnh papermill vẽ lại bức tranh này, kể cả các lần kéo thanh trượt",
    ),
    "compare help": (
        "A second recipe beside the first, on the same pair; both begin anew, step by step",
        "Công thức thứ hai bên cạnh công thức đầu, cùng cặp ảnh; cả hai vẽ lại từ đầu",
    ),
    "close help": ("End the painting and close this panel", "Kết thúc và đóng bảng này"),
    "swap help": ("Exchange content and style", "Đổi ảnh nội dung và ảnh phong cách"),
    "upload help": (
        "A picture file from this computer, up to 64 MB: choose it, drop it here, or paste it",
        "Tệp ảnh từ máy này, tối đa 64 MB: chọn, kéo thả vào đây, hoặc dán",
    ),
    "too large": (
        "{} has {:.0f} MB; at most {:.0f} MB can be uploaded, give its path instead",
        "{} có {:.0f} MB; chỉ tải lên được tối đa {:.0f} MB, hãy nhập đường dẫn",
    ),
    "path": ("path or address, then Enter", "đường dẫn hoặc địa chỉ, rồi Enter"),
    "snapshot help": ("Go back to step {} of painting {}: {}", "Trở về bước {} của bức {}: {}"),
    # Several styles, regions, what was saved.
    "regions tab": ("Regions", "Vùng"),
    "gallery tab": ("Saved", "Đã lưu"),
    "second style": ("second style", "phong cách thứ hai"),
    "none": ("none", "không có"),
    "share": ("its share, everywhere", "tỉ lệ của nó, toàn ảnh"),
    "mask brush": ("mark with a brush", "đánh dấu bằng cọ"),
    "mask eraser": ("take marks away", "xóa dấu"),
    "mask box": ("mark a box", "đánh dấu một khung"),
    "mask part": ("mark the proposed part that is clicked", "đánh dấu phần gợi ý được bấm"),
    "mask clear": ("mark nothing", "bỏ mọi dấu"),
    "mask width": ("width of brush and eraser", "độ rộng cọ và tẩy"),
    "parts": ("proposed parts", "số phần gợi ý"),
    "part help": ("Mark this proposed part of the photo", "Đánh dấu phần gợi ý này của ảnh"),
    "marked": ("what is marked", "phần đánh dấu"),
    "marked second": ("gets the second style", "nhận phong cách thứ hai"),
    "marked photo": ("stays the photo", "giữ nguyên ảnh gốc"),
    "marked only": ("alone is painted", "là phần duy nhất được vẽ"),
    "apply": ("Paint by regions", "Vẽ theo vùng"),
    "apply help": (
        "The marked part as chosen above, the rest in the first style or as the photo",
        "Phần đánh dấu như chọn ở trên, phần còn lại theo phong cách đầu hoặc như ảnh gốc",
    ),
    "everywhere": ("Everywhere alike", "Toàn ảnh như nhau"),
    "everywhere help": ("Paint without regions again", "Vẽ lại không chia vùng"),
    "crop": ("Crop the photo", "Cắt ảnh"),
    "crop help": (
        "Paint only the part of the photo around what is marked",
        "Chỉ vẽ phần ảnh quanh chỗ đánh dấu",
    ),
    "look again": ("Look again", "Xem lại"),
    "gallery help": (
        "Press a painting to load its pictures and its recipe",
        "Bấm một bức tranh để nạp lại ảnh và công thức",
    ),
    "gallery empty": ("Nothing was saved yet: press Save", "Chưa lưu gì: bấm Lưu"),
    "first look": ("a filter's first look; Start paints", "bản xem nhanh; bấm Bắt đầu để vẽ"),
    # Controls.
    "weights tab": ("Weights", "Trọng số"),
    "method tab": ("Method", "Phương pháp"),
    "alpha": ("alpha (content)", "alpha (nội dung)"),
    "beta": ("beta (style)", "beta (phong cách)"),
    "tv slider": ("total variation", "biến phân toàn phần"),
    "learning_rate": ("learning rate", "tốc độ học"),
    "backbone": ("backbone", "mạng"),
    "weights": ("trained weights", "trọng số mạng"),
    "content_layer": ("content layer", "tầng nội dung"),
    "color": ("colors", "màu sắc"),
    "detail": ("finest detail of", "chi tiết mịn của"),
    "style_scale": ("stroke size", "cỡ nét cọ"),
    "gram": ("Gram variant", "biến thể Gram"),
    "pooling": ("pooling", "gộp (pooling)"),
    "optimizer": ("optimizer", "bộ tối ưu"),
    "start field": ("start (at Reset)", "khởi đầu (khi Làm lại)"),
    "size": ("size, pixels", "cỡ, điểm ảnh"),
    "budget": ("steps a start", "số bước mỗi lượt"),
    "untrained": ("untrained", "chưa huấn luyện"),
    "wipe": ("photo left, painting right of this line", "trái: ảnh gốc, phải: tranh"),
    "larger": ("larger", "phóng to"),
    "smaller": ("smaller", "thu nhỏ"),
    "fit": ("whole picture", "cả bức"),
    "full": ("full screen", "toàn màn hình"),
    "download": ("download the painting", "tải bức tranh về"),
    "alike": ("the same recipe", "cùng công thức"),
    "keep": (
        "switching off keeps {}, the other joins its snapshots",
        "khi tắt sẽ giữ {}, bức kia vào dải ảnh đã giữ",
    ),
    "seconds left": ("{:.0f} s left", "còn {:.0f} giây"),
    "subtle": ("subtle", "nhẹ"),
    "balanced": ("balanced", "vừa"),
    "wild": ("wild", "mạnh"),
    "how much": ("how much style", "mức phong cách"),
    "face help": (
        "A face is lost? Choose subtle, or lower beta.",
        "Mất khuôn mặt? Chọn mức nhẹ, hoặc giảm beta.",
    ),
    "controls of": ("sliders steer", "thanh trượt của"),
    # Status.
    "loading": ("loading the network", "đang tải mạng"),
    "ready": ("ready: press Start", "sẵn sàng: bấm Bắt đầu"),
    "starting": ("starting", "đang bắt đầu"),
    "running": ("running", "đang chạy"),
    "paused": ("paused", "tạm dừng"),
    "finished": (
        "paused after its steps: Start goes on",
        "tạm dừng sau đủ số bước: bấm Bắt đầu để vẽ tiếp",
    ),
    "failed": ("stopped", "đã dừng"),
    "closed": ("closed: run the cell again", "đã đóng: chạy lại ô này"),
    "steps a second": ("steps a second", "bước mỗi giây"),
    "saving": ("saving …", "đang lưu …"),
    "saved": ("saved: {}", "đã lưu: {}"),
}
"""Every label: English, Vietnamese."""


def studio_translator(language: str = "en") -> Callable[[str], str]:
    """Return a function that says the labels of the studio and of figures in one language.

    Raises
    ------
    UnknownNameError
        If the language does not exist.
    """
    return translator(language, TRANSLATIONS | LABELS)

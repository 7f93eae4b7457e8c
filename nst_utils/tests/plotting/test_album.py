import base64
import json
import re

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from nst_utils import paths
from nst_utils.errors import UnknownNameError
from nst_utils.images.png import read_provenance
from nst_utils.networks.backbone import load_backbone
from nst_utils.plotting import album as album_module
from nst_utils.plotting import pictures as figures

from ..conftest import tiny_backbone


def test_figures_are_saved_with_their_record_inside_and_beside(tmp_path):
    figure = Figure((3, 2))
    path = album_module.save_figure(figure, tmp_path / "new" / "x.png", {"seed": 3}, caption="Ảnh")
    record = {"caption": "Ảnh", "command": "", "seed": 3}
    assert read_provenance(path) == record
    assert json.loads(path.with_suffix(".json").read_text(encoding="utf-8")) == record
    assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    with Image.open(path) as image:
        assert image.size == (600, 400)
        assert image.info["dpi"] == pytest.approx((200, 200), abs=0.1)


def test_a_figure_full_of_brush_strokes_is_a_jpeg_where_that_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(album_module, "MAX_BYTES", 10_000)
    noise = Image.effect_noise((200, 150), 90).convert("RGB")
    sheet = figures.contact_sheet([(noise, "a")])
    assert album_module.save_figure(sheet, tmp_path / "x.png", {}).suffix == ".png"
    path = album_module.save_figure(sheet, tmp_path / "x.png", {}, small=True)
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")
    assert not path.with_suffix(".png").exists() and path.with_suffix(".json").is_file()


def test_a_chart_gets_a_palette_and_a_picture_keeps_its_colors(tmp_path):
    chart = Figure((3, 2))
    for i in range(5):
        chart.subplots().plot([0, i], [1, 2], label=f"line {i}")
    x, y = np.meshgrid(np.linspace(0, 255, 300), np.linspace(0, 255, 200))
    smooth = Image.fromarray(np.stack([x, y, x[:, ::-1]], axis=-1).astype(np.uint8))
    sheet = figures.contact_sheet([(smooth, "a")], width=2)
    for figure, mode in ((chart, "P"), (sheet, "RGB")):
        path = album_module.save_figure(figure, tmp_path / "x.png", {}, small=True)
        with Image.open(path) as saved:
            assert saved.mode == mode
            shown = np.asarray(saved.convert("RGB"), int)
        change = np.abs(shown - np.asarray(album_module.render_figure(figure, 200), int))
        assert (change.max(axis=-1) > 8).mean() <= 0.002


def test_a_figure_that_cannot_be_written_is_one_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(album_module.FigureError, match="the file cannot be written"):
        album_module.save_figure(Figure(), tmp_path / "file" / "x.png", {})


def test_pdf_is_kept_small_too(tmp_path, monkeypatch):
    noise = Image.effect_noise((450, 350), 90).convert("RGB")
    figure = figures.contact_sheet([(noise, "a")], columns=1, width=2)
    sizes = []
    for limit in (10**9, 60_000):
        monkeypatch.setattr(album_module, "PDF_BYTES", limit)
        path = album_module.save_figure(figure, tmp_path / "x.png", {})
        sizes.append(path.with_suffix(".pdf").stat().st_size)
    assert sizes[1] < 0.6 * sizes[0]


def test_the_folders_page_lists_every_figure_with_its_command(tmp_path):
    for name in ("b", "a"):
        album_module.save_figure(
            Figure((1, 1)),
            tmp_path / f"{name}.png",
            {},
            caption=f"shows {name}|",
            command="make it",
        )
    lines = (tmp_path / "README.md").read_text(encoding="utf-8").splitlines()
    assert lines[-2:] == [
        "| [a](a.png), [PDF](a.pdf) | shows a\\| | `make it` |",
        "| [b](b.png), [PDF](b.pdf) | shows b\\| | `make it` |",
    ]


def test_the_stored_figures_commands_name_files_that_exist():
    root = paths.ROOT
    records = [json.loads(path.read_text("utf-8")) for path in (root / "figures").glob("*.json")]
    named = {file for r in records for file in re.findall(r"[\w/.]+\.(?:py|ipynb)\b", r["command"])}
    assert len(named) > 5 and [file for file in named if not (root / file).is_file()] == []


@pytest.mark.parametrize("final", [False, True])
def test_only_the_command_figures_writes_to_figures(monkeypatch, final):
    monkeypatch.setenv("NST_FIGURES", "1" if final else "")
    album = album_module.Album("x", language="vi", parameters={"beta": 3})
    preview = album.add(Figure((2, 1)), "name", "a caption")
    place = paths.FIGURES if final else paths.RUNS / "figures" / "x"
    record = read_provenance(place / "x_name_vi.png")
    assert (record["notebook"], record["parameters"]) == ("x", {"beta": 3})
    assert record["command"].endswith("notebooks/x.ipynb -p language vi")
    assert preview.data.startswith(b"\x89PNG")  # a chart; pictures are JPEG
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8))
    assert album.add(figures.contact_sheet([(noise, "a")]), "b", "c").data.startswith(b"\xff\xd8")
    with pytest.raises(UnknownNameError):
        album_module.Album("x", language="fr")
    with pytest.raises(album_module.FigureError, match="a notebook's name"):
        album_module.Album(3)


def test_an_animation_is_saved_with_its_record(monkeypatch):
    monkeypatch.setenv("NST_FIGURES", "1")
    figures = [Figure((1, 1), facecolor=color) for color in ("red", "blue", "green")]
    shown = album_module.Album("x").add_animation(figures, "moves", "three colors", rate=8)
    path = paths.FIGURES / "x_moves.webp"
    source = re.fullmatch('<img alt="three colors" src="data:image/webp;base64,(.*)">', shown.data)
    assert base64.b64decode(source[1]) == path.read_bytes()
    with Image.open(path) as image:
        image.load()
        assert (image.n_frames, image.info["duration"]) == (3, 125)
    assert "[x_moves](x_moves.webp) | three colors" in (path.parent / "README.md").read_text()
    monkeypatch.setattr(paths, "FIGURES", path)
    with pytest.raises(OSError, match="x_moves.webp"):
        album_module.Album("x").add_animation(figures, "moves", "three colors")


def test_tables_are_saved_for_a_report(monkeypatch):
    monkeypatch.setenv("NST_FIGURES", "1")
    table = pd.DataFrame({"gap_%": [0.123456, 2]}, index=["a", "b"])
    album = album_module.Album("x")
    album.add_table(table, "runs", "every run")
    latex = (paths.FIGURES / "x_runs.tex").read_text(encoding="utf-8")
    assert r"gap\_\%" in latex and "0.12" in latex
    lines = (paths.FIGURES / "README.md").read_text(encoding="utf-8").splitlines()
    command = "`python -m nst_utils rerun notebooks/x.ipynb`"
    assert lines[-1] == f"| [x_runs](x_runs.csv), [TEX](x_runs.tex) | every run | {command} |"


def test_an_album_knows_whether_the_text_speaks_of_this_run():
    own = dict(content="motorcycle", style="cubism", size=96)
    assert album_module.Album("11_audit", parameters=own).as_stored
    assert not album_module.Album("11_audit", parameters=own | {"size": 97}).as_stored


def test_a_banner_warns_of_untrained_weights():
    loud = album_module.banner(tiny_backbone()).data
    assert "**Untrained network. Weights: tiny." in loud
    assert album_module.banner(load_backbone("vgg19")).data == "Weights: VGG19 (Oxford)."


@pytest.mark.parametrize(
    "settings", [{"text.usetex": True}, {"figure.facecolor": "black", "savefig.bbox": "tight"}]
)
def test_figures_have_their_own_look(settings, tmp_path):
    noise = Image.effect_noise((90, 70), 90).convert("RGB")
    plain = album_module.render_figure(figures.contact_sheet([(noise, "a_b")], columns=1), 50)
    with matplotlib.rc_context(settings):
        path = album_module.save_figure(
            figures.contact_sheet([(noise, "a_b")], columns=1), tmp_path / "x.png", {}
        )
        again = album_module.render_figure(figures.contact_sheet([(noise, "a_b")], columns=1), 50)
        assert all(matplotlib.rcParams[name] == value for name, value in settings.items())
    assert path.is_file() and np.array_equal(plain, again)


def test_files_of_the_users_own_stay(tmp_path):
    page, picture = tmp_path / "README.md", tmp_path / "quickstart.png"
    page.write_text("# my project")
    album_module.write_index(tmp_path)
    assert page.read_text() == "# my project"
    assert album_module.check_figure(picture) == picture
    picture.write_bytes(b"mine")
    with pytest.raises(album_module.FigureError, match="was not made here"):
        album_module.check_figure(picture)
    picture.with_suffix(".json").write_text(json.dumps({"caption": "a figure"}))
    assert album_module.check_figure(picture) == picture

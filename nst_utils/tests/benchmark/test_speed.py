import pytest
from matplotlib.figure import Figure

from nst_utils.benchmark import convergence, quality, reference, speed, table
from nst_utils.benchmark.common import (
    BenchError,
    Exhibit,
    Row,
    benchmark_pair,
    ratio_row,
    value_row,
)
from nst_utils.benchmark.peers import Pastiche, as_pastiche
from nst_utils.benchmark.speed import operations
from nst_utils.benchmark.table import line
from nst_utils.errors import UnknownNameError
from nst_utils.transfer.presets import recipe


def test_operations_are_counted_from_the_shapes():
    # By hand for a 16 x 16 picture: each convolution 2 * 9 * in * out * positions, the Gram
    # matrices 2 * d * d * positions, twice for the way back.
    shapes = [
        (3, 64, 256), (64, 64, 256), (64, 128, 64), (128, 128, 64), (128, 256, 16),
        (256, 256, 16), (256, 256, 16), (256, 256, 16), (256, 512, 4), (512, 512, 4),
        (512, 512, 4), (512, 512, 4), (512, 512, 1),
    ]  # fmt: skip
    grams = [(64, 256), (128, 64), (256, 16), (512, 4), (512, 1)]
    convolutions = sum(18 * a * b * n for a, b, n in shapes)
    assert operations(16, 16) == 2 * (convolutions + sum(2 * d * d * n for d, n in grams))
    assert operations(512, 384) / operations(256, 192) == pytest.approx(4)


def test_a_line_shows_what_was_missed():
    assert "MISSED" in line(value_row("a", 2.0, 1.0)) and "0.25" in line(
        ratio_row("a", 1.0, 4.0, 1)
    )


def test_the_table_takes_its_place_on_the_page():
    page = "before\n{}\nold\n{}\nafter\n".format(*table.MARKS)
    rows = [value_row("a figure", 2.0, 1.0), ratio_row("another", 1.0, 4.0, 1)]
    text = table.with_table(page, "On a machine:", rows)
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "| a figure | 2 |  |  | 1 or less: **missed** |" in text
    assert "| another | 1 | 4 | 0.25 | ratio 1 or less: met |" in text
    assert table.with_table(text, "On a machine:", rows) == text
    with pytest.raises(BenchError, match="once each"):
        table.with_table("no marks", "", rows)


def test_what_is_drawn_is_shown_and_not_counted(monkeypatch):
    exhibit = Exhibit("name", Figure(), "caption", {})
    monkeypatch.setitem(table.FIGURES, "levers", lambda: iter([value_row("a", 1.0, 2.0), exhibit]))
    shown = []
    assert len(list(table.run_benchmark(["levers"], shown.append))) == 1
    assert shown == [exhibit]
    assert len(list(table.run_benchmark(["levers"]))) == 1


def test_pastiches_objective_is_brought_down_coarse_to_fine(monkeypatch):
    monkeypatch.setattr(convergence, "DESCENT", ((1 / 4, 3, 0), (1 / 2, 2, 1), (1, 4, 4)))
    content, style = benchmark_pair(128, 96)
    theirs = Pastiche(content, style, 128)
    settings = as_pastiche(*theirs.resized(), recipe(size=128))
    found = [(own, theirs.loss_of(x), x) for own, x in convergence._descend(theirs, settings)]
    assert all(x.shape[-2:] == tuple(theirs.artist.content_size) for _, _, x in found)
    # Whole steps only, and what is yielded with a picture is its loss up to one factor.
    assert len(found) == 4 and found[-1][0] < found[0][0]
    factors = [loss / own for own, loss, _ in found]
    assert factors == pytest.approx([factors[0]] * 4, rel=0.05)


def test_the_network_is_cut_short_without_a_change_of_weights():
    content, style = benchmark_pair(64, 48)
    settings = as_pastiche(content, style, recipe(size=64))
    short = convergence._cut_short(settings)
    assert short.content_layer == "relu4_1" and list(short.style_layers)[-1] == "relu4_1"
    for layer, weight in short.style_layers.items():
        own = weight * short.beta / sum(short.style_layers.values())
        assert own == pytest.approx(settings.beta * settings.style_layers[layer], rel=1e-6)


@pytest.mark.parametrize(("goal", "there"), [(1e12, True), (0.0, False)])
def test_the_reports_loss_counts_only_once_it_is_reached(goal, there, monkeypatch):
    loop = recipe("report", size=48, scales=(48,), steps=(100_000,))
    monkeypatch.setattr(reference, "REPORTS", {name: loop for name in ("report", "report_256")})
    monkeypatch.setattr(
        reference, "end_points", lambda: {name: {"loss": goal} for name in reference.REPORTS}
    )
    monkeypatch.setattr(reference, "check_end_point", lambda known: known)
    ladder = (1 / 2, 2), (1, 3)
    monkeypatch.setattr(convergence, "LADDERS", dict.fromkeys(reference.REPORTS, ladder))
    for row in convergence.report_time():
        assert "100,000 steps" in row.figure and "48 px" in row.figure
        assert row.met is there and row.ours < row.theirs


def test_pastiches_recorded_pictures_are_given_the_time_that_they_would_take_here(monkeypatch):
    monkeypatch.setattr(reference, "KEPT_AFTER", {35: 14, 120: 56})
    monkeypatch.setattr(reference, "PASTICHE_SIZE", 32)
    monkeypatch.setattr(quality, "median_seconds", lambda steps, _: dict.fromkeys(steps, 3.0))
    times = quality.pastiches_times()
    # Loading is what it takes here.
    assert 0 < times[35] - 14 * 3 and times[120] - times[35] == pytest.approx((56 - 14) * 3)


def test_memory_is_that_of_a_process_with_nothing_else_in_it():
    bare = speed._peak_of("pass")
    more = speed._peak_of("import time; x = b'1' * 80_000_000; time.sleep(0.1)")
    assert bare < 60 and 70 < more - bare < 90
    with pytest.raises(BenchError, match="ZeroDivisionError"):
        speed._peak_of("1 / 0")


def test_an_unknown_figure_is_refused_before_anything_is_measured():
    with pytest.raises(UnknownNameError, match="startup"):
        next(table.run_benchmark(["startup", "start"]))


@pytest.mark.parametrize(
    ("ssim", "color", "met"),
    [(0.5, 0.2, True), (0.6, 0.2, True), (0.49, 0.1, False), (0.6, 0.4, False)],
)
def test_style_is_better_only_where_no_less_structure_is_kept(ssim, color, met):
    row = quality._style_row(
        "color", {"ssim": ssim, "color": color}, {"ssim": 0.5, "color": 0.4}, "512 px, 9 s"
    )
    assert row.met is met and row.ratio == color / 0.4
    assert f"({ssim:.3f} to 0.500), 512 px, 9 s" in row.figure


def test_startup_is_measured_and_light():
    rows = list(speed.startup())
    assert all(isinstance(row, Row) and 0 < row.ours < row.theirs for row in rows)
    assert all(row.met for row in rows), rows

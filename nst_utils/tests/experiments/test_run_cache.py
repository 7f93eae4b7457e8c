import subprocess
import sys

import numpy as np
import pytest

from nst_utils.experiments import run_cache
from nst_utils.images.inputs import InputPicture
from nst_utils.transfer import state
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.run import StopRun, stylize

QUICK = Recipe(size=48, scales=(32, 48), steps=(4, 3), weights="random")


@pytest.fixture
def painted(monkeypatch):
    """Count the runs that are really made."""
    made = []

    def count(*args, **options):
        made.append(args)
        return stylize(*args, **options)

    monkeypatch.setattr(run_cache, "stylize", count)
    return made


def test_nothing_is_kept_unless_a_folder_is_named(tiny, pictures, painted, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    run_cache.paint(*pictures, QUICK)
    run_cache.paint(*pictures, QUICK)
    assert len(painted) == 2
    assert sorted(tmp_path.rglob("*")) == before


def test_a_finished_run_comes_back_whole(tiny, pictures, painted, tmp_path):
    keep = tmp_path / "keep"
    first, frames = run_cache.paint(*pictures, QUICK, show_every=3, keep=keep)
    again, stored = run_cache.paint(*pictures, QUICK, show_every=3, keep=keep)
    assert len(painted) == 1
    assert np.array_equal(again.image, first.image)
    assert again.history == first.history
    assert again.recipe == first.recipe
    assert again.provenance == first.provenance
    assert (again.seconds, again.best.total) == (first.provenance["seconds"], first.best.total)
    assert [record.step for record, _ in stored] == [0, 3, 6]
    for (_, one), (_, two) in zip(frames, stored, strict=True):
        assert np.array_equal(one, two)


def test_another_recipe_picture_or_code_or_a_damaged_run_is_painted(
    tiny, pictures, painted, tmp_path, monkeypatch
):
    keep = tmp_path / "keep"
    content, style = pictures
    run_cache.paint(content, style, QUICK, keep=keep)
    run_cache.paint(content, style, QUICK.replace(beta=1), keep=keep)
    run_cache.paint(style, content, QUICK, keep=keep)
    assert len(painted) == 3
    with monkeypatch.context() as patch:
        patch.setattr(run_cache, "code_version", lambda: "other")
        run_cache.paint(content, style, QUICK, keep=keep)
    assert len(painted) == 4
    for history in keep.rglob("history.json"):
        history.write_text("[{")
    run_cache.paint(content, style, QUICK, keep=keep)
    assert len(painted) == 5
    run_cache.paint(content, style, QUICK, keep=keep)
    assert len(painted) == 5


def test_a_run_that_was_stopped_or_starts_from_a_file_is_not_kept(
    tiny, pictures, painted, tmp_path, monkeypatch
):
    keep = tmp_path / "keep"
    run_cache.paint(*pictures, QUICK.replace(start=str(pictures[1])), keep=keep)
    assert not keep.exists()

    def stop(live):
        raise StopRun

    content, style = map(InputPicture.open, pictures)
    place = run_cache.CachedRun(keep, content, [style], QUICK)
    place.save(stylize(*pictures, QUICK, on_step=stop))
    assert not keep.exists()


def test_every_module_that_a_run_imports_decides_its_key(monkeypatch):
    code = (
        "import sys, nst_utils.transfer.run;"
        "print(*(n for n, m in sys.modules.items() if 'nst_utils' in n and m.__spec__))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ground = {"nst_utils", "nst_utils.errors", "nst_utils.paths"}
    # They fetch, check and write files, and hear of signals; they move no pixel.
    ground |= {"nst_utils.download", "nst_utils.signals", "nst_utils.untrusted"}
    ground |= {"nst_utils.parallel"}
    folders = {name.split(".")[1] for name in set(found.stdout.split()) - ground}
    assert folders == set(state.DECIDING)


def test_a_change_of_any_deciding_file_is_another_key(tmp_path, monkeypatch):
    for folder in state.DECIDING:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one.py").write_text("x = 1")
    monkeypatch.setattr(state, "PACKAGE", tmp_path)
    keys = set()
    for path in [tmp_path / "images/one.py", tmp_path / "networks/one.py", tmp_path / "new.py"]:
        path.write_text("x = 2")
        state.code_version.cache_clear()
        keys.add(state.code_version())
    state.code_version.cache_clear()
    assert len(keys) == 2  # what stands outside decides nothing


@pytest.mark.parametrize(
    "history", ["[" * 100_000, "5", '[{"step": "x"}]', '[{"layers": 3}]', "[null]", ""]
)
def test_a_kept_run_of_a_stranger_is_made_anew(tiny, pictures, painted, tmp_path, history):
    keep = tmp_path / "keep"
    run_cache.paint(*pictures, QUICK, show_every=3, keep=keep)
    for place in keep.rglob("history.json"):
        place.write_text(history)
    run_cache.paint(*pictures, QUICK, show_every=3, keep=keep)
    assert len(painted) == 2


def test_a_kept_frame_that_declares_too_much_is_made_anew(tiny, pictures, painted, tmp_path):
    from ..images.test_io import declared

    keep = tmp_path / "keep"
    run_cache.paint(*pictures, QUICK, show_every=3, keep=keep)
    for place in keep.rglob("step-*.png"):
        place.write_bytes(declared(60_000, 60_000))
    run_cache.paint(*pictures, QUICK, show_every=3, keep=keep)
    assert len(painted) == 2


def test_a_run_that_cannot_be_kept_is_only_a_warning(tiny, pictures, tmp_path):
    from nst_utils.errors import NSTWarning

    (tmp_path / "keep").write_text("a file in the way")
    with pytest.warns(NSTWarning, match="could not be kept"):
        result, _ = run_cache.paint(*pictures, QUICK, keep=tmp_path / "keep")
    assert result.stopped == "finished"

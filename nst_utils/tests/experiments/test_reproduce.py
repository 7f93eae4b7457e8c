import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from nst_utils.cli.main import main
from nst_utils.errors import NSTError
from nst_utils.experiments.reproduce import RepeatError, repeat_run
from nst_utils.images.png import read_provenance, save_png
from nst_utils.images.tensors import load
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.run import stylize

QUICK = Recipe(size=48, scales=(32, 48), steps=(4, 3), weights="random")


@pytest.fixture
def picture(tiny, pictures, tmp_path):
    return stylize(*pictures, QUICK).save(tmp_path / "out.png")


def test_the_same_machine_repeats_every_pixel(picture):
    found = repeat_run(picture)
    assert found.identical
    assert str(found) == "identical: every pixel agrees"
    assert found.changed == {}


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("clear", [False, True])
def test_more_bits_and_transparency_repeat_every_pixel(
    tiny, pictures, tmp_path, suffix, depth, clear
):
    if suffix == ".tif" and depth == 8:
        pytest.skip("saved as the PNG is")
    alpha = Image.linear_gradient("L") if clear else None
    result = stylize(*pictures, QUICK)
    assert repeat_run(result.save(tmp_path / f"out{suffix}", depth=depth, alpha=alpha)).identical


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_a_compressed_painting_is_repeated_too(tiny, pictures, tmp_path, suffix):
    alpha = Image.linear_gradient("L") if suffix == ".webp" else None
    path = stylize(*pictures, QUICK).save(tmp_path / f"a{suffix}", alpha=alpha)
    assert repeat_run(path).identical


def test_other_weights_are_refused_before_anything_is_painted(picture):
    record = read_provenance(picture)
    record["weights"] |= {"sha256": "0" * 64, "label": "VGG19 (mine)"}
    with Image.open(picture) as image:
        save_png(image.copy(), picture, record)
    with pytest.raises(RepeatError, match=r"painted with VGG19 \(mine\).*NST_WEIGHTS_DIR"):
        repeat_run(picture)


def test_a_figure_is_no_painting(picture):
    with Image.open(picture) as image:
        save_png(image.copy(), picture, read_provenance(picture) | {"caption": "two pictures"})
    with pytest.raises(RepeatError, match="this is a figure"):
        repeat_run(picture)


def test_a_sample_is_found_by_its_name(tiny, tmp_path):
    path = stylize("coffee", "mosaic", QUICK).save(tmp_path / "out.png")
    assert repeat_run(path).identical


def test_a_steered_run_is_repeated_with_its_changes(tiny, pictures, tmp_path):
    result = stylize(
        *pictures, QUICK, on_step=lambda r: QUICK.replace(beta=300) if r.record.step == 2 else None
    )
    assert repeat_run(result.save(tmp_path / "s.png")).identical


def test_a_record_from_before_a_field_was_there_means_what_was_done_then(tiny, pictures, tmp_path):
    path = stylize(*pictures, QUICK.replace(color="free")).save(tmp_path / "old.png")
    record = read_provenance(path)
    del record["recipe"]["color"]
    with Image.open(path) as image:
        save_png(image.copy(), path, record)
    assert repeat_run(path).identical


def test_another_picture_is_told_apart(picture):
    record = read_provenance(picture)
    pixels = np.asarray(Image.open(picture)).copy()
    pixels[:5, :5] ^= 64
    record["versions"]["torch"] = "1.0"
    save_png(Image.fromarray(pixels), picture, record)
    found = repeat_run(picture)
    assert not found.identical
    assert found.worst == 64
    assert "largest 64" in str(found)
    assert "torch 1.0 -> " in str(found)


def test_moved_and_changed_inputs(picture, pictures, tmp_path):
    moved = tmp_path / "moved.png"
    pictures[0].rename(moved)
    with pytest.raises(RepeatError, match="neither beside.*name it with content=FILE"):
        repeat_run(picture)
    assert repeat_run(picture, content=moved).identical
    with pytest.raises(RepeatError, match="another file than the record names"):
        repeat_run(picture, content=pictures[1])
    with pytest.raises(RepeatError, match="cannot be read"):
        repeat_run(picture, content=tmp_path / "nothing.png")


def test_pictures_without_a_finished_run(picture, tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "plain.png")
    with pytest.raises(RepeatError, match="no record of a run"):
        repeat_run(tmp_path / "plain.png")
    record = read_provenance(picture) | {"stopped": "interrupted after 3 of 7 steps"}
    save_png(Image.open(picture).copy(), picture, record)
    with pytest.raises(RepeatError, match="did not finish"):
        repeat_run(picture)


def test_the_command_repeats_a_run(picture):
    found = CliRunner().invoke(main, ["rerun", "--from", str(picture)])
    assert (found.exit_code, found.stdout) == (0, "identical: every pixel agrees\n")
    copy = picture.with_name("again.png")
    found = CliRunner().invoke(main, ["rerun", "--from", str(picture), "-o", str(copy)])
    assert np.array_equal(np.asarray(Image.open(copy)), np.asarray(Image.open(picture)))
    for words in (["rerun"], ["rerun", "x.ipynb", "--from", "y.png"], ["rerun", "nothing.ipynb"]):
        assert CliRunner().invoke(main, words).exit_code == 2


def forged(picture, **changes):
    """Write another record into a painting; returns its path."""
    record = read_provenance(picture)
    for name, value in changes.items():
        if value is ...:
            record.pop(name)
        elif isinstance(value, dict) and isinstance(record.get(name), dict):
            record[name] = record[name] | value
        else:
            record[name] = value
    with Image.open(picture) as image:
        return save_png(image.copy(), picture.with_name("forged.png"), record)


WRONG = [1, -1.5, True, None, [], ["x"], {}, {"source": 3}, "x", "9" * 500, [[[[[]]]]]]


FIELDS = (
    "recipe weights content style start stopped steps device precision threads versions".split()
)
SOUND = {"recipe": [{}], "steps": [1], "threads": [1], "device": ["x", "9" * 500]}
SOUND |= {"precision": SOUND["device"], "versions": [{}]}


@pytest.mark.parametrize("name", FIELDS)
def test_records_of_strangers_end_in_one_sentence_before_anything_runs(picture, name, monkeypatch):
    from nst_utils.experiments import reproduce

    monkeypatch.setattr(reproduce, "stylize", lambda *_, **__: pytest.fail("it was painted"))
    record = read_provenance(picture)
    for value in WRONG:
        if any(type(value) is type(sound) and value == sound for sound in SOUND.get(name, [])):
            continue
        with Image.open(picture) as image:
            made = save_png(image.copy(), picture.with_name("wrong.png"), record | {name: value})
        with pytest.raises(NSTError) as caught:
            repeat_run(made)
        assert str(caught.value).isprintable() and len(str(caught.value)) <= 1200
    for name in ("weights", "content", "style", "stopped", "versions"):
        with pytest.raises(NSTError):
            repeat_run(forged(picture, **{name: ...}))


def test_a_record_opens_nothing_that_its_reader_did_not_name(picture, pictures, server, tmp_path):
    """Absolute paths, parents and addresses of a record wait for --trust."""
    far = tmp_path / "far" / "c.png"
    far.parent.mkdir()
    far.write_bytes(pictures[0].read_bytes())
    server.files["/c.png"] = far.read_bytes()
    inside = picture.parent / "in"
    inside.mkdir()
    for source in (str(far), "../far/c.png", f"{server.url}/c.png", f"file://{far}"):
        made = forged(picture, content={"source": source})
        with pytest.raises(RepeatError, match="only with trust=True"):
            repeat_run(made)
    assert not server.asked
    assert repeat_run(forged(picture, content={"source": str(far)}), trust=True).identical
    assert repeat_run(forged(picture, content={"source": f"{server.url}/c.png"}), trust=True)
    with pytest.raises(RepeatError, match="start picture without a checksum"):
        repeat_run(forged(picture, recipe={"start": "/etc/passwd.png"}))
    with pytest.raises(NSTError):
        repeat_run(forged(picture, recipe={"weights": "/etc/secret.pth"}))


def test_the_right_one_of_several_files_of_a_name_is_taken(
    picture, pictures, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    deep = tmp_path / "deep"
    deep.mkdir()
    moved = picture.rename(deep / "out.png")
    (deep / pictures[0].name).write_bytes(pictures[1].read_bytes())
    assert repeat_run(moved).identical  # the working directory has the right one


def test_the_number_of_threads_is_recorded_and_named(picture):
    import torch

    assert read_provenance(picture)["threads"] == torch.get_num_threads()
    assert repeat_run(forged(picture, threads=64)).changed == {"threads": ("64", "1")}
    assert repeat_run(forged(picture, threads=...)).changed == {}  # of an older version


def test_weights_that_were_moved_are_found_by_their_checksum(tiny, pictures, tmp_path, monkeypatch):
    import hashlib

    from nst_utils.experiments import reproduce

    path = stylize(*pictures, QUICK).save(tmp_path / "out.png")
    home = tmp_path / "models"
    home.mkdir()
    (home / "renamed.pth").write_bytes(b"weights")
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(home))
    digest = hashlib.sha256(b"weights").hexdigest()
    seen = []
    monkeypatch.setattr(reproduce, "stylize", lambda c, s, r, **_: seen.append(r.weights) or 1 / 0)
    made = forged(path, weights={"sha256": digest, "file": "old.pth"},
                  recipe={"weights": "/gone/old.pth"})  # fmt: skip
    with pytest.raises(ZeroDivisionError):
        repeat_run(made)
    assert seen == [str(home / "renamed.pth")]


def test_terminal_commands_of_a_record_are_escaped(picture, monkeypatch):
    evil = "\x1b]0;owned\x07\x1b[2J\n\u202e"
    made = forged(picture, content={"source": evil})
    found = CliRunner().invoke(main, ["rerun", "--from", str(made)])
    assert found.exit_code == 1 and "\x1b" not in found.output and "\u202e" not in found.output
    found = CliRunner().invoke(main, ["provenance", str(made)])
    assert "\x1b" not in found.output


def test_a_run_of_tensors_is_repeated_with_the_same_tensors(tiny, tmp_path):
    pair = [load(Image.effect_noise((48, 36), 60).convert("RGB")) for _ in range(2)]
    path = stylize(*pair, Recipe(size=32, steps=2, weights="random")).save(tmp_path / "a.png")
    assert repeat_run(str(path), content=pair[0], style=pair[1]).identical
    with pytest.raises(RepeatError, match="content"):
        repeat_run(path, content=pair[1], style=pair[1])

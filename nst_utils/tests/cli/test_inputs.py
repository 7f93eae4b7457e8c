"""What people bring to the command line: names, consoles, addresses, limits."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from nst_utils import paths
from nst_utils.images.deep import read_deep
from nst_utils.images.io import read_alpha
from nst_utils.images.png import read_provenance

from ..images.test_io import colorful, jpeg
from .helpers import one_sentence, run

SMALL = ("--size", "32", "--steps", "1", "--weights", "random")


@pytest.mark.parametrize("name", ["画" * 82 + "ab.png", "é" * 120 + ".png", "x" * 251 + ".png",
                                  "a b'c\"d.png", "-dash.png", "ünï.png"])  # fmt: skip
def test_a_name_that_the_file_system_takes_is_taken(tiny, pictures, tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = run("stylize", *pictures, *SMALL, f"--output={name}")
    assert found.exit_code == 0, found.output
    assert read_provenance(tmp_path / name)["steps"] == 1
    assert not list(tmp_path.glob(".nst-*"))


@pytest.mark.parametrize(
    ("name", "says"),
    [("x" * 300 + ".png", "no file can have this name"), ("a\0b.png", "no file can have this name"),
     ("pipe.png", "pipe or a device"), ("loop.png", "no file can have this name"),
     ("dir.png", "this is a folder"), ("x.gif", "must end in .png"),
     ("none/x.png", "does not exist")],
)  # fmt: skip
def test_one_that_cannot_be_written_is_refused_before_the_run(pictures, tmp_path, name, says,
                                                              monkeypatch):  # fmt: skip
    from nst_utils.experiments import trials

    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "dir.png").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trials, "stylize", lambda *_, **__: pytest.fail("it was painted"))
    assert says in one_sentence(run("stylize", *pictures, *SMALL, "--output", name), 2)


def test_where_nothing_can_be_written_a_painting_is_rescued_elsewhere(
    tiny, pictures, tmp_path, monkeypatch
):
    from nst_utils.images.formats import ImageError
    from nst_utils.images.outputs import save_painting
    from nst_utils.transfer import result as transfer_result

    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(paths, "RUNS", tmp_path / "file" / "runs")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def full(tensor, path, *words, **options):
        if "rescued" not in str(path):
            raise ImageError(f"{path}: no space left")
        return save_painting(tensor, path, *words, **options)

    monkeypatch.setattr(transfer_result, "save_painting", full)
    line = one_sentence(run("stylize", *pictures, *SMALL, "--output", tmp_path / "out.png"), 1)
    assert "no space left; the painting is in" in line
    assert len(list(tmp_path.rglob("nst_rescued*/painting.png"))) == 1


def start(*words, **options):
    command = [sys.executable, "-m", "nst_utils", *map(str, words)]
    return subprocess.run(command, text=True, errors="backslashreplace", **options)


def test_without_a_console_it_paints_without_a_bar(pictures, tmp_path):
    words = " ".join(["stylize", *map(str, pictures), *SMALL, "-o"])
    command = f"{sys.executable} -m nst_utils {words} out.png <&- >&- 2>&-"
    done = subprocess.run(command, shell=True, cwd=tmp_path)
    assert done.returncode == 0 and (tmp_path / "out.png").is_file()


def test_a_console_that_lacks_letters_shows_them_escaped(pictures, tmp_path):
    named = pictures[0].rename(tmp_path / "画é.png")
    found = start(
        "stylize", named, pictures[1], *SMALL, "-o", "ö.png", cwd=tmp_path, capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert "content   \\u753b\\xe9.png" in found.stdout and (tmp_path / "ö.png").is_file()


def test_a_name_that_is_no_utf8_is_painted_and_shown_escaped(tiny, pictures, tmp_path, monkeypatch):
    bad = tmp_path / os.fsdecode(b"c\xe9zanne.png")
    try:
        pictures[0].rename(bad)
    except OSError:
        pytest.skip("this file system has no such names")
    monkeypatch.chdir(tmp_path)
    out = os.fsdecode(b"\xfcber.png")
    found = run("stylize", bad.name, pictures[1], *SMALL, "--output", out)
    assert found.exit_code == 0, found.output
    assert "c\\udce9zanne.png" in found.stdout
    assert read_provenance(out)["content"]["source"] == bad.name
    assert run("provenance", out).exit_code == 0
    assert run("rerun", "--from", out).exit_code == 0


def test_made_again_a_painting_keeps_its_bits_and_its_transparency(tiny, pictures, tmp_path):
    clear = Image.open(pictures[0]).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    clear.save(tmp_path / "clear.png")
    first, again, flat = (tmp_path / name for name in ("one.png", "two.tif", "three.jpg"))
    keep = ("--depth", "16", "--alpha", "keep")
    words = (tmp_path / "clear.png", pictures[1], *SMALL, *keep)
    assert run("stylize", *words, "-o", first).exit_code == 0
    for path in (again, flat):
        found = run("rerun", "--from", first, "-o", path, "--content", words[0])
        assert "identical: every pixel" in found.output
    assert read_deep(again) is not None and read_deep(flat) is None
    assert np.array_equal(*(np.asarray(read_alpha(path)) for path in (first, again)))


def test_home_and_file_addresses_are_understood_everywhere(tiny, pictures, tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    found = run("stylize", "~/content.png", f"file://{pictures[1]}", *SMALL, "-o", "~/out.png")
    assert found.exit_code == 0, found.output
    assert run("provenance", "~/out.png").exit_code == 0
    assert run("rerun", "--from", "~/out.png").exit_code == 0
    again = run("stylize", "~/content.png", "~/style.png", *SMALL, "-o", "~/content.png")
    assert "would overwrite an input" in one_sentence(again, 2)


def test_no_secret_of_an_address_is_printed_or_kept(tiny, pictures, server, tmp_path):
    server.files["/a.jpg?X-Amz-Signature=deadbeef42&token=t0ken"] = jpeg(colorful())
    host = server.url.removeprefix("http://")
    address = f"http://alice:s3cretpw@{host}/a.jpg?X-Amz-Signature=deadbeef42&token=t0ken"
    out = tmp_path / "out.png"
    found = run("stylize", address, pictures[1], *SMALL, "-o", out)
    assert found.exit_code == 0, found.output
    for secret in ("s3cretpw", "deadbeef42", "t0ken"):
        assert secret.encode() not in out.read_bytes() and secret not in found.output
    assert f"content   http://{host}/a.jpg" in found.stdout


def test_little_memory_is_said_in_one_sentence(pictures, tmp_path):
    resource = pytest.importorskip("resource")

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (500 * 2**20,) * 2)

    found = start("stylize", *pictures, *SMALL, "-o", "o.png", cwd=tmp_path, capture_output=True,
                  preexec_fn=limit)  # fmt: skip
    assert found.returncode == 1 and "Traceback" not in found.stderr
    assert "Error: " in found.stderr and "unexpected" not in found.stderr


def test_an_unpainted_file_under_the_outputs_name_stays(tiny, pictures, tmp_path):
    (tmp_path / "notes.png").write_text("my notes")
    found = run("stylize", *pictures, *SMALL, "-o", tmp_path / "notes.png")
    assert "was not painted here" in one_sentence(found, 2)
    assert (tmp_path / "notes.png").read_text() == "my notes"
    Image.new("RGB", (9, 9)).save(tmp_path / "mine.png")
    assert "would be lost" in one_sentence(
        run("stylize", *pictures, *SMALL, "-o", tmp_path / "mine.png"), 2
    )

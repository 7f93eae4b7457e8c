import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from nst_utils import paths
from nst_utils.paths import (
    FolderError,
    claim_file,
    is_address,
    is_regular,
    make_run_folder,
    public_address,
    replacing,
    safe_name,
    user_path,
)


def test_what_users_write_as_paths(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert user_path("~/x.png") == tmp_path / "x.png"
    assert user_path("file:///a/b%20c.png").as_posix() == "/a/b c.png"
    assert not is_address("file:///a.png") and is_address("https://a/b")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (
            "http://alice:pw@h.org/a.jpg?X-Amz-Signature=ab&width=320",
            "http://h.org/a.jpg?width=320",
        ),
        ("https://h.org/a?token=abc#frag", "https://h.org/a"),
        ("https://h.org/a?sig=1&se=2&sp=r", "https://h.org/a"),
        ("https://h.org/a?w=" + "9" * 40, "https://h.org/a"),
        ("https://user@h.org:8080/a", "https://h.org:8080/a"),
        ("http://[broken:pw@x/a?key=1", "http://x/a"),
        ("https://me:se/c#ret@h.org/a.jpg", "https://h.org/a.jpg"),
        ("https://h.org/@me/a.jpg;jsessionid=ab", "https://h.org/@me/a.jpg"),
    ],
)
def test_no_secret_of_an_address_is_shown(address, shown):
    assert public_address(address) == shown


def test_only_files_with_content_are_regular(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text("x")
    names = ["file", "pipe", "loop", "none", "x" * 5000, "null\0byte", "."]
    assert [name for name in names if is_regular(tmp_path / name)] == ["file"]


def test_folders_and_names_that_many_want_go_to_one_each(tmp_path):
    found = []
    jobs = [
        threading.Thread(
            target=lambda: found.append((make_run_folder("a"), claim_file(tmp_path, "x.png")))
        )
        for _ in range(8)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert len({folder for folder, _ in found}) == len({file for _, file in found}) == 8


def test_a_folder_that_cannot_be_made_is_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("x")
    monkeypatch.setattr(paths, "RUNS", tmp_path / "file" / "runs")
    with pytest.raises(FolderError, match="no folder can be made there"):
        make_run_folder()


def test_names_of_others_become_files(tmp_path):
    names = ["../../etc/passwd", "a\\b\\c.png", "CON?.jpg", "..", "", "x" * 300 + ".jpeg", "画.png"]
    for name in names:
        path = claim_file(tmp_path, name)
        assert path.parent == tmp_path and path.is_file()
    assert safe_name("a/../b.tar.gz") == "b.tar.gz"


def test_a_loop_of_links_is_an_error_that_says_so(tmp_path):
    (tmp_path / "loop.png").symlink_to("loop.png")
    with pytest.raises(OSError), replacing(tmp_path / "loop.png"):
        pass


def test_drafts_of_killed_processes_are_swept_up(tmp_path):
    (tmp_path / f"{paths._DRAFT}999999999-ab.png").touch()
    mine = tmp_path / f"{paths._DRAFT}{os.getpid()}-ab.png"
    mine.touch()
    with paths.replacing(tmp_path / "x.txt") as draft:
        assert sorted(tmp_path.iterdir()) == sorted([mine, draft])


def test_a_draft_that_was_replaced_by_a_private_file_gets_the_usual_mode(tmp_path):
    (tmp_path / "usual").touch()
    with paths.replacing(tmp_path / "net.safetensors") as draft:
        draft.unlink()
        draft.touch(mode=0o600)
    modes = [(tmp_path / name).stat().st_mode for name in ("usual", "net.safetensors")]
    assert modes[0] == modes[1]


def test_modes_are_the_systems_or_those_of_the_replaced_file(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "umask", lambda *_: pytest.fail("the umask is the process's"))
    paths.write_text(tmp_path / "new", "a")
    (tmp_path / "plain").touch()
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "new").chmod(0o640)
    paths.write_text(tmp_path / "new", "b")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    monkeypatch.setattr(os, "chmod", lambda *_, **__: (_ for _ in ()).throw(PermissionError()))
    paths.write_text(tmp_path / "new", "c")
    assert (tmp_path / "new").read_text() == "c"


def test_what_cannot_be_saved_goes_to_the_first_place_that_takes_it(tmp_path, monkeypatch):
    full = tmp_path / "full"
    monkeypatch.setattr(paths, "RUNS", full / "runs")
    monkeypatch.setattr(paths.tempfile, "tempdir", str(full / "tmp"))
    monkeypatch.setenv("HOME", str(tmp_path))

    def save(path):
        if full in path.parents:
            raise OSError(28, "No space left on device")
        path.write_text("saved")

    (full / "tmp").mkdir(parents=True)
    place = paths.save_elsewhere(save, "a.txt")
    assert place.read_text() == "saved" and place.parent.parent == tmp_path
    monkeypatch.setenv("HOME", str(full))
    with pytest.raises(FolderError, match="could not be saved: neither data/runs"):
        paths.save_elsewhere(save, "a.txt")


def test_long_names_have_locks(tmp_path):
    with paths.alone_with(tmp_path / ("ü" * 120)) as alone:
        assert alone and len(list(tmp_path.iterdir())) == 1


def test_a_short_path_can_be_written_where_one_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert paths.short_path(tmp_path / "a" / "b.png") == str(Path("a/b.png"))
    assert paths.short_path(paths.ROOT / "figures") == str(paths.ROOT / "figures")
    monkeypatch.chdir(paths.ROOT / "notebooks")
    assert paths.short_path(paths.ROOT / "figures") == str(Path("../figures"))


def test_what_may_not_be_looked_at_is_no_folder(monkeypatch):
    def stat(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", "/locked/x")

    monkeypatch.setattr(os, "stat", stat)
    assert not paths.is_folder(Path("/locked/x")) and not paths.is_regular(Path("/locked/x"))


def test_results_go_where_they_can_be_written(tmp_path, monkeypatch):
    """A folder that another user made is left alone."""
    home = tmp_path / "home"
    monkeypatch.delenv("NST_HOME", raising=False)
    monkeypatch.setattr(paths, "CLONE", False)
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "figures").mkdir()
    assert paths._results_home() == tmp_path
    theirs = {tmp_path / "figures"}
    monkeypatch.setattr(os, "access", lambda path, mode: path not in theirs)
    assert paths._results_home() == home / "nst_utils"
    monkeypatch.setenv("NST_HOME", "mine")
    assert paths._results_home() == tmp_path / "mine"

import os
import threading

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
        ("http://[broken:pw@x/a?key=1", "x/a"),
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


def test_a_folder_is_replaced_while_others_replace_it(tmp_path):
    place, wrong = tmp_path / "run", []

    def save(number):
        try:
            for _ in range(20):
                with replacing(place, folder=True) as draft:
                    (draft / "n").write_text(str(number))
        except OSError as error:
            wrong.append(error)

    savers = [threading.Thread(target=save, args=(n,)) for n in range(4)]
    for saver in savers:
        saver.start()
    for saver in savers:
        saver.join()
    assert not wrong and (place / "n").read_text() in "0123"
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "old").write_text("half a run")
    with replacing(tmp_path / "half", folder=True) as draft:
        (draft / "new").write_text("whole")
    assert [p.name for p in (tmp_path / "half").iterdir()] == ["new"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["half", "run"]


def test_a_loop_of_links_is_an_error_that_says_so(tmp_path):
    (tmp_path / "loop.png").symlink_to("loop.png")
    with pytest.raises(OSError), replacing(tmp_path / "loop.png"):
        pass

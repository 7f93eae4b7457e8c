import hashlib
import time

import pytest

from nst_utils import download
from nst_utils.download import FetchError, download_file

BODY = bytes(range(256)) * 2000

SUM = hashlib.sha256(BODY).hexdigest()


def test_fetch_returns_what_stands_there(server):
    server.files["/a"] = b"hello"
    assert download.read_url(f"{server.url}/a") == b"hello"


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://x/y", "data://text", "gopher://x"]
)
def test_only_http_and_https(address):
    with pytest.raises(FetchError, match="only http and https"):
        download.read_url(address)


def test_a_redirect_to_another_scheme_is_not_followed(server):
    server.moved_to = "file:///etc/passwd"
    with pytest.raises(FetchError):
        download.read_url(f"{server.url}/moved")


def test_dead_address():
    with pytest.raises(FetchError, match="no answer"):
        download.read_url("http://127.0.0.1:9/x.png")


def test_missing_page(server):
    with pytest.raises(FetchError, match="404"):
        download.read_url(f"{server.url}/nothing")


def test_size_limit(server, monkeypatch):
    monkeypatch.setattr(download, "LIMIT", 1000)
    server.files["/big"] = b"x" * 5000
    with pytest.raises(FetchError, match="limit"):
        download.read_url(f"{server.url}/big")


def test_time_limit(server, monkeypatch):
    # No single byte is late, all of them together are.
    monkeypatch.setattr(download, "DEADLINE", 0.4)
    server.files["/drip"] = b"x" * 40
    began = time.monotonic()
    with pytest.raises(FetchError, match="took longer"):
        download.read_url(f"{server.url}/drip")
    assert time.monotonic() - began < 1.5


def test_download_checks_the_sum(server, tmp_path):
    server.files["/w"] = BODY
    path = download_file(f"{server.url}/w", tmp_path / "new" / "w.pth", SUM[:8])
    assert path.read_bytes() == BODY
    assert list(path.parent.iterdir()) == [path]


def test_wrong_sum_leaves_nothing(server, tmp_path):
    server.files["/w"] = BODY
    with pytest.raises(FetchError, match="SHA-256 starts with"):
        download_file(f"{server.url}/w", tmp_path / "w.pth", "0" * 64)
    assert not list(tmp_path.glob("w.pth*"))


@pytest.mark.parametrize("ranges", [True, False])
def test_broken_download_goes_on(server, tmp_path, ranges):
    server.ranges = ranges
    server.files["/w"], server.cuts["/w"] = BODY, 200_000
    with pytest.raises(FetchError, match="again to go on"):
        download_file(f"{server.url}/w", tmp_path / "w.pth", SUM)
    assert not (tmp_path / "w.pth").exists()
    assert download_file(f"{server.url}/w", tmp_path / "w.pth", SUM).read_bytes() == BODY
    start = int(server.asked[1][1].removeprefix("bytes=").rstrip("-"))
    assert 100_000 < start <= 200_000


def test_a_part_that_is_whole_already_is_taken(server, tmp_path):
    server.files["/w"] = BODY
    (tmp_path / "w.pth.part").write_bytes(BODY)
    assert download_file(f"{server.url}/w", tmp_path / "w.pth", SUM).read_bytes() == BODY


@pytest.mark.parametrize("part", [BODY[:1000], BODY + b"more"])
def test_a_server_that_resumes_elsewhere_is_not_believed(server, tmp_path, part):
    server.files["/w"], server.shift = BODY, 3
    (tmp_path / "w.pth.part").write_bytes(part)
    with pytest.raises(FetchError, match="does not resume rightly"):
        download_file(f"{server.url}/w", tmp_path / "w.pth", SUM)
    assert download_file(f"{server.url}/w", tmp_path / "w.pth", SUM).read_bytes() == BODY


def test_without_a_checksum_an_old_part_is_not_trusted(server, tmp_path):
    server.files["/w"] = BODY
    (tmp_path / "w.jpg.part").write_bytes(b"of another file")
    assert download_file(f"{server.url}/w", tmp_path / "w.jpg").read_bytes() == BODY
    assert server.asked[0][1] is None


@pytest.mark.parametrize(
    "address", ["http://a..b/x.jpg", "http://", "http://[/x", "http://\ud800/"]
)
def test_broken_addresses(address):
    with pytest.raises(FetchError):
        download.read_url(address)

import hashlib
import multiprocessing
import socket
import threading
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
    with pytest.raises(FetchError, match="resumed at a wrong place"):
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


def test_what_a_site_that_refuses_wants(server, monkeypatch):
    server.refusals = {
        "/a": [(403, {})], "/b": [(429, {"Retry-After": "4000"})], "/c": [(401, {})],
    }  # fmt: skip
    monkeypatch.delenv("NST_CONTACT", raising=False)
    for path, words in (
        ("/a", "browser.*NST_CONTACT"),
        ("/b", "a pause of 4000 s"),
        ("/c", "login"),
    ):
        with pytest.raises(FetchError, match=words):
            download.read_url(server.url + path)
    assert len(server.asked) == 3  # too long a pause is not waited for


@pytest.mark.parametrize("status", [429, 503])
def test_one_more_try_after_the_pause_that_was_asked_for(server, status):
    server.files["/a"] = b"hello"
    server.refusals["/a"] = [(status, {"Retry-After": "1"})]
    began = time.monotonic()
    assert download.read_url(f"{server.url}/a") == b"hello"
    assert time.monotonic() - began >= 1
    server.refusals["/a"] = [(status, {"Retry-After": "0"})] * 2
    with pytest.raises(FetchError, match=str(status)):
        download.read_url(f"{server.url}/a")


def test_who_asks_is_said_with_a_contact_if_there_is_one(server, monkeypatch):
    server.files["/a"] = b"hello"
    monkeypatch.setenv("NST_CONTACT", "me@example.org\r\nX-Evil: 1")
    download.read_url(f"{server.url}/a")
    monkeypatch.delenv("NST_CONTACT")
    download.read_url(f"{server.url}/a")
    named, plain = server.agents
    assert named.startswith("nst_utils/") and "; me@example.org X-Evil: 1) python-req" in named
    assert plain.startswith("nst_utils/") and "python-requests/" in plain and "@" not in plain


def test_secrets_of_an_address_are_in_no_message(server):
    host = server.url.removeprefix("http://")
    with pytest.raises(FetchError) as caught:
        download.read_url(f"http://alice:s3cret@{host}/no?X-Amz-Signature=deadbeef")
    assert "s3cret" not in str(caught.value) and "deadbeef" not in str(caught.value)


def test_a_redirect_from_outside_to_a_local_address_is_not_followed(server, monkeypatch):
    server.files["/secret"], server.moved_to = b"secret", f"{server.url}/secret"
    assert download.read_url(f"{server.url}/moved") == b"secret"  # from inside it is
    host, port = server.url.removeprefix("http://").split(":")
    real = socket.getaddrinfo

    def outside(name, *rest, **options):
        if name == "pictures.example":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 0))]
        return real(name, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", outside)
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server.files.pop("/secret")
    # The proxy, our server, is asked for the whole address.
    server.refusals["http://pictures.example/a"] = [(302, {"Location": f"{server.url}/secret"})]
    with pytest.raises(FetchError, match="an address of this machine or network"):
        download.read_url("http://pictures.example/a")


def test_a_fetch_leaves_no_thread_behind(server, monkeypatch):
    monkeypatch.setattr(download, "DEADLINE", 0.3)
    server.files["/drip"] = b"x" * 40
    before = threading.active_count()
    with pytest.raises(FetchError, match="took longer"):
        download.read_url(f"{server.url}/drip")
    mine = [t for t in threading.enumerate() if "Timer" in type(t).__name__]
    assert not mine and threading.active_count() <= before + 1  # the server's own


def test_headers_that_drip_are_cut_off(monkeypatch):
    monkeypatch.setattr(download, "DEADLINE", 0.4)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def drip():
            connection, _ = listening.accept()
            with connection:
                try:
                    for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 100:
                        connection.sendall(bytes([letter]))
                        time.sleep(0.05)
                except OSError:
                    pass

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        began = time.monotonic()
        with pytest.raises(FetchError, match="took longer"):
            download.read_url(f"http://127.0.0.1:{port}/a")
        assert time.monotonic() - began < 2
        thread.join(5)


def test_a_download_has_limits(server, tmp_path, monkeypatch):
    server.files |= {"/w": BODY, "/drip": b"x" * 40}
    monkeypatch.setattr(download, "FILE_LIMIT", 1000)
    with pytest.raises(FetchError, match="larger than the limit"):
        download_file(f"{server.url}/w", tmp_path / "w")
    monkeypatch.setattr(download, "FILE_DEADLINE", 0.3)
    with pytest.raises(FetchError, match="took longer|connection broke"):
        download_file(f"{server.url}/drip", tmp_path / "d")
    assert not (tmp_path / "w").exists() and not (tmp_path / "d").exists()


def test_processes_that_want_one_file_get_it_once(server, tmp_path):
    server.files["/drip"] = b"y" * 20
    digest = hashlib.sha256(b"y" * 20).hexdigest()
    pool = multiprocessing.get_context("fork")
    jobs = [
        pool.Process(target=download_file, args=(f"{server.url}/drip", tmp_path / "w", digest))
        for _ in range(3)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [job.exitcode for job in jobs] == [0, 0, 0]
    assert (tmp_path / "w").read_bytes() == b"y" * 20
    assert [p.name for p in tmp_path.iterdir()] == ["w"] and len(server.asked) == 1


def test_a_proxy_that_cannot_be_used_is_named(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(FetchError, match="is a SOCKS proxy: pip install pysocks") as caught:
        download.read_url("https://example.org/a.jpg")
    assert "check the address" not in str(caught.value)

"""Downloads over http and https, with limits, progress, resumption and checksums."""

import contextlib
import email.utils
import hashlib
import ipaddress
import os
import socket
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from .errors import NSTError
from .parallel import bar_options
from .paths import alone_with, make_folder, public_address

TIMEOUT = 20
"""Seconds to wait for a connection, or for the next part of a response."""

DEADLINE = 60
"""Seconds that a picture may take in all, however slowly the server sends."""

LIMIT = 64 * 2**20
"""Maximum size of a picture in bytes."""

FILE_DEADLINE = 2 * 3600
"""Seconds that a file may take in all; a download that fails can be resumed."""

FILE_LIMIT = 2 * 2**30
"""Maximum size of a file in bytes."""

LONGEST_PAUSE = 30
"""Longest pause in seconds that is made before a second try, if the server asks for one."""

CONTACT = "NST_CONTACT"
"""Environment variable for your mail address or web page, which some sites require."""

_PIECE, _REDIRECTS = 2**16, 5


class FetchError(NSTError):
    """A failed download; the message names the address and the reason."""


def user_agent() -> str:
    """Return the user agent as Wikimedia requires it: name, version, contact, library."""
    import requests

    from . import __version__

    what = ["research workbook for neural style transfer", os.environ.get(CONTACT, "").strip()]
    text = " ".join("; ".join(filter(None, what)).encode("ascii", "ignore").decode().split())
    return f"nst_utils/{__version__} ({text}) python-requests/{requests.__version__}"


@contextlib.contextmanager
def _session(seconds: float) -> Iterator[SimpleNamespace]:
    """Yield a session whose connections are shut down when its time is up.

    The timeouts of requests and urllib3 bound each wait, but not all of them together, and a server
    may send a byte at a time. Only another thread can end such a wait, by closing the socket, which
    requests hides; `_track` therefore extends the connections through urllib3's public attributes.
    """
    import requests

    connections: list[Any] = []
    line = SimpleNamespace(session=requests.Session(), late=False, until=time.monotonic() + seconds)
    for adapter in line.session.adapters.values():
        through = adapter.proxy_manager_for
        adapter.proxy_manager_for = lambda *a, _t=through, **o: _track(_t(*a, **o), connections)
        _track(adapter.poolmanager, connections)

    def cut() -> None:
        line.late = True
        for place in connections:
            with contextlib.suppress(OSError, AttributeError):
                getattr(place, "sock", place).shutdown(socket.SHUT_RDWR)

    clock = threading.Timer(seconds, cut)
    clock.daemon = True
    clock.start()
    try:
        yield line
    finally:
        clock.cancel()
        line.session.close()
        clock.join()


def _track(manager: Any, connections: list[Any]) -> Any:
    """Make a pool manager append its connections and their sockets to a list; return it."""

    def noting(pool: type) -> type:
        class Connection(pool.ConnectionCls):
            def connect(self) -> None:
                connections.append(self)  # until its handshake is done
                super().connect()
                connections.append(self.sock)  # the response takes it from the connection

        return type(pool.__name__, (pool,), {"ConnectionCls": Connection})

    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: noting(pool) for scheme, pool in pools.items()}
    return manager


@contextlib.contextmanager
def _asking(
    address: str, headers: dict[str, str], seconds: float, accept: tuple[int, ...] = (200,)
) -> Iterator[Any]:
    """Yield a streamed response; any error, also while it is read, becomes a `FetchError`."""
    import requests  # takes 0.1 s

    shown = public_address(address)
    with _session(seconds) as line:
        try:
            with _answer(line, address, {"User-Agent": user_agent()} | headers, accept) as answer:
                yield answer
        except (requests.RequestException, ValueError) as error:
            if not line.late:
                raise FetchError(
                    f"{shown}: no answer ({_reason(error)}); {_advice(error)}"
                ) from None
        except FetchError:
            if not line.late:
                raise
        if line.late:
            raise FetchError(
                f"{shown}: took longer than the limit of {seconds:g} s; try again, or save the "
                "file with a browser"
            )


def _answer(
    line: SimpleNamespace, address: str, headers: dict[str, str], accept: tuple[int, ...]
) -> Any:
    """Send a request, follow redirects, and try again once if the server asks for a pause."""
    outside, paused = not _is_local(address), False
    for _ in range(_REDIRECTS):
        shown = public_address(address)
        scheme = address.split("://")[0].lower()
        if scheme not in ("http", "https"):
            raise FetchError(f"{shown}: only http and https addresses are read, not {scheme}")
        answer = line.session.get(
            address, stream=True, timeout=TIMEOUT, headers=headers, allow_redirects=False
        )
        if answer.is_redirect:
            target = urllib.parse.urljoin(address, answer.headers["location"])
            answer.close()
            if outside and _is_local(target):
                raise FetchError(
                    f"{shown}: leads to {public_address(target)}, an address of this machine or "
                    "network, which is not followed; give that address itself if it is meant"
                )
            address = target
            continue
        if answer.status_code in accept:
            return answer
        answer.close()
        pause = _pause(answer.headers.get("Retry-After", ""))
        soon = pause is not None and pause < min(LONGEST_PAUSE, line.until - time.monotonic())
        if answer.status_code in (429, 503) and not paused and soon:
            paused = True
            time.sleep(pause)
            continue
        raise FetchError(f"{shown}: {_refusal(answer, pause)}")
    raise FetchError(
        f"{shown}: still redirected after {_REDIRECTS} requests; check the address, or save the "
        "file with a browser"
    )


def _refusal(answer: Any, pause: float | None) -> str:
    """Describe an error status, with advice."""
    text = f"the server answers {answer.status_code} {answer.reason}"
    if answer.status_code == 429:
        wait = f" of {pause:.0f} s" if pause else ""
        return f"{text}: it wants a pause{wait} before the next picture; try again later"
    if answer.status_code == 403:
        who = "" if os.environ.get(CONTACT) else f", or set {CONTACT} to your mail address or page"
        return (
            f"{text}: it gives this to a browser only, or wants to know who asks; save the picture "
            f"with a browser and give the file{who}"
        )
    login = ": it wants a login; save the picture with a browser and give the file"
    return text + (login if answer.status_code in (401, 407) else "")


def _pause(text: str) -> float | None:
    """Return the seconds in a ``Retry-After`` header, which is a number or a date, or None."""
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None


def _is_local(address: str) -> bool:
    """Tell whether an address is known to lead to this machine or to a private network."""
    try:
        host = urllib.parse.urlsplit(address).hostname or ""
        addresses = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        places = [ipaddress.ip_address(entry[4][0].split("%")[0]) for entry in addresses]
    except (OSError, ValueError):
        return False
    return any(not place.is_global for place in places)


def _reason(error: Exception) -> str:
    """Return the innermost cause of an error, which requests and urllib3 wrap several times."""
    while inner := (getattr(error, "reason", None) or next(iter(error.args), None)):
        if not isinstance(inner, Exception):
            break
        error = inner
    return str(error).split(": ", 1)[-1] or type(error).__name__


def _advice(error: Exception) -> str:
    """Return what to do about an error; a proxy that cannot be used is not the address's fault."""
    if "SOCKS" in str(error):
        return "the proxy of ALL_PROXY is a SOCKS proxy: pip install pysocks, or unset ALL_PROXY"
    if "Proxy" in type(error).__name__ or "proxy" in str(error):
        return "check the proxy that HTTPS_PROXY or ALL_PROXY names"
    return "check the address"


def read_url(address: str) -> bytes:
    """Return the content of an http(s) address: at most `LIMIT` bytes, within `DEADLINE` seconds.

    Raises
    ------
    FetchError
        For another scheme, no response, an error status, a redirect from outside into the local
        network, or a response that is too large or too slow.
    """
    import requests

    shown = public_address(address)
    pieces, total = [], 0
    with _asking(address, {}, DEADLINE) as answer:
        try:
            for piece in answer.iter_content(_PIECE):
                total += len(piece)
                if total > LIMIT:
                    raise FetchError(f"{shown}: larger than the limit of {LIMIT >> 20} MB")
                pieces.append(piece)
        except requests.ConnectionError as error:
            raise requests.RequestException(f"the connection broke: {_reason(error)}") from None
    return b"".join(pieces)


def sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file, as lower-case hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download_file(address: str, path: str | os.PathLike, sha256_start: str = "") -> Path:
    """Download a file with a progress bar, and return its path.

    Until the file is complete and checked, its content is in ``path`` plus ``.part``. If there is
    a checksum, a later call resumes a partial download.

    Parameters
    ----------
    address : str
        An http or https address.
    path : path
        Destination; missing folders are made.
    sha256_start : str
        Expected SHA-256 of the file, or its first digits; "" for none.

    Raises
    ------
    FetchError
        If the server does not respond or answers with an error, the connection breaks, the file is
        too large or takes too long, or the checksum is wrong.
    FolderError
        If the folder cannot be made.
    """
    path = Path(path)
    make_folder(path.parent)
    before = path.exists()
    with alone_with(path):
        if path.exists() and not before:  # another process was faster
            return path
        return _download(address, path, sha256_start)


def _download(address: str, path: Path, sha256_start: str) -> Path:
    import requests
    from tqdm.auto import tqdm

    shown, part = public_address(address), path.with_name(path.name + ".part")
    # Without a checksum, an old part may belong to another file.
    have = part.stat().st_size if part.exists() and sha256_start else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with _asking(address, headers, FILE_DEADLINE, (200, 206, 416)) as answer:
        status, place = answer.status_code, answer.headers.get("Content-Range", "")
        whole = status == 416 and have > 0 and place == f"bytes */{have}"
        resumed = status == 206 and have > 0 and place.startswith(f"bytes {have}-")
        if status != 200 and not whole and not resumed:
            part.unlink(missing_ok=True)
            raise FetchError(f"{shown}: the server resumed at a wrong place; run the command again")
        if status == 200:
            have = 0  # the server ignored the range and sends the whole file
        length = answer.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() and not whole else have
        too_large = FetchError(f"{shown}: larger than the limit of {FILE_LIMIT >> 20:,} MB")
        if total > FILE_LIMIT:
            raise too_large
        look = {"unit": "B", "unit_scale": True, "desc": path.name, **bar_options()}
        with (
            open(part, "ab" if have else "wb") as file,
            tqdm(total=total, initial=have, **look) as bar,
        ):
            try:
                for piece in () if whole else answer.iter_content(_PIECE):
                    file.write(piece)
                    bar.update(len(piece))
                    if file.tell() > FILE_LIMIT:
                        file.truncate(0)
                        raise too_large
            except requests.RequestException as error:
                raise FetchError(
                    f"{shown}: the connection broke ({_reason(error)}); "
                    "run the command again to go on from there"
                ) from None
    if part.stat().st_size < total:
        raise FetchError(f"{shown}: the download ended early; run the command again to go on")
    if sha256_start and not (digest := sha256(part)).startswith(sha256_start):
        part.unlink()
        raise FetchError(
            f"{shown}: the file's SHA-256 starts with {digest[:16]}, expected "
            f"{sha256_start[:16]}; the download was deleted, try again"
        )
    os.replace(part, path)
    return path

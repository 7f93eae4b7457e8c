"""Fetch from the network: http and https only, with limits, progress, resume and checksums."""

import hashlib
import os
import threading
from pathlib import Path
from typing import Any

from .errors import NSTError

TIMEOUT = 20
"""Seconds to wait for a connection, or for the next piece of an answer."""

DEADLINE = 60
"""Seconds that a picture may take in all; a server that drips is cut off."""

LIMIT = 64 * 2**20
"""Bytes that a picture may have."""

_PIECE = 2**16
_AGENT = {"User-Agent": "nst_utils (research workbook for neural style transfer)"}


class FetchError(NSTError):
    """Something that could not be fetched; the message names the address and what is wrong."""


def is_address(source: object) -> bool:
    """Tell whether a source is written as an address (``scheme://…``) and not as a path."""
    return isinstance(source, str) and "://" in source


def _open(address: str, headers: dict[str, str], accept: tuple[int, ...] = (200,)):
    """Start a request and return the streamed response, errors in one sentence."""
    import requests  # 0.1 s that only a fetch should cost

    scheme = address.split("://")[0].lower()
    if scheme not in ("http", "https"):
        raise FetchError(f"{address}: only http and https addresses are read, not {scheme}")
    try:
        answer = requests.get(address, stream=True, timeout=TIMEOUT, headers=_AGENT | headers)
    except (requests.RequestException, ValueError) as error:
        raise FetchError(f"{address}: no answer ({_reason(error)}); check the address") from None
    if answer.status_code not in accept:
        answer.close()
        raise FetchError(f"{address}: the server answers {answer.status_code} {answer.reason}")
    return answer


def _reason(error: Exception) -> str:
    """Return the innermost cause: requests and urllib3 wrap it several times."""
    while inner := (getattr(error, "reason", None) or next(iter(error.args), None)):
        if not isinstance(inner, Exception):
            break
        error = inner
    return str(error).split(": ", 1)[-1] or type(error).__name__


def read_url(address: str) -> bytes:
    """Return what stands at an http(s) address, at most `LIMIT` bytes within `DEADLINE` seconds.

    Raises
    ------
    FetchError
        For another scheme, no answer, an error status, or an answer too large or too slow.
    """
    # A server may drip its headers or its bytes so slowly that no single wait is too long: the
    # clock runs here, and the reader is left behind when it has run out.
    state: dict[str, Any] = {"stop": False}
    reader = threading.Thread(target=_read, args=(address, state), daemon=True)
    reader.start()
    reader.join(DEADLINE)
    if reader.is_alive():
        state["stop"] = True
        raise FetchError(f"{address}: took longer than the limit of {DEADLINE} s")
    if "error" in state:
        raise state["error"]
    return state["body"]


def _read(address: str, state: dict[str, Any]) -> None:
    """Read an answer into ``state["body"]``, or what went wrong into ``state["error"]``."""
    import requests

    pieces, total = [], 0
    try:
        with _open(address, {}) as answer:
            for piece in answer.iter_content(_PIECE):
                total += len(piece)
                if total > LIMIT:
                    raise FetchError(f"{address}: larger than the limit of {LIMIT >> 20} MB")
                if state["stop"]:
                    return
                pieces.append(piece)
        state["body"] = b"".join(pieces)
    except requests.RequestException as error:
        state["error"] = FetchError(f"{address}: the connection broke ({_reason(error)})")
    except Exception as error:  # handed over to the thread that waits
        state["error"] = error


def sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file, as lower-case hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download_file(address: str, path: str | os.PathLike, sha256_start: str = "") -> Path:
    """Download a file with a progress bar, go on where a broken download stopped, check its sum.

    The file appears at `path` only when it is whole and right; until then its pieces are in
    ``path`` plus ``.part``, where a later call goes on.

    Parameters
    ----------
    address : str
        Where from; http or https.
    path : path
        Where to; its folder is made when missing.
    sha256_start : str
        SHA-256 that the file must have, or its first digits. Empty: not checked.

    Returns
    -------
    Path
        The finished file.

    Raises
    ------
    FetchError
        When the server does not answer, the connection breaks, or the sum is wrong.
    """
    import requests
    from tqdm.auto import tqdm

    path = Path(path)
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without a checksum nobody could tell whether an old part belongs to this file.
    have = part.stat().st_size if part.exists() and sha256_start else 0
    ask = {"Range": f"bytes={have}-"} if have else {}
    with _open(address, {"Accept-Encoding": "identity"} | ask, (200, 206, 416)) as answer:
        status, place = answer.status_code, answer.headers.get("Content-Range", "")
        whole = status == 416 and have > 0 and place == f"bytes */{have}"
        resumed = status == 206 and have > 0 and place.startswith(f"bytes {have}-")
        if status != 200 and not whole and not resumed:
            part.unlink(missing_ok=True)
            raise FetchError(
                f"{address}: the server does not resume rightly; run the command again"
            )
        if status == 200:
            have = 0  # a server that ignores the range sends the whole file again
        length = answer.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() and not whole else have
        with (
            open(part, "ab" if have else "wb") as file,
            tqdm(total=total, initial=have, unit="B", unit_scale=True, desc=path.name) as bar,
        ):
            try:
                for piece in () if whole else answer.iter_content(_PIECE):
                    file.write(piece)
                    bar.update(len(piece))
            except requests.RequestException as error:
                raise FetchError(
                    f"{address}: the connection broke ({_reason(error)}); "
                    "run the command again to go on from there"
                ) from None
    if part.stat().st_size < total:
        raise FetchError(f"{address}: the download ended early; run the command again to go on")
    if sha256_start and not (found := sha256(part)).startswith(sha256_start):
        part.unlink()
        raise FetchError(
            f"{address}: the file's SHA-256 starts with {found[:16]}, expected "
            f"{sha256_start[:16]}; the download was thrown away, try again"
        )
    os.replace(part, path)
    return path

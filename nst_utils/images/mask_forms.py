"""The syntax of masks: boxes, lightness, faces, proposed parts, files; free of torch."""

import math

from ..errors import NSTError, brief

MASK_FORMS = (
    "box:left,top,right,bottom as fractions (box:0,0,1,0.5: the upper half), light:0.6 "
    "or dark:0.4 (lightness from 0 to 1), faces, proposed:4/1 (part 1 of 4), rest, or a picture "
    "file"
)
"""The syntax in words, for help and messages."""


class MaskError(NSTError, ValueError):
    """A mask that is not valid, or covers nothing."""


def is_file(form: str) -> bool:
    """Tell whether a mask is given by a picture file, not computed from the masked picture."""
    kinds = ("box", "light", "dark", "proposed")
    return form not in ("", "faces", "rest") and form.partition(":")[0] not in kinds


def check_mask(form: str) -> None:
    """Raise a `MaskError` if the text of a mask is not valid."""
    kind, _, value = form.partition(":")
    if kind == "box":
        parse_box(value)
    elif kind in ("light", "dark"):
        parse_lightness(value, form)
    elif kind == "proposed":
        proposed_part(form)


def proposed_part(form: str) -> tuple[int, int]:
    """Return the number of parts and the number of the chosen part, which counts from 1.

    Examples
    --------
    >>> proposed_part("proposed:4/1")
    (4, 1)
    """
    count, _, part = form.removeprefix("proposed:").partition("/")
    small = all(text.isascii() and text.isdigit() and len(text) < 4 for text in (count, part))
    if not small or not 2 <= int(count) <= 8:
        raise MaskError(f"mask {brief(form)}: expected for example proposed:4/1, with 2 to 8 parts")
    if not 1 <= int(part) <= int(count):
        raise MaskError(f"mask {brief(form)}: the parts are numbered from 1 to {count}")
    return int(count), int(part)


def parse_lightness(text: str, form: str) -> float:
    """Return a threshold of lightness, from 0 to 1."""
    [limit] = _numbers(text, 1, form)
    if not 0 <= limit <= 1:
        raise MaskError(f"mask {brief(form)}: expected a lightness from 0 to 1")
    return limit


def parse_box(text: str) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of a box, as fractions of the sides."""
    left, top, right, bottom = _numbers(text, 4, f"box:{text}")
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise MaskError(
            f"mask {brief('box:' + text)}: expected left,top,right,bottom as fractions from 0 to "
            "1, with left < right and top < bottom"
        )
    return left, top, right, bottom


def _numbers(text: str, count: int, form: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise MaskError(f"mask {brief(form)} is not understood; expected {MASK_FORMS}")
    return numbers

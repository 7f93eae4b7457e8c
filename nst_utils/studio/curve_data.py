"""What the loss curve in the browser is drawn from: plain numbers and words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..plotting.style import STYLES, TERM_COLORS, term_look
from .history import History
from .labels import field_name

MOST = 600
"""Most steps that are drawn; of a longer run every second, every third, … and the last."""

_DASHES = dict(zip(("-", "--", "-.", ":"), ("none", "6 3", "6 3 1.5 3", "1.5 3"), strict=True))


def curve_of(name: str, history: History, say: Callable[[str], str]) -> dict[str, Any]:
    """Return a painting's losses for `browser_widgets.LossCurve`.

    Returns
    -------
    dict
        ``steps`` has a number for each value of each of the ``terms``. ``sizes`` names the steps at
        which another size begins, pixels; ``marks`` those at which something was changed, and what.
        Terms that are 0 throughout are left out.
    """
    points = list(history.points)
    stride = -(-len(points) // MOST) or 1
    points = [*points[:-1:stride], *points[-1:]]
    terms = {"total": [point.total for point in points]}
    names = dict.fromkeys([*TERM_COLORS, *(n for point in points for n in point.terms)])
    for term in filter(lambda term: term != "total", names):
        terms[term] = [point.terms.get(term, 0.0) for point in points]
    return {
        "name": name,
        "steps": [point.step for point in points],
        "terms": [_term(*term, i, say) for i, term in enumerate(terms.items()) if any(term[1])],
        "sizes": _begins([(point.step, point.scale) for point in history.points]),
        "marks": _named(history.marks, say),
    }


def _term(
    name: str, values: Sequence[float], place: int, say: Callable[[str], str]
) -> Mapping[str, Any]:
    line, color = term_look(name, place)
    weight = {"content": "α ", "style": "β "}.get(name, "")
    return {
        "name": name,
        "label": weight + (say(name) if name in TERM_COLORS else name),
        "color": "currentColor" if name == "total" else color,
        "dash": _DASHES.get(line, "8 2") if line in STYLES else "8 2",
        "values": [float(f"{value:.5g}") for value in values],
    }


def _begins(sizes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the steps at which another size begins."""
    return [pair for i, pair in enumerate(sizes) if not i or sizes[i - 1][1] != pair[1]]


def _named(marks: Sequence[tuple[int, str]], say: Callable[[str], str]) -> list[tuple[int, str]]:
    """Name what was changed. A drag marks every step: only its first mark has a name."""
    named = []
    for i, (step, fields) in enumerate(marks):
        again = i and marks[i - 1][1] == fields
        words = ", ".join(
            field_name(field, say).split(" (")[0].split(",")[0] for field in fields.split(", ")
        )
        named.append((step, "" if again else words))
    return named

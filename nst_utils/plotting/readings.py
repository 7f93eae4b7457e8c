"""Sentences about results, each checked against the numbers of the run."""

from ..errors import NSTError


class Reading:
    """A notebook's sentences about its results, shown as prose; each one is checked.

    Parameters
    ----------
    claims : sequence of (str, bool)
        Sentences, with the numbers of this run in them, and whether each holds in this run.
    title : str
        Printed before the text.
    """

    def __init__(self, claims: tuple[tuple[str, bool], ...], title: str) -> None:
        self.claims, self.title = [(text, bool(holds)) for text, holds in claims], title

    def _repr_markdown_(self) -> str:
        told = [text if holds else f"*(Not in this run: {text})*" for text, holds in self.claims]
        return f"**{self.title}** {' '.join(told)}"

    def __repr__(self) -> str:
        """Return a line that says how many sentences hold."""
        return f"{self.title} {sum(h for _, h in self.claims)} of {len(self.claims)} sentences hold"


def reading(*claims: tuple[str, bool], title: str = "Reading.") -> Reading:
    """Return a `Reading` of sentences about a run's results.

    Raises
    ------
    NSTError
        If there is no sentence.

    Examples
    --------
    >>> reading(("Two is more than one.", 2 > 1), ("One is more than two.", 1 > 2))
    Reading. 1 of 2 sentences hold
    """
    if not claims:
        raise NSTError("a reading needs a sentence, with whether it holds")
    return Reading(claims, title)

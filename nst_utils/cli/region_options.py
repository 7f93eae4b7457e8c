"""The options ``--region`` and ``--keep`` of ``stylize``."""

import click

from ..images.mask_forms import is_file
from ..images.samples import list_samples
from ..paths import is_address, is_regular, user_path
from ..transfer.config import Recipe

NOTHING = ("none", "photo", "")


def with_regions(
    styles: list[str], texts: tuple[str, ...], keep: str | None, settings: Recipe
) -> tuple[list[str], Recipe]:
    """Return the styles of a command and its recipe with their regions.

    A style without a region paints the rest. ``--keep faces`` adds a region of faces without a
    style, before the others.

    Raises
    ------
    UsageError
        If there is no style, or a region is not written as ``MASK=STYLE``.

    Examples
    --------
    >>> with_regions(["wave.jpg"], ("sky.png=cafe.jpg",), None, Recipe())[1].regions
    (('sky.png', 2, ''), ('rest', 1, ''))
    """
    regions: list[tuple[str, int, str]] = []
    if keep == "faces":
        regions.append(("faces", 0, ""))
    given = list(styles)
    for text in texts:
        mask, style, part = _read(text)
        if style in NOTHING:
            regions.append((mask, 0, ""))
            continue
        if style not in styles:
            styles = [*styles, style]
        regions.append((mask, styles.index(style) + 1, part))
    if not styles:
        raise click.UsageError("no STYLE: name a style picture, or --region MASK=STYLE")
    free = [style for style in given if not any(styles[n - 1] == style for _, n, _ in regions if n)]
    if regions and len(free) > 1:
        raise click.UsageError(
            f"{len(free)} styles have no region, but only one can take the rest; give the others a "
            "--region"
        )
    if regions and free:
        regions.append(("rest", styles.index(free[0]) + 1, ""))
    if regions:
        settings = settings.replace(regions=(*settings.regions, *regions))
    return styles, settings


def _read(text: str) -> tuple[str, str, str]:
    """Return the mask, the style and the part of the style that a region names.

    Paths may have = and @ in them: of all ways to read the text, the first one is taken whose files
    are there.
    """
    pairs = [(text[:i], text[i + 1 :]) for i, c in enumerate(text) if c == "=" and i][::-1]
    if not pairs:
        raise click.UsageError(
            f"--region takes MASK=STYLE, for example sky.png=wave.jpg, not {text!r}"
        )
    ways = [
        (mask, rest[:i], rest[i + 1 :])
        for mask, rest in pairs
        for i in [*(i for i, c in enumerate(rest) if c == "@"), len(rest)]
    ]
    there = (
        (mask, style, part)
        for mask, style, part in ways
        if (style in NOTHING or _is_there(style))
        and all(not is_file(form) or _is_there(form) for form in (mask, part))
    )
    return next(there, ways[0])


def _is_there(source: str) -> bool:
    return is_address(source) or source in list_samples() or is_regular(user_path(source))


def part_to_keep(keep: str | None) -> float | None:
    """Return the share of the structure that ``--keep`` asks for; None for faces or no ``--keep``.

    Raises
    ------
    UsageError
        If it is neither a number between 0 and 1 nor ``faces``.
    """
    if keep in (None, "faces"):
        return None
    try:
        part = float(keep)
    except ValueError:
        part = -1.0
    if not 0 < part < 1:
        raise click.UsageError(f"--keep takes a number between 0 and 1, or faces, not {keep!r}")
    return part

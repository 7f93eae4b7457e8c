"""The options ``--region`` and ``--keep`` of ``stylize``."""

import click

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
        mask, equals, style = text.rpartition("=")
        if not equals or not mask:
            raise click.UsageError(
                f"--region takes MASK=STYLE, for example sky.png=wave.jpg, not {text!r}"
            )
        style, _, part = style.partition("@")
        if style in NOTHING:
            regions.append((mask, 0, ""))
            continue
        if style not in styles:
            styles = [*styles, style]
        regions.append((mask, styles.index(style) + 1, part))
    if not styles:
        raise click.UsageError("no STYLE: name a picture behind CONTENT, or by --region MASK=STYLE")
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

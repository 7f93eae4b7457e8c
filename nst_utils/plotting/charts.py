"""Charts of experiments: activations by layer, trade-offs with spread, differences, loss over time.

Every function returns a new figure and touches no global state. `language` is that of the labels:
"en" or "vi".
"""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogFormatter, NullFormatter, ScalarFormatter, StrMethodFormatter

from ..experiments.stored import read_curve
from .style import CYCLE, MARKERS, WIDTH, draw_grid, legend_below, line_look, one_panel, own_look
from .translations import translator


@own_look()
def activation_figure(table: pd.DataFrame, *, language: str = "en") -> Figure:
    """Plot entropy and peak over the layers' stride, plain and smoothed, a line each.

    Below each stride, in pixels, stand the layers that have it. The table is that of
    `tables.activations`.
    """
    say = translator(language)
    figure = Figure(figsize=(WIDTH, 4.8), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True).flat
    strides = table["stride", "pixels"]
    rows = table.groupby(strides).groups.items()
    ticks = [f"{stride:g}\n" + "\n".join(layer for _, layer in row) for stride, row in rows]
    for axes, measure in zip(panels, ("entropy", "peak", "Gram entropy", "Gram peak"), strict=True):
        for k, network in enumerate(table.index.unique("network")):
            for kind, line in (("plain", "-"), ("softmax", ":"), ("softmax_layer", "--")):
                values = table.loc[network][measure, kind].to_numpy()
                look = line_look(k, marker=True) | {"linestyle": line}
                axes.plot(strides.loc[network], values, label=f"{network}, {say(kind)}", **look)
        axes.set_title(say(measure), fontsize=9)
        if "peak" in measure:
            axes.set_yscale("log")
        draw_grid(axes)
        axes.set_xscale("log", base=2)
        axes.set_xticks(sorted(strides.unique()), ticks, fontsize=7)
    legend_below(figure, axes)
    return figure


@own_look()
def tradeoff_figure(runs: pd.DataFrame, measures: Sequence[str], *, language: str = "en") -> Figure:
    """Plot measures against the structure kept: one curve over ``beta`` for each setting.

    A thin line is a pair, averaged over seeds. The thick line is the mean over pairs, and its bars
    are the standard deviation over pairs. With a single setting, ``beta`` stands beside its points.

    Parameters
    ----------
    runs : DataFrame
        As `sweeps.sweep` returns them: ``setting``, ``content``, ``style``, ``beta``, ``seed``,
        and ``ssim``, the horizontal axis.
    measures : sequence of str
        Columns to plot, one panel each; lower is better.
    """
    say = translator(language)
    columns = min(3, len(measures))
    rows = -(-len(measures) // columns)
    figure = Figure(figsize=(WIDTH, 2.5 * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for measure, axes in zip(measures, panels, strict=False):  # leaves the empty ones
        for k, (setting, part) in enumerate(runs.groupby("setting", sort=False)):
            by_pair = part.groupby(["content", "style", "beta"])[["ssim", measure]].mean()
            for _, pair in by_pair.groupby(["content", "style"]):
                axes.plot(pair["ssim"], pair[measure], color=CYCLE[k], linewidth=0.5, alpha=0.45)
            mean, spread = (getattr(by_pair.groupby("beta"), name)() for name in ("mean", "std"))
            look = line_look(k, marker=True) | {"capsize": 2, "label": setting}
            axes.errorbar(mean["ssim"], mean[measure], yerr=spread[measure].fillna(0), **look)
            if runs["setting"].nunique() == 1:
                axes.margins(x=0.22)  # room for a label at the left
                _name_points(axes, mean["ssim"], mean[measure])
        axes.set_title(say(measure), fontsize=8)
        draw_grid(axes, say("ssim"))
    for empty in panels:
        empty.set_axis_off()
    if runs["setting"].nunique() > 1:
        legend_below(figure, axes)
    return figure


def _name_points(axes: Axes, x: pd.Series, y: pd.Series) -> None:
    """Write each point's ``beta`` beside it; points that lie on one another share a label."""
    groups: list[list[float]] = []
    for beta in x.index:
        if groups and abs(x[beta] - x[groups[-1][0]]) < 0.06:
            groups[-1].append(beta)
        else:
            groups.append([beta])
    beside = float("inf")
    for group in groups:
        low, high = f"{group[0]:g}", f"{group[-1]:g}"
        label = low if low == high else f"{low}\N{EN DASH}{high}"
        if low != high and len(groups) > 1 and group is groups[0]:  # short, at an end
            label = f"≤ {high}"
        elif low != high and len(groups) > 1 and group is groups[-1]:
            label = f"≥ {low}"
        place = x[group[-1]], y[group[-1]]
        near, beside = abs(place[0] - beside) < 0.2, place[0]  # the last label is in the way
        axes.annotate(
            label, place, (-5 if near else 4, -9), textcoords="offset points",
            fontsize=7, ha="right" if near else "left", zorder=5,
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )  # fmt: skip


@own_look()
def difference_figure(
    table: pd.DataFrame, settings: tuple[str, str], *, language: str = "en"
) -> Figure:
    """Plot paired differences with 95 % confidence intervals; hollow dots are not significant.

    The table is that of `statistics.paired_differences`, and so are the two settings.
    """
    say = translator(language)
    figure, axes = one_panel(0.42 * len(table) + 1.1)
    beside = {
        "xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 8,
        "annotation_clip": False,
    }  # fmt: skip
    for i, (measure, row) in enumerate(table.iloc[::-1].iterrows()):
        sure = row["better"] in settings
        color = CYCLE[settings.index(row["better"])] if sure else "0.4"
        if np.isfinite(row["low"]):
            axes.plot([row["low"], row["high"]], [i, i], color=color, linewidth=1.6)
        face = color if sure else "white"
        axes.plot(row["difference"], i, "o", color=color, markerfacecolor=face)
        note = f"p = {row['p']:.2g}" if np.isfinite(row["p"]) else ""
        axes.annotate(note, (1.01, i), **beside)
        axes.annotate(say(measure), (-0.01, i), ha="right", **beside)
    axes.axvline(0, color="0.3", linewidth=0.8)
    axes.set_yticks([])
    axes.set_ylim(-0.6, len(table) - 0.4)
    said = f"{say('difference at equal structure')}: {settings[0]} \N{MINUS SIGN} {settings[1]}"
    nearer = say("below 0 {} is nearer to the style").format(settings[0])
    axes.set_xlabel(f"{said}\n{nearer}; {say('filled dots: p ≤ 0.05')}", fontsize=8)
    draw_grid(axes)
    return figure


def _steps_before_last_scale(steps: int | str) -> int:
    return sum(int(count) for count in str(steps).split(",")[:-1])


@own_look()
def race_figure(runs: pd.DataFrame, *, language: str = "en") -> Figure:
    """Plot the total loss over steps: a panel for each photo, a line for each setting.

    The runs are those of `sweeps.sweep`. Losses of settings that do not share a loss, or of two
    scales, cannot be compared; the steps before the last scale are drawn pale.
    """
    say = translator(language)
    parts = list(runs.groupby("content", sort=False))
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(parts)))
    for axes, (name, part) in zip(panels, parts, strict=True):
        for k, (_, row) in enumerate(part.iterrows()):
            total, coarse = read_curve(row)["total"], _steps_before_last_scale(row["steps"])
            axes.plot(total[total.index < coarse], **line_look(k) | {"alpha": 0.5})
            axes.plot(total[total.index >= coarse], label=row["setting"], **line_look(k))
        axes.set_yscale("log")
        # Within two decades the powers of ten alone leave the ends of the curves unread.
        axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
        if axes.get_ylim()[1] < 1e4:  # 10 and 6, not a power of ten beside a 6
            axes.yaxis.set_major_formatter(LogFormatter())
        axes.tick_params(which="minor", labelsize=7)
        axes.set_title(name, fontsize=9)
        axes.set_xlabel(say("step"), fontsize=8)
        draw_grid(axes)
    panels[0].set_ylabel(say("loss_total"), fontsize=8)
    legend_below(figure, axes, columns=3)
    return figure


@own_look()
def quality_figure(runs: pd.DataFrame) -> Figure:
    """Plot how close a picture is to the style and how much content it keeps, over time.

    The columns of `runs` are ``run``, ``seconds``, ``style gap`` and ``ssim``.
    """
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    labels = {
        "style gap": "style gap (0 is the style, 1 the photo)",
        "ssim": "structure of the content kept (SSIM)",
    }
    for axes, (measure, label) in zip(figure.subplots(1, 2), labels.items(), strict=True):
        for k, (name, part) in enumerate(runs.groupby("run", sort=False)):
            axes.plot(part["seconds"], part[measure], label=name, **line_look(k, marker=True))
        axes.set_xscale("log")
        axes.set_ylim(0, None)
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xticks([2, 5, 10, 20, 40])
        draw_grid(axes, "seconds", label)
    legend_below(figure, axes, columns=3)
    return figure


@own_look()
def share_figure(shares: Mapping[str, pd.Series], *, top: int = 12, language: str = "en") -> Figure:
    """Plot shares as bars, the largest on top, at most `top` of them; one panel for each title.

    Each series is as `WikiArt.shares` returns it.
    """
    say = translator(language)
    figure = Figure(figsize=(WIDTH, 0.22 * top + 0.7), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(shares)))
    for k, (axes, (key, series)) in enumerate(zip(panels, shares.items(), strict=True)):
        shown = series.head(top)[::-1]
        names = [str(name).replace("_", " ") or "?" for name in shown.index]
        axes.barh(names, 100 * shown.to_numpy(), color=CYCLE[k])
        axes.set_title(say(key), fontsize=9)
        draw_grid(axes, say("percent of files"))
        axes.tick_params(labelsize=7)
    return figure


@own_look()
def size_figure(catalog: pd.DataFrame, *, bins: int = 20, language: str = "en") -> Figure:
    """Plot histograms of width and height, as the report does: 20 bins over the whole range.

    The catalog has ``width`` and ``height`` in pixels; 0 means unknown and is left out.
    """
    say = translator(language)
    figure = Figure(figsize=(WIDTH, 2.4), layout="constrained")
    for k, (axes, side) in enumerate(zip(figure.subplots(1, 2), ("width", "height"), strict=True)):
        known = catalog[side][catalog[side] > 0]
        axes.hist(known, bins=bins, color=CYCLE[k], edgecolor="white", linewidth=0.4)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(0.8)
        draw_grid(axes, f"{say(side)}, px", say("files"))
    return figure


@own_look()
def ablation_figure(
    runs: pd.DataFrame, measures: Sequence[str], *, title: str = "", language: str = "en"
) -> Figure:
    """Plot measures for each setting: a dot for every run, with mean and standard deviation.

    The runs are those of `sweeps.sweep`, and settings keep their order. Each measure has a panel;
    `title` says what was varied.
    """
    say = translator(language)
    settings = list(dict.fromkeys(runs["setting"]))
    # Settings go down the page, because their names can be long.
    figure = Figure(figsize=(WIDTH, 0.24 * len(settings) + 1.0), layout="constrained")
    panels = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    for k, (axes, measure) in enumerate(zip(panels, measures, strict=True)):
        look = {"fmt": MARKERS[k % 7], "color": CYCLE[k % 7], "capsize": 2}
        for i, setting in enumerate(settings):
            values = runs.loc[runs["setting"] == setting, measure].astype(float)
            below = [i + 0.25] * len(values)  # the bar would hide them
            axes.plot(values, below, ".", color="0.5", markersize=4)
            spread = values.std() if len(values) > 1 else 0
            axes.errorbar(values.mean(), i, xerr=spread, **look)
        axes.set_title(textwrap.fill(say(measure), 22), fontsize=8)
        axes.set_yticks(range(len(settings)), settings, fontsize=7)
        axes.set_ylim(len(settings) - 0.5, -0.5)
        draw_grid(axes)
        axes.tick_params(axis="y", labelsize=7)
    figure.suptitle(title, fontsize=9)
    figure.supxlabel(say("bars: mean and standard deviation of the runs"), fontsize=7, color="0.35")
    return figure


@own_look()
def plane_figure(table: pd.DataFrame, across: str, up: str, *, language: str = "en") -> Figure:
    """Plot methods by what they lose of the photo and how far they stay from the style.

    Methods on the Pareto front are filled and joined by a line: no other is nearer to both.

    Parameters
    ----------
    table : DataFrame
        Indexed by method.
    across, up : str
        Columns of the two axes; less is better.
    """
    say = translator(language)
    figure, axes = one_panel(3.6)
    ordered = table.sort_values([across, up])
    front = ~(ordered[up] >= ordered[up].cummin().shift())
    axes.plot(ordered[across][front], ordered[up][front], "o-", color=CYCLE[0], linewidth=1)
    axes.plot(
        ordered[across][~front], ordered[up][~front], "o", color="0.4", markerfacecolor="white"
    )
    for name, row in ordered.iterrows():
        # Names stand outside the front, so that they do not meet.
        place, side = ((-5, -11), "right") if front[name] else ((5, 4), "left")
        beside = {"textcoords": "offset points", "ha": side, "fontsize": 8}
        axes.annotate(str(name), (row[across], row[up]), place, **beside)
    axes.margins(0.14)
    draw_grid(axes, *(f"{say(name)} ({say('lower is better')})" for name in (across, up)))
    return figure

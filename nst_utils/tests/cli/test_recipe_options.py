from nst_utils.cli.recipe_options import build_recipe

SETUP = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && "


def test_build_recipe_reads_every_option():
    made = build_recipe("report", ("tv=0.5", "seed=7"), size="96", steps="10", backbone=None)
    assert (made.size, made.steps, made.tv, made.seed) == (96, (10,), 0.5, 7)

import pandas as pd

from nst_utils.wikiart.counting import beside_the_report, draw, with_duplicates

CATALOG = pd.DataFrame(
    {
        "path": [f"{style}/{i}.jpg" for style in "ab" for i in range(4)],
        "style": list("aaaabbbb"),
        "artist": ["vincent van gogh", *["other"] * 7],
        "problem": ["", "", "", "", "empty file", "", "", ""],
        "width": 1400,
        "height": 1400,
    }
)


def test_draws_are_repeatable_balanced_and_free_of_problems():
    drawn = draw(CATALOG, 6, 1, "style", None)
    assert drawn == draw(CATALOG, 6, 1, "style", None) and 4 not in drawn
    assert sorted(CATALOG.loc[drawn, "style"]) == list("aaabbb")
    assert len(draw(CATALOG, 99, 0, None, lambda index: index % 2 == 0)) == 3


def test_duplicates_are_told_by_like_hashes_only():
    checked = [("", "1"), ("", "1"), ("damaged", "1"), ("", "2")]
    assert with_duplicates("wxyz", checked, [""] * 4) == ["", "duplicate of w", "damaged", ""]
    assert with_duplicates("wx", checked[:2], ["1", ""]) == ["", ""]


def test_counts_stand_beside_the_reports():
    table = beside_the_report(CATALOG)
    assert table.loc["images"].tolist() == ["80,020", "8"]
    assert table.loc["share of vincent van gogh", "here"] == "12.5 %"

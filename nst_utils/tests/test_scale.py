from nst_utils import scale
from nst_utils.wikiart import WikiArt


def test_the_generated_tree_has_the_real_layout(tmp_path):
    scale.make_tree(tmp_path, 300)
    found = WikiArt(tmp_path)
    assert len(found) == 300
    assert found.catalog["style"].nunique() == 27
    assert found.report()["kind"].unique().tolist() == ["repaired name"]
    assert found.catalog["width"].min() == 1381  # from the csv; the files are tiny


def test_the_curve_is_measured():
    [row] = scale.curve([60], csv_files=False)
    assert row["files"] == 60
    assert row["first"] > 0 and row["later"] > 0
    assert 40 < row["mb"] < 600

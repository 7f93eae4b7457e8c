from nst_utils.benchmark import wikiart_index
from nst_utils.wikiart.catalog import WikiArt


def test_the_generated_tree_has_the_real_layout(tmp_path):
    wikiart_index.make_tree(tmp_path, 300)
    found = WikiArt(tmp_path)
    assert len(found) == 300
    assert found.catalog["style"].nunique() == 27
    assert found.findings()["kind"].unique().tolist() == ["repaired name"]
    assert found.catalog["width"].min() == 1381  # from the csv; the files are tiny


def test_the_curve_is_measured():
    [row] = wikiart_index.measure_growth([60], csv_files=False)
    assert row["files"] == 60
    assert row["first"] > 0 and row["later"] > 0
    assert 40 < row["mb"] < 600

import re

from nst_utils.benchmark.lower_bounds import lowest_versions


def test_every_dependency_has_a_lowest_version():
    lines = lowest_versions(torch=True)
    assert all(re.fullmatch(r"[\w\[\]-]+==\d[\d.]*", line) for line in lines), lines
    assert "torch>=2.6" in lowest_versions()

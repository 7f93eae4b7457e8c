from nst_utils import getting


def test_sources_name_their_packages():
    assert {package for package, _, _ in getting.SOURCES.values()} == {"kagglehub", "datasets"}

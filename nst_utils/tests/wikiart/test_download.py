from nst_utils.wikiart import download as wikiart_download


def test_sources_name_their_packages():
    assert {package for package, _, _ in wikiart_download.SOURCES.values()} == {
        "kagglehub",
        "datasets",
    }

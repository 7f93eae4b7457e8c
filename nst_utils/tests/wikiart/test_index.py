from nst_utils.wikiart import index as wikiart_index


def test_the_root_itself_is_found_first(tmp_path):
    for name in ("Cubism/a.jpg", "inner/Realism/b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    assert wikiart_index.find_root(tmp_path) == tmp_path
    assert wikiart_index.find_root(tmp_path / "inner") == tmp_path / "inner"

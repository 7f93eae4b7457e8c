import hashlib

import numpy as np
from PIL import Image

from nst_utils import paths
from nst_utils.wikiart.catalog import WikiArt
from nst_utils.wikiart.miniature import (
    DONE,
    FITTING,
    PAINTERS,
    PICTURES,
    find_styles,
    find_wikiart,
    make_miniature,
    make_practice_set,
)
from nst_utils.wikiart.names import FILES, STYLES


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(p.name.encode() + p.read_bytes() for p in files)).hexdigest()


def test_the_miniature_is_the_same_every_time(tmp_path):
    one, two = make_miniature(tmp_path / "one"), make_miniature(tmp_path / "two")
    assert digest(one) == digest(two)
    before = {path: path.stat().st_mtime_ns for path in one.rglob("*")}
    assert make_miniature(one) == one  # there already: nothing is touched
    assert {path: path.stat().st_mtime_ns for path in one.rglob("*")} == before
    assert len(STYLES) == len(set(STYLES)) == 27 and sum(FILES.values()) == 81_444
    assert set(FITTING) <= set(STYLES)
    assert sum(path.stat().st_size for path in one.rglob("*") if path.is_file()) < 5_000_000


def test_downloaded_data_comes_before_the_miniature(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATA", tmp_path)
    assert find_wikiart("some/where").name == "where"
    (tmp_path / "wikiart_mini").mkdir()
    (tmp_path / "wikiart_mini" / DONE).touch()
    assert find_wikiart() == tmp_path / "wikiart_mini"
    (tmp_path / "wikiart").mkdir()
    assert find_wikiart() == tmp_path / "wikiart_mini"  # a download that failed
    (tmp_path / "wikiart" / "Cubism").mkdir()
    assert find_wikiart() == tmp_path / "wikiart"


def test_ten_styles_whose_folders_mean_what_they_say(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATA", tmp_path)
    (tmp_path / "wikiart_mini").mkdir()
    (tmp_path / "wikiart_mini" / DONE).touch()
    root = find_styles()
    table = WikiArt(root, progress=False).catalog
    assert len(table) == 10 * PAINTERS * PICTURES
    assert (table.groupby("style")["artist"].nunique() == PAINTERS).all()
    sums = {hashlib.sha256(path.read_bytes()).hexdigest() for path in root.rglob("*.jpg")}
    assert len(sums) == len(table)
    first = next(root.rglob("*.jpg"))
    assert np.asarray(Image.open(first)).shape == (160, 160, 3)
    before = first.stat().st_mtime_ns
    assert make_practice_set() == root and first.stat().st_mtime_ns == before
    (tmp_path / "wikiart" / "Cubism").mkdir(parents=True)
    assert find_styles() == tmp_path / "wikiart"
    assert find_styles("elsewhere").name == "elsewhere"

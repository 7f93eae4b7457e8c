import hashlib

import numpy as np
from PIL import Image

from nst_utils import paths
from nst_utils.wikiart.catalog import WikiArt
from nst_utils.wikiart.practice_set import PAINTERS, PICTURES, find_styles, make_practice_set


def test_ten_styles_whose_folders_mean_what_they_say(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATA", tmp_path)
    monkeypatch.setattr("nst_utils.wikiart.miniature.paths.DATA", tmp_path)
    (tmp_path / "wikiart_mini").mkdir()
    (tmp_path / "wikiart_mini" / ".complete").touch()
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

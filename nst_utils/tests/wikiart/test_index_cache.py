import os

import pandas as pd
import pytest
from PIL import Image

from nst_utils.errors import NSTWarning
from nst_utils.wikiart import catalog as wikiart_catalog
from nst_utils.wikiart import index_cache
from nst_utils.wikiart.catalog import WikiArt
from nst_utils.wikiart.index_cache import CACHE, key_of, load_index


@pytest.fixture
def folder(tmp_path):
    for name in ("Cubism/a_x-1910.jpg", "Cubism/b_y.jpg", "Ukiyo_e/c_z.jpg"):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((40, 30), 80).convert("RGB").save(path)
    WikiArt(tmp_path / "set")
    return tmp_path / "set"


@pytest.fixture
def built(monkeypatch):
    """How often the index is built."""
    count, real = [], wikiart_catalog.build_index
    monkeypatch.setattr(
        wikiart_catalog, "build_index", lambda *words: count.append(1) or real(*words)
    )
    return count


def test_a_whole_cache_is_taken(folder, built):
    assert len(WikiArt(folder)) == 3 and not built


@pytest.mark.parametrize("name", ["key", "catalog.parquet", "report.parquet", "problems.parquet"])
@pytest.mark.parametrize("kind", ["garbage", "empty", "pipe", "folder", "loop", "other table"])
def test_a_cache_that_is_not_whole_is_made_anew(folder, built, name, kind):
    path = folder / CACHE / name
    path.unlink(missing_ok=True)
    if kind == "garbage":
        path.write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path.name)
    else:
        pd.DataFrame({"x": [1.5]}).to_parquet(path)
    assert load_index(folder, key_of(folder)) is None
    if kind not in ("folder", "loop"):  # in the way, it also cannot be replaced: said, and gone on
        assert len(WikiArt(folder)) == 3


@pytest.mark.parametrize("name", ["catalog", "report", "problems"])
def test_a_table_that_was_changed_or_deleted_is_noticed(folder, built, name):
    WikiArt(folder).verify(progress=False)
    assert load_index(folder, key_of(folder)) is not None
    path = folder / CACHE / f"{name}.parquet"
    data = bytearray(path.read_bytes())
    data[12] ^= 1
    path.write_bytes(data)
    assert load_index(folder, key_of(folder)) is None
    path.unlink()
    assert len(WikiArt(folder)) == 3 and len(built) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.assign(path=["../../etc/passwd", *t["path"][1:]]),
        lambda t: t.assign(path=["/etc/passwd", *t["path"][1:]]),
        lambda t: t.assign(path=[t["path"][0]] * 3),
        lambda t: t.assign(width=["wide"] * 3),
        lambda t: t.assign(width=[-5] * 3),
        lambda t: t.assign(problem=[5] * 3),
        lambda t: t.assign(style=[None] * 3),
        lambda t: t.drop(columns="phash"),
        lambda t: t.assign(year=["soon"] * 3),
    ],
)
def test_a_cache_of_a_stranger_is_checked(folder, built, change):
    path = folder / CACHE / "catalog.parquet"
    change(pd.read_parquet(path)).to_parquet(path)
    (folder / CACHE / "key").write_text(index_cache._sealed(folder / CACHE, key_of(folder)))
    assert len(WikiArt(folder)) == 3 and built
    assert all(WikiArt(folder).path(name).is_file() for name in WikiArt(folder).catalog["path"])


def test_names_that_are_no_utf8_are_kept_and_opened(folder, built):
    bad = os.fsdecode(b"paul-c\xe9zanne_still-life-1890.jpg")
    try:
        Image.effect_noise((50, 30), 80).convert("RGB").save(folder / "Cubism" / bad)
    except OSError:
        pytest.skip("this file system has no such names")
    for _ in range(2):  # built, then from the cache
        found = WikiArt(folder)
        [name] = [name for name in found.catalog["path"] if "zanne" in name]
        assert name == "Cubism/paul-c%E9zanne_still-life-1890.jpg"
        assert found.path(name).is_file() and len(found) == 4
    assert len(built) == 1
    found.verify(progress=False)
    assert WikiArt(folder).filter(style="Cubism").sample(3)["path"].str.contains("%E9").any()


def test_a_link_in_a_strangers_dataset_changes_nothing_elsewhere(folder, tmp_path):
    mine = tmp_path / "mine"
    (folder / CACHE).rename(mine)
    (mine / "key").write_text("mine")
    (folder / CACHE).symlink_to(mine)
    before = {path: path.read_bytes() for path in mine.iterdir()}
    with pytest.warns(NSTWarning, match="is a link"):
        assert len(WikiArt(folder)) == 3
    assert {path: path.read_bytes() for path in mine.iterdir()} == before
    (folder / CACHE).unlink()
    (folder / CACHE).mkdir()
    (folder / CACHE / "catalog.parquet").symlink_to(mine / "catalog.parquet")
    assert len(WikiArt(folder)) == 3
    assert {path: path.read_bytes() for path in mine.iterdir()} == before

import shutil
import sys
import types

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nst_utils import paths
from nst_utils.errors import NSTWarning, UnknownNameError
from nst_utils.wikiart import index as wikiart_index
from nst_utils.wikiart import index_cache
from nst_utils.wikiart.catalog import WikiArt, compare_with_report, draw
from nst_utils.wikiart.index import WikiArtError
from nst_utils.wikiart.miniature import make_miniature
from nst_utils.wikiart.names import STYLES


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_miniature(tmp_path_factory.mktemp("mini") / "wikiart")


@pytest.fixture
def root(made, tmp_path):
    """A copy of the miniature of one's own."""
    return shutil.copytree(made, tmp_path / "wikiart")


@pytest.fixture
def small(tmp_path):
    """Two style folders without csv files."""
    for i, name in enumerate(
        ("Cubism/a-b_x-1910.jpg", "Cubism/c_y.png", "Ukiyo_e/c_z-1800(1).jpg")
    ):
        path = tmp_path / "small" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((40 + i, 30), 80).convert("RGB").save(path)
    return tmp_path / "small"


def kinds(wikiart):
    return wikiart.findings().groupby("kind")["path"].apply(list).to_dict()


def test_the_miniature_as_the_real_one_is_described(root):
    found = WikiArt(root)
    catalog = found.catalog
    assert list(catalog) == list(wikiart_index.COLUMNS)
    assert sorted(catalog["style"].unique()) == sorted(STYLES)
    assert {"arnold böcklin", "joaquín sorolla"} <= set(catalog["artist"])
    assert all((root / path).is_file() for path in catalog["path"])
    assert not catalog["path"].str.contains("gone|passwd|hostname").any()
    findings = kinds(found)
    assert findings["row without file"] == ["Cubism/painter-two_gone.jpg"]
    assert findings["file without row"] == ["Cubism/painter-one_without-a-row.jpg"]
    assert findings["name outside the root"] == ["../../etc/passwd", "/etc/hostname"]
    assert findings["unreadable tags"] == ["/etc/hostname"]
    rows = catalog.set_index("path")
    assert set(rows["tags"]) >= {"Realism|Impressionism", "Symbolism|Expressionism", "Ukiyo e"}
    garbled = rows[rows["artist"] == "joaquín sorolla"].index[0]
    assert "joaquã\xadn-sorolla" in garbled  # as on disk
    assert found.path(garbled).is_file()
    [copy] = [path for path in rows.index if "(1)" in path]
    assert "(1)" not in rows["title"][copy]
    for path, row in rows[rows["title"].str.startswith("part of")].iterrows():
        assert pd.isna(row["year"]) or str(row["year"]) in path


def test_sizes_of_the_csv_are_the_files_own(root):
    for row in WikiArt(root).catalog.itertuples():
        if row.path.startswith(("Baroque", "Post_Impressionism")):
            continue  # emptied and cut short
        with Image.open(root / row.path) as image:
            assert image.size == (row.width, row.height)


def test_verify_lists_every_defect_and_changes_no_file(root):
    before = {path: path.read_bytes() for path in root.rglob("*.jpg")}
    found = WikiArt(root)
    bad = found.verify(progress=False).set_index("path")["problem"]
    texts = sorted(text.split(":")[0].split(" of ")[0] for text in bad)
    assert texts == ["damaged", "duplicate", "empty file", "not RGB (CMYK)", "not RGB (L)"]
    assert {path: path.read_bytes() for path in root.rglob("*.jpg")} == before
    again = WikiArt(root)
    assert (again.catalog["problem"] != "").sum() == 5  # known to the next one
    again.filter(style=str(again.catalog["style"].iloc[0])).verify(progress=False)
    again = WikiArt(root)  # what is known of other styles stays
    assert (again.catalog["problem"] != "").sum() == 5
    drawn = again.sample(len(again) - 5)
    assert set(drawn["path"]).isdisjoint(bad.index)
    with pytest.raises(WikiArtError, match="found 123; ask for fewer"):
        again.sample(len(again) - 4)


def test_sampling_replaces_what_it_finds_damaged(root):
    found = WikiArt(root)
    drawn = found.sample(len(found) - 4, seed=3)  # all but the four that do not decode to RGB
    assert len(drawn) == len(found) - 4
    assert (found.catalog["problem"] != "").sum() == 4


def test_samples_are_seeded_and_balanced(root):
    found = WikiArt(root)
    one, same, other = (found.sample(20, seed=s)["path"].tolist() for s in (1, 1, 2))
    assert one == same != other
    balanced = found.sample(54, seed=0, balance="style")["style"].value_counts()
    assert set(balanced) == {2}
    assert found.sample(10, seed=0, balance="artist")["artist"].value_counts().max() == 2
    with pytest.raises(UnknownNameError, match="did you mean 'style'"):
        found.sample(3, balance="styles")
    with pytest.raises(WikiArtError, match="at least 1"):
        found.sample(0)


def test_filters_take_any_spelling_and_suggest(root):
    found = WikiArt(root)
    for name in ("Ukiyo_e", "ukiyo-e", "UKIYO E"):
        assert set(found.filter(style=name).catalog["style"]) == {"Ukiyo_e"}
    both = found.filter(style=["Cubism", "Pop Art"], artist="Arnold Böcklin", subset="train")
    assert set(both.catalog["style"]) <= {"Cubism", "Pop_Art"}
    years = found.filter(years=(1800, 1850)).catalog["year"]
    assert years.between(1800, 1850).all() and len(years)
    assert found.filter(min_size=150).catalog[["width", "height"]].min(axis=None) >= 150
    with pytest.raises(UnknownNameError, match="did you mean 'Impressionism'") as caught:
        found.filter(style="Impresionism")
    assert "\n" not in str(caught.value)
    with pytest.raises(UnknownNameError, match="unknown artist"):
        found.filter(artist="nobody at all")
    with pytest.raises(WikiArtError, match="no file fits"):
        found.filter(years=(1, 2))


def test_a_pair_is_two_files_of_the_kinds_asked_for(root):
    found = WikiArt(root)
    kinds = {"content": {"style": "Realism"}, "style": {"style": "Impressionism"}}
    content, style = found.pair(seed=4, **kinds)
    assert (content.parent.name, style.parent.name) == ("Realism", "Impressionism")
    assert (content, style) == found.pair(seed=4, **kinds) != found.pair(seed=5, **kinds)
    few = found.filter(style="Action painting")
    for seed in range(20):
        one, two = few.pair(seed=seed)
        assert one != two


def test_the_index_is_cached_and_rebuilt_when_something_changes(root, monkeypatch):
    first = WikiArt(root)
    built = []
    real = wikiart_index.build_index
    monkeypatch.setattr(
        "nst_utils.wikiart.catalog.build_index", lambda *a: built.append(1) or real(*a)
    )
    pd.testing.assert_frame_equal(WikiArt(root).catalog, first.catalog)
    assert not built
    (root / "Cubism" / "new_file.jpg").write_bytes((root / first.catalog["path"][0]).read_bytes())
    assert len(WikiArt(root)) == len(first) + 1
    csv = (root / "classes.csv").read_text(encoding="utf-8").replace(",train", ",test")
    (root / "classes.csv").write_text(csv, encoding="utf-8")
    assert set(WikiArt(root).catalog["subset"]) == {"test", ""}
    (root / index_cache.CACHE / "catalog.parquet").write_bytes(b"damaged")
    assert len(WikiArt(root)) == len(first) + 1
    WikiArt(root, refresh=True)
    assert len(built) == 4


def test_a_cache_that_cannot_be_written_is_only_a_warning(root):
    (root / index_cache.CACHE).write_text("a file in the way")
    with pytest.warns(NSTWarning, match="will be built again"):
        assert len(WikiArt(root)) == 128


def test_any_folder_of_style_folders(small):
    found = WikiArt(small, progress=False)
    assert found.catalog["path"].tolist() == [
        "Cubism/a-b_x-1910.jpg", "Cubism/c_y.png", "Ukiyo_e/c_z-1800(1).jpg"
    ]  # fmt: skip
    assert found.catalog["width"].tolist() == [40, 41, 42]
    assert found.catalog["artist"].tolist() == ["a b", "c", "c"]
    assert found.catalog["title"].tolist() == ["x", "y", "z"]
    assert found.catalog["year"].fillna(0).tolist() == [1910, 0, 1800]


@pytest.mark.parametrize("around", ["wikiart", "wikiart/wikiart"])
def test_nested_folders_are_seen_through(small, tmp_path, around):
    outer = tmp_path / "outer" / around
    outer.parent.mkdir(parents=True)
    small.rename(outer)
    assert WikiArt(tmp_path / "outer").root == outer
    assert len(WikiArt(outer)) == 3


def test_csv_files_may_lie_one_folder_up(root):
    inner = root / "wikiart"
    inner.mkdir()
    for folder in [path for path in root.iterdir() if path.is_dir() and path.name in STYLES]:
        folder.rename(inner / folder.name)
    assert (WikiArt(root).catalog["subset"] == "train").sum() > 90


def test_artgans_layout(small, tmp_path):
    lists = tmp_path / "Style"
    lists.mkdir()
    (lists / "style_train.csv").write_text("Cubism/a-b_x-1910.jpg,7\nCubism/gone.jpg,7\n")
    (lists / "style_val.csv").write_text("Ukiyo_e/c_z-1800(1).jpg,26\n../../x.jpg,1\n")
    found = WikiArt(tmp_path)
    assert found.catalog["subset"].tolist() == ["train", "", "val"]
    findings = kinds(found)
    assert findings["row without file"] == ["Cubism/gone.jpg"]
    assert findings["name outside the root"] == ["../../x.jpg"]


def test_names_in_another_form_still_meet(root):
    """A csv whose names were repaired, on files whose names were not."""
    text = (root / "classes.csv").read_text(encoding="utf-8")
    text = text.replace("arnold-bã¶cklin_", "arnold-böcklin_")
    (root / "classes.csv").write_text(text, encoding="utf-8")
    assert kinds(WikiArt(root))["file without row"] == ["Cubism/painter-one_without-a-row.jpg"]


def test_links_out_of_the_root_are_not_followed(small, tmp_path):
    secret = tmp_path / "secret.jpg"
    Image.new("RGB", (8, 8)).save(secret)
    try:
        (small / "Cubism" / "link.jpg").symlink_to(secret)
    except OSError:
        pytest.skip("no links on this system")
    found = WikiArt(small)
    assert len(found) == 3
    assert kinds(found)["name outside the root"] == ["Cubism/link.jpg"]


def test_wrong_folders_in_one_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "flat").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "flat" / "a.png")
    for name, text in (
        ("none", "no such folder"),
        ("empty", "no pictures in any folder"),
        ("file", "this is a file"),
        ("flat", "pictures, but no style folders"),
    ):
        with pytest.raises(WikiArtError, match=text) as caught:
            WikiArt(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_wrong_csv_files_in_one_sentence(small):
    (small / "classes.csv").write_text("file,artist\nx,y\n")
    with pytest.raises(WikiArtError, match="columns filename, genre, .* are missing; found file"):
        WikiArt(small)
    (small / "classes.csv").write_bytes(b"")
    with pytest.raises(WikiArtError, match="not a readable csv"):
        WikiArt(small)


def test_strange_numbers_are_read_from_the_headers(small):
    (small / "classes.csv").write_text(
        "filename,artist,genre,description,phash,width,height,genre_count,subset\n"
        "Cubism/a-b_x-1910.jpg,a b,\"['Cubism']\",x,0,-3,1e99,1,train\n"
        "Cubism/c_y.png,c,\"['Cubism']\",y,0,many,,1,train\n"
    )
    assert WikiArt(small).catalog["width"].tolist() == [40, 41, 42]


def test_statistics_stand_beside_the_reports(root):
    table = WikiArt(root).statistics()
    assert table.loc["images"].tolist() == ["80,020", "128"]
    assert table.loc["share of Impressionism", "report"] == "16%"
    assert "width 1381 to 2099.65 px" in table.index


class Stream:
    """What `datasets` gives for a streamed split, as far as it is used."""

    def __init__(self, rows, breaks_at=None):
        self.rows, self.breaks_at = rows, breaks_at
        names = [types.SimpleNamespace(names=n) for n in (["Cubism", "Pop Art"], ["A_B", "c d"])]
        self.features = dict(zip(("style", "artist"), names, strict=True))

    def shuffle(self, seed, buffer_size):
        order = np.random.default_rng(seed).permutation(len(self.rows))
        return Stream([self.rows[i] for i in order], self.breaks_at)

    def __iter__(self):
        for i, row in enumerate(self.rows):
            if i == self.breaks_at:
                raise RuntimeError("connection reset")
            yield row


def stream_rows():
    return [
        {"image": Image.new("RGB", (20 + i, 10)), "style": i % 2, "artist": i % 2}
        for i in range(12)
    ]


def test_huggingface_is_streamed_and_resumed(tmp_path):
    with pytest.raises(WikiArtError, match="broke off after 4 pictures .connection reset."):
        WikiArt.from_huggingface(8, folder=tmp_path, dataset=Stream(stream_rows(), 4))
    found = WikiArt.from_huggingface(8, folder=tmp_path, dataset=Stream(stream_rows()))
    assert len(found) == 8
    assert set(found.catalog["style"]) == {"Cubism", "Pop_Art"}
    assert set(found.catalog["artist"]) == {"a b", "c d"}


def test_optional_packages_are_named_when_missing(monkeypatch, tmp_path):
    from nst_utils.wikiart import download as wikiart_download

    for package in ("datasets", "kagglehub"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(WikiArtError, match="pip install datasets"):
        wikiart_download.stream_huggingface(tmp_path, 3)
    with pytest.raises(WikiArtError, match="pip install kagglehub"):
        wikiart_download.download_kaggle()


def test_kaggles_own_error_is_told_in_one_sentence(monkeypatch, tmp_path):
    from nst_utils.wikiart import download as wikiart_download

    def fail(name):
        raise ValueError("403 Client Error.\n\nYou don't have permission")

    fake = types.SimpleNamespace(dataset_download=fail)
    monkeypatch.setitem(sys.modules, "kagglehub", fake)
    with pytest.raises(WikiArtError, match="403 Client Error. You don't have permission") as caught:
        wikiart_download.download_kaggle()
    assert "\n" not in str(caught.value)
    fake.dataset_download = lambda name: str(tmp_path)
    monkeypatch.setattr(paths, "DATA", tmp_path / "data")
    (tmp_path / "data").mkdir()
    assert wikiart_download.download_kaggle() == tmp_path
    assert (tmp_path / "data" / "wikiart").resolve() == tmp_path.resolve()


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


def test_counts_stand_beside_the_reports():
    table = compare_with_report(CATALOG)
    assert table.loc["images"].tolist() == ["80,020", "8"]
    assert table.loc["share of vincent van gogh", "here"] == "12.5 %"

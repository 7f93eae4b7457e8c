import os

import pytest
from PIL import Image

from nst_utils.errors import NSTWarning
from nst_utils.wikiart import index as wikiart_index
from nst_utils.wikiart.catalog import WikiArt
from nst_utils.wikiart.index import WikiArtError


def test_the_root_itself_is_found_first(tmp_path):
    for name in ("Cubism/a.jpg", "inner/Realism/b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    assert wikiart_index.find_root(tmp_path) == tmp_path
    assert wikiart_index.find_root(tmp_path / "inner") == tmp_path / "inner"


def tree(root, *names):
    for i, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((40 + i, 30), 80).convert("RGB").save(path)
    return root


def test_parts_of_a_set_lose_no_file(tmp_path):
    root = tree(tmp_path / "set", "train/Cubism/a_x.jpg", "train/Realism/b_y.jpg",
                "test/Cubism/c_z.jpg", "validation/Cubism/d_w.jpg")  # fmt: skip
    found = WikiArt(root).catalog.set_index("path")
    assert found["style"].to_dict() == {
        "test/Cubism/c_z.jpg": "Cubism", "train/Cubism/a_x.jpg": "Cubism",
        "train/Realism/b_y.jpg": "Realism", "validation/Cubism/d_w.jpg": "Cubism",
    }  # fmt: skip
    assert sorted(found["subset"]) == ["test", "train", "train", "val"]
    assert found["artist"]["train/Cubism/a_x.jpg"] == "a"
    assert WikiArt(tmp_path).root == root  # also seen through a folder around it
    assert len(WikiArt(root / "train")) == 2


def test_a_csv_of_the_whole_set_is_joined_to_its_parts(tmp_path):
    root = tree(tmp_path, "train/Cubism/a_x.jpg", "test/Cubism/c_z.jpg")
    head = ",".join(wikiart_index.KAGGLE_COLUMNS)
    (root / "classes.csv").write_text(f"{head}\nCubism/a_x.jpg,pablo,['Cubism'],x,abc,40,30,\n")
    found = WikiArt(root).catalog.set_index("path")
    assert found["artist"]["train/Cubism/a_x.jpg"] == "pablo"
    assert found["subset"]["train/Cubism/a_x.jpg"] == "train"


def test_nested_folders_lose_no_file_and_what_is_left_out_is_told(tmp_path):
    root = tree(tmp_path, "Cubism/a_x.jpg", "Cubism/early/b_y.jpg", "Cubism/late/1920/c_z.jpg",
                "cover.jpg")  # fmt: skip
    found = WikiArt(root)
    assert set(found.catalog["style"]) == {"Cubism"} and len(found) == 3
    told = found.findings().set_index("kind")["path"]
    assert told["picture outside the style folders"] == "cover.jpg"
    deep = tree(tmp_path / "deep", "Cubism/1/a_x.jpg", "Realism/1/b_y.jpg")
    assert set(WikiArt(deep).catalog["style"]) == {"Cubism", "Realism"}


def test_several_sets_in_one_folder_are_told_apart(tmp_path):
    tree(tmp_path, "one/Cubism/a_x.jpg", "two/Realism/b_y.jpg")
    with pytest.raises(WikiArtError, match=r"contains several datasets \(one, two\)"):
        WikiArt(tmp_path)


def test_links_and_names_that_lead_nowhere_break_nothing(tmp_path):
    root = tree(tmp_path / "set", "Cubism/a_x.jpg", "Realism/b_y.jpg")
    (root / "loop").symlink_to("loop")
    (root / "Cubism" / "loop.jpg").symlink_to("loop.jpg")
    (root / "Cubism" / "round").symlink_to(root)
    os.mkfifo(root / "Cubism" / "pipe.jpg")
    tree(tmp_path / "far", "x.jpg")
    (root / "Cubism" / "far.jpg").symlink_to(tmp_path / "far" / "x.jpg")
    found = WikiArt(root)
    assert sorted(found.catalog["path"]) == ["Cubism/a_x.jpg", "Realism/b_y.jpg"]
    told = found.findings().groupby("kind")["path"].apply(sorted).to_dict()
    assert told["unreadable name"] == ["Cubism/loop.jpg", "Cubism/pipe.jpg"]
    assert told["name outside the root"] == ["Cubism/far.jpg"]


@pytest.mark.parametrize("cells", [("5", "1.5"), ("", ""), ("nan", "True"), ("['Cubism']", "7")])
def test_csv_cells_of_any_kind(tmp_path, cells):
    root = tree(tmp_path, "Cubism/a_x.jpg", "Cubism/b_y.jpg")
    rows = [f"Cubism/{n}.jpg,{c},{c},{c},{c},{c},{c},{c}" for n, c in zip(("a_x", "b_y"), cells,
                                                                         strict=True)]  # fmt: skip
    (root / "classes.csv").write_text("\n".join([",".join(wikiart_index.KAGGLE_COLUMNS), *rows]))
    (root / "wclasses.csv").write_text("file,genre\nCubism/a_x.jpg,129\nCubism/b_y.jpg,x\n")
    assert len(WikiArt(root)) == 2
    os.unlink(root / "classes.csv")
    os.mkfifo(root / "classes.csv")
    assert len(WikiArt(root)) == 2


def test_a_second_tree_of_pictures_is_named(tmp_path):
    for name in ("images/images/goya/a.jpg", "images/images/dix/b.jpg", "resized/resized/a.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    with pytest.warns(NSTWarning, match="only resized is read; there are also pictures in images"):
        assert wikiart_index.find_root(tmp_path) == tmp_path / "resized"
    assert wikiart_index.find_root(tmp_path / "images").name == "images"

import io
import sys
import types

import pytest
from PIL import Image

from nst_utils.errors import NSTWarning
from nst_utils.wikiart import download as wikiart_download
from nst_utils.wikiart.index import WikiArtError


def as_bytes(image=None):
    file = io.BytesIO()
    (image or Image.effect_noise((40, 30), 80)).convert("RGB").save(file, "PNG")
    return file.getvalue()


class Stream:
    """As a data set of Hugging Face, its pictures not decoded."""

    features = {
        "style": types.SimpleNamespace(names=["Cubism", "../../Pop Art"]),
        "artist": types.SimpleNamespace(names=["Pablo Picasso", "../../etc/passwd"]),
    }

    def __init__(self, rows):
        self.rows = rows

    def shuffle(self, **_):
        return iter(self.rows)


def test_the_version_that_a_folder_is_filled_from_is_kept(tmp_path, monkeypatch):
    asked, versions = [], iter(["a" * 40, "b" * 40])
    stream = Stream([{"image": {"bytes": as_bytes()}, "style": 0, "artist": 0}])
    stream.cast_column = lambda *_: stream

    def load(name, **options):
        asked.append(options["revision"])
        return stream

    api = types.SimpleNamespace(dataset_info=lambda name: types.SimpleNamespace(sha=next(versions)))
    library = types.SimpleNamespace(load_dataset=load, Image=lambda **_: None)
    monkeypatch.setitem(sys.modules, "datasets", library)
    hub = types.SimpleNamespace(HfApi=lambda: api)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    for folder in ("one", "one", "two"):
        wikiart_download.stream_huggingface(tmp_path / folder, 1, progress=False)
    assert asked == ["a" * 40, "a" * 40, "b" * 40]


def test_one_bad_picture_does_not_end_a_stream(tmp_path):
    rows = [
        {"image": {"bytes": as_bytes(), "path": None}, "style": 0, "artist": 0},
        {"image": {"bytes": b"<html>gone", "path": None}, "style": 0, "artist": 0},
        {"image": {"bytes": None, "path": None}, "style": 0, "artist": 0},
        {"image": Image.effect_noise((20, 20), 9), "style": 1, "artist": 1},
    ]
    with pytest.warns(NSTWarning, match="2 pictures of the stream cannot be read"):
        written = wikiart_download.stream_huggingface(
            tmp_path / "set", 4, dataset=Stream(rows), progress=False
        )
    assert written == 2
    files = [path.relative_to(tmp_path / "set") for path in tmp_path.rglob("*.jpg")]
    assert all(len(path.parts) == 2 for path in files) and len(files) == 2


@pytest.mark.parametrize(
    "error", [ValueError("x\ny"), KeyError("style"), Exception("odd"), EOFError()]
)
def test_a_librarys_own_error_is_one_sentence(tmp_path, error):
    def broken():
        yield {"image": {"bytes": as_bytes()}, "style": 0, "artist": 0}
        raise error

    with pytest.raises(WikiArtError, match="broke off after 1 pictures") as caught:
        wikiart_download.stream_huggingface(tmp_path, 4, dataset=Stream(broken()), progress=False)
    assert str(caught.value).isprintable()

import dataclasses
import io
import json

import pytest
from PIL import Image

from nst_utils import paths
from nst_utils.download import sha256
from nst_utils.errors import UnknownNameError
from nst_utils.images import samples
from nst_utils.images.io import ImageError
from nst_utils.images.samples import download_paintings, open_picture, open_sample


def test_photos_and_painted_styles_are_here_without_a_download():
    ready = [sample for sample in samples.list_samples().values() if sample.available]
    assert {"astronaut", "coffee", "chelsea", "rocket"} <= {sample.name for sample in ready}
    assert len([sample for sample in ready if sample.kind == "style"]) >= 8
    for sample in ready:
        if sample.kind == "content":
            assert min(open_sample(sample.name).size) >= 300


def test_the_package_alone_has_all_that_they_need(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATA", tmp_path)
    samples.list_samples.cache_clear()
    assert samples.list_samples()["chelsea"].available and not list(tmp_path.iterdir())


def test_a_sample_knows_its_name_and_sum():
    first, again = open_picture("mosaic"), open_picture("mosaic", 100)
    assert first.info["source"] == again.info["source"] == "sample mosaic"
    assert first.info["sha256"] == again.info["sha256"]
    assert again.size == (100, 80)


def test_a_sample_does_not_change_with_the_callers_picture():
    mine = open_picture("destijl")
    mine.paste((0, 0, 0), (0, 0, 640, 512))
    assert open_picture("destijl").getextrema() != ((0, 0),) * 3


def test_paths_pictures_and_unknown_names(pictures):
    assert open_picture(pictures[0]).size == (48, 36)
    assert open_picture(str(pictures[0]), 24).size == (24, 18)
    with pytest.raises(ImageError, match="did you mean 'coffee'"):
        open_picture("cofee")
    with pytest.raises(ImageError, match="no such file"):
        open_picture("cofee.png")
    with pytest.raises(UnknownNameError):
        open_sample("nothing")


def test_a_painting_that_was_not_downloaded():
    with pytest.raises(ImageError, match="not downloaded yet"):
        open_picture("starry-night")


def test_manifest_is_complete():
    paintings = [s for s in samples.list_samples().values() if s.kind == "painting"]
    assert len(paintings) >= 6
    for painting in paintings:
        assert painting.address.startswith("https://")
        assert painting.title.count(",") >= 2
    manifest = json.loads((paths.SAMPLES / "manifest.json").read_text(encoding="utf-8"))
    assert len(samples.list_samples()) == len(manifest)


def test_the_style_files_are_the_manifests():
    styles = [s for s in samples.list_samples().values() if s.kind == "style"]
    assert {s.path for s in styles} == set(paths.SAMPLES.glob("*.jpg"))
    for style in styles:
        assert sha256(style.path) == style.sha256 and style.path.stat().st_size <= 400_000
        assert open_sample(style.name).size == (1280, 1024)
        assert open_sample(style.name, 64).info["sha256"] == style.sha256


def test_download_reports_each_and_goes_on(server, monkeypatch):
    file = io.BytesIO()
    Image.new("RGB", (80, 60), "teal").save(file, "JPEG")
    server.files |= {"/good.jpg": file.getvalue(), "/page.jpg": b"<html>not a picture</html>"}
    template = samples.list_samples()["starry-night"]
    fakes = {
        name: dataclasses.replace(template, name=name, address=f"{server.url}/{name}.jpg")
        for name in ("page", "missing", "good")
    }
    monkeypatch.setattr(samples, "list_samples", lambda: fakes)
    states = {sample.name: state for sample, state in download_paintings()}
    assert states["good"].startswith("ready, sha256")
    assert "not a picture" in states["page"]
    assert "404" in states["missing"]
    assert [path.name for path in paths.PAINTINGS.iterdir()] == ["good.jpg"]
    assert open_picture("good").size == (80, 60)

import signal

import numpy as np
import pytest
import torch
from PIL import Image

from nst_utils.errors import NSTError, NSTWarning, UnknownNameError
from nst_utils.experiments import feature_files, style_features
from nst_utils.experiments.style_features import extract_features
from nst_utils.transfer.losses import gram_matrix
from nst_utils.wikiart.catalog import WikiArt

from ..conftest import tiny_backbone
from .test_feature_files import DAMAGES

LAYERS = ("relu1_1", "relu2_1")


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setattr(style_features, "PROJECTED", 2)


@pytest.fixture
def painted(tmp_path):
    """Three styles by two painters, three pictures each."""
    rng = np.random.default_rng(0)
    for style in ("dots", "lines", "noise"):
        (tmp_path / "art" / style).mkdir(parents=True)
        for i in range(6):
            pixels = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
            name = f"{style}-painter-{i % 2}_picture-{i}.png"
            Image.fromarray(pixels).save(tmp_path / "art" / style / name)
    return tmp_path / "art"


def extract(root, tmp_path, **options):
    wikiart = WikiArt(root, progress=False)
    return extract_features(
        wikiart, tiny_backbone(), layers=LAYERS, size=32, folder=tmp_path / "kept",
        progress=False, **options,
    )  # fmt: skip


def test_rows_are_the_paintings_and_numbers_are_known(painted, tmp_path):
    features = extract(painted, tmp_path)
    assert len(features) == 18
    assert features.names[:2] == ("pixels", "colors")
    assert features.array("pixels").shape == (18, 768)
    assert np.square(features.array("colors")).sum(1) == pytest.approx(np.ones(18), rel=1e-5)
    together = features.array("mean relu1_1", "gram relu2_1")
    assert together.shape == (18, 4 + 3)
    means = features.array("moments relu1_1")[:, :4]
    np.testing.assert_array_equal(means, features.array("mean relu1_1"))
    with pytest.raises(NSTError, match="there are pixels, colors"):
        features.array("mean relu9_9")


def test_the_projected_gram_matrix_is_that_of_the_projection():
    x = torch.randn(1, 6, 5, 7)
    directions = style_features._directions(6)
    fewer = torch.einsum("nchw,cd->ndhw", x, directions)
    expected = directions.T @ gram_matrix(x)[0] @ directions
    torch.testing.assert_close(gram_matrix(fewer)[0], expected)
    torch.testing.assert_close(directions.T @ directions, torch.eye(2))


def test_what_is_computed_is_kept_whatever_ends_it(painted, tmp_path, monkeypatch):
    whole = extract(painted, tmp_path / "other")
    real, done = style_features._described, []

    def describe(pictures, *rest):
        if done:
            raise KeyboardInterrupt
        done.append(len(pictures))
        return real(pictures, *rest)

    monkeypatch.setattr(style_features, "_described", describe)
    with pytest.raises(KeyboardInterrupt):
        extract(painted, tmp_path)
    asked = []
    monkeypatch.setattr(
        style_features, "_described", lambda p, *r: asked.append(len(p)) or real(p, *r)
    )
    again = extract(painted, tmp_path)
    assert (done, asked) == ([16], [2])
    for name in whole.names:
        np.testing.assert_allclose(again.array(name), whole.array(name), rtol=1e-4, atol=1e-5)
    extract(painted, tmp_path)
    assert asked == [2]


def test_a_damaged_file_is_left_out_with_a_sentence(painted, tmp_path):
    victim = sorted((painted / "lines").iterdir())[2]
    victim.write_bytes(victim.read_bytes()[:300])
    with pytest.warns(NSTWarning, match="1 of 18 files could not be read") as said:
        features = extract(painted, tmp_path)
    assert victim.name in str(said[0].message)
    assert len(features) == 17
    assert victim.name not in " ".join(features.catalog["path"])
    assert features.problems["path"].tolist() == [f"lines/{victim.name}"]


@pytest.mark.parametrize("way", ["deleted", "flipped bit", "zeros"])
def test_what_lies_in_the_cache_is_not_trusted(painted, tmp_path, monkeypatch, way):
    monkeypatch.setattr(feature_files, "ROWS", 8)  # three files
    features = extract(painted, tmp_path)
    before = {name: features.array(name) for name in features.names}
    files = sorted(features.folder.glob("*.bin"))
    assert len(files) == 3
    DAMAGES[way](files[1])
    with pytest.raises(NSTError, match="missing or damaged; call extract_features again"):
        features.array(*features.names)
    asked, real = [], style_features._described
    monkeypatch.setattr(
        style_features, "_described", lambda p, *r: asked.append(len(p)) or real(p, *r)
    )
    again = extract(painted, tmp_path)
    assert asked == [8]  # the rows of that file alone
    for name, numbers in before.items():
        np.testing.assert_allclose(again.array(name), numbers, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs a limit on the size of files")
def test_a_full_disk_is_one_sentence(painted, tmp_path):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(
            NSTError, match=r"cannot be written \(File too large\); free some space"
        ):
            extract(painted, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(extract(painted, tmp_path)) == 18


def test_bad_input_is_one_sentence(painted, tmp_path):
    wikiart = WikiArt(painted, progress=False)
    with pytest.raises(NSTError, match="32 pixels or more, not 8"):
        extract_features(wikiart, tiny_backbone(), size=8)
    with pytest.raises(UnknownNameError, match="layer of vgg19"):
        extract_features(wikiart, tiny_backbone(), layers=["relu7_1"], size=32)
    wikiart.catalog["problem"] = "damaged"
    with pytest.raises(NSTError, match="nothing to describe"):
        extract_features(wikiart, tiny_backbone(), size=32)

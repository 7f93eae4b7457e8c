from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from nst_utils.errors import NSTError, NSTWarning, UnknownNameError
from nst_utils.experiments import style_classifier as classifier
from nst_utils.networks.backbone import load_backbone
from nst_utils.wikiart.catalog import WikiArt
from nst_utils.wikiart.miniature import make_practice_set


def catalog(**styles):
    """Rows of styles by the artists of each."""
    rows = [
        {"style": style, "artist": artist, "path": f"{style}/{artist}_{i}.jpg"}
        for style, artists in styles.items()
        for i, artist in enumerate(artists)
    ]
    return pd.DataFrame(rows)


def features(table, **arrays):
    return SimpleNamespace(
        catalog=table, array=lambda *names: np.hstack([arrays[n] for n in names])
    )


def test_no_artist_stands_in_training_and_test():
    table = catalog(cubism="abcdabcd", fauvism="efghefgh", rococo="aijkaijk")
    folds = classifier.split_by_artist(table, folds=3)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(24))
    for train, test in folds:
        assert not set(table["artist"].iloc[train]) & set(table["artist"].iloc[test])


def test_styles_by_one_painter_are_left_out_and_named():
    table = catalog(cubism="abab", fauvism="cdcd", solo="eee", one="f", unknown=["", "", ""])
    with pytest.warns(NSTWarning, match="3 of 5 styles .* left out: one, solo, unknown"):
        folds = classifier.split_by_artist(table, folds=2)
    tested = np.concatenate([test for _, test in folds])
    assert set(table["style"].iloc[tested]) == {"cubism", "fauvism"}
    with pytest.raises(NSTError, match="of 2 styles 1 have them"):
        classifier.split_by_artist(catalog(cubism="ab", solo="c"))
    with pytest.raises(NSTError, match="2 folds or more, not 1"):
        classifier.split_by_artist(table, folds=1)


def test_what_can_be_told_is_told_and_the_rest_is_chance():
    table = catalog(cubism="abcd" * 5, fauvism="efgh" * 5)
    rng = np.random.default_rng(0)
    told = (table["style"] == "cubism").to_numpy()[:, None] + 0.1 * rng.normal(size=(40, 3))
    known = features(table, told=told, noise=rng.normal(size=(40, 3)))
    folds = classifier.split_by_artist(table)
    arms = {
        "chance": ("noise", "most frequent"),
        "noise": ("noise", "logistic"),
        "told": ("told", "logistic"),
        "svm": (["told", "noise"], "svm"),
    }
    rows = classifier.compare_descriptors(known, folds, arms)["accuracy"]
    assert rows["told"] == rows["svm"] == 1
    assert rows["noise"] < 0.8
    assert rows["chance"] == 0.5
    with pytest.raises(UnknownNameError, match="classifier"):
        classifier.predict_styles(known, "told", folds, classifier="forest")


def test_the_interval_is_over_artists_not_paintings():
    right = pd.DataFrame({"style": "x", "artist": list("aabb"), "predicted": list("xxyy")})
    told = classifier.accuracy(right)
    assert (told["accuracy"], told["low"], told["high"]) == (0.5, 0.0, 1.0)
    assert (told["paintings"], told["artists"]) == (4, 2)


def test_the_last_block_is_trained_and_the_network_is_not(tmp_path):
    root = make_practice_set(tmp_path / "set")
    wikiart = WikiArt(root, progress=False).filter(style=["mosaic", "drip"])
    table = wikiart.catalog.reset_index(drop=True)
    vgg = load_backbone("vgg19", "random")
    before = vgg.convolution("conv5_1").weight
    known = SimpleNamespace(catalog=table, root=wikiart.root)
    [fold, *_] = classifier.split_by_artist(table)
    predictions, history = classifier.fine_tune(
        known, fold, vgg, size=32, epochs=2, limit=12, progress=False
    )
    assert len(predictions) <= 12
    assert set(predictions["predicted"]) <= {"mosaic", "drip"}
    assert history["rate"].is_monotonic_decreasing
    assert (vgg.convolution("conv5_1").weight == before).all()
    with pytest.raises(NSTError, match="last block of VGG19"):
        classifier.fine_tune(known, fold, SimpleNamespace(name="resnet50"))


def test_a_difference_is_taken_painting_by_painting():
    predictions = pd.DataFrame(
        {"style": ["a", "b"] * 6, "artist": list("uuvvwwxxyyzz"), "predicted": ["a", "a"] * 6}
    )
    better = predictions.assign(predicted=predictions["style"])
    assert classifier.accuracy_difference(better, predictions) == (0.5, 0.5, 0.5)
    mean, low, high = classifier.accuracy_difference(better, better.assign(predicted="a"))
    assert (mean, low, high) == (0.5, 0.5, 0.5)  # every artist has the same
    assert classifier.accuracy_difference(better, better) == (0, 0, 0)

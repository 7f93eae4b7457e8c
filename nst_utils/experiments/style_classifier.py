"""Transfer learning: predict a painting's style from the activations of a frozen network.

Logistic regression and a linear support vector machine of scikit-learn use the descriptors of
`style_features`; `fine_tune` trains the last block of VGG19. Training and test are split by artist,
so that a classifier learns the style and not the painter.
"""

import itertools
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from ..errors import NSTError, NSTWarning, check_choice, ignoring
from ..images.tensors import normalize, to_tensor
from ..networks.backbone import Backbone
from ..parallel import bar_options
from ..wikiart.names import file_of
from .statistics import DRAWS
from .style_features import StyleFeatures, read_square

CLASSIFIERS = ("logistic", "svm", "most frequent")


def split_by_artist(
    catalog: pd.DataFrame, *, folds: int = 4, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split paintings into folds, each artist in one of them.

    Parameters
    ----------
    catalog : DataFrame
        Columns ``style`` and ``artist``. A style with fewer than two artists cannot be in training
        and test at once; it is left out with a warning. So are paintings without an artist.
    folds : int
        Number of folds; at most the number of artists.
    seed : int
        Seed of the split.

    Returns
    -------
    list of (ndarray, ndarray)
        For each fold the rows to train on and the rows to test on. Every row that is not left out
        is tested once.

    Raises
    ------
    NSTError
        If `folds` is below 2, or fewer than two styles are left.
    """
    if folds < 2:
        raise NSTError(f"a split needs 2 folds or more, not {folds}")
    named = catalog["artist"].fillna("").str.strip() != ""
    artists = catalog[named].groupby("style")["artist"].nunique()
    kept = artists.index[artists >= 2]
    left = sorted(set(catalog["style"]) - set(kept))
    if len(kept) < 2:
        raise NSTError(
            "the split is by artist and needs two styles or more with two artists each; of "
            f"{len(left) + len(kept)} styles {len(kept)} have them"
        )
    if left:
        warnings.warn(
            f"{len(left)} of {len(left) + len(kept)} styles have paintings by fewer than two "
            f"artists and are left out: {', '.join(left[:5])}{', …' if left[5:] else ''}",
            NSTWarning,
            stacklevel=2,
        )
    rows = np.flatnonzero((named & catalog["style"].isin(kept)).to_numpy())
    used = catalog.iloc[rows]
    folds = min(folds, used["artist"].nunique())
    with ignoring(UserWarning):
        # It concerns styles with fewer paintings than folds: some folds then test none of them.
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        parts = list(splitter.split(rows, used["style"], used["artist"]))
    return [(rows[train], rows[test]) for train, test in parts if len(test)]


def predict_styles(
    features: StyleFeatures,
    names: str | Sequence[str],
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    classifier: str = "logistic",
) -> pd.DataFrame:
    """Predict each painting's style by a classifier that has not seen its artist.

    Parameters
    ----------
    features : StyleFeatures
        Descriptors of the paintings.
    names : str or sequence of str
        Descriptors to use; all are standardized. If all of them are Gram matrices, they go through
        a signed square root first (Lin et al., "Bilinear CNN Models", ICCV 2015).
    folds : sequence of (ndarray, ndarray)
        As `split_by_artist` returns them.
    classifier : {"logistic", "svm", "most frequent"}
        ``most frequent`` always predicts the most common style, as a baseline.

    Returns
    -------
    DataFrame
        A row for each tested painting: ``style``, ``artist``, ``predicted``, ``fold``.

    Raises
    ------
    NSTError
        If a descriptor or the classifier does not exist.
    """
    names = [names] if isinstance(names, str) else list(names)
    x, styles = features.array(*names), features.catalog["style"].to_numpy(str)
    parts = []
    for fold, (train, test) in enumerate(folds):
        model = _classifier(classifier, names)
        with ignoring(ConvergenceWarning):
            model.fit(x[train], styles[train])
        part = features.catalog.iloc[test][["style", "artist"]]
        parts.append(part.assign(predicted=model.predict(x[test]), fold=fold))
    return pd.concat(parts, ignore_index=True)


def accuracy(predictions: pd.DataFrame) -> dict[str, float]:
    """Return the share of correct predictions, with a 95 % interval over artists.

    `predictions` are as `predict_styles` returns them. Return ``accuracy``, ``low``, ``high``,
    ``paintings``, ``artists``.
    """
    mean, low, high = _mean_over_artists(_right(predictions), predictions["artist"])
    whole = {"accuracy": mean, "low": low, "high": high}
    return {**whole, "paintings": len(predictions), "artists": predictions["artist"].nunique()}


def accuracy_difference(one: pd.DataFrame, other: pd.DataFrame) -> tuple[float, float, float]:
    """Return the difference of two accuracies on the same paintings, with its 95 % interval.

    The difference is taken painting by painting, so that what makes a painting hard for both drops
    out. Both are as `predict_styles` returns them, for the same folds.
    """
    return _mean_over_artists(_right(one) - _right(other), one["artist"])


def _right(predictions: pd.DataFrame) -> pd.Series:
    return (predictions["style"] == predictions["predicted"]).astype(float)


def _mean_over_artists(values: pd.Series, artists: pd.Series) -> tuple[float, float, float]:
    """Return a mean over paintings with the ends of its 95 % interval.

    Paintings by one artist are alike, so resampling paintings would make the interval too narrow.
    Artists are resampled instead, each with all of their paintings (a cluster bootstrap).
    """
    by_artist = values.groupby(artists).agg(["sum", "size"]).to_numpy(float)
    rng = np.random.default_rng(0)
    drawn = by_artist[rng.integers(0, len(by_artist), (DRAWS, len(by_artist)))].sum(1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def compare_descriptors(
    features: StyleFeatures,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    settings: dict[str, tuple[str | Sequence[str], str]],
) -> pd.DataFrame:
    """Return the accuracy of several combinations of descriptors and classifier, a row for each.

    `settings` holds descriptors and classifier by title.
    """
    rows = {
        title: accuracy(predict_styles(features, names, folds, classifier=classifier))
        for title, (names, classifier) in settings.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("from")
    return table.astype({"paintings": int, "artists": int})


def by_layer(
    features: StyleFeatures,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    layers: Sequence[str],
    *,
    classifier: str = "logistic",
) -> pd.DataFrame:
    """Return how well each statistic of each layer tells styles apart.

    The columns are ``statistic`` (``gram``, ``mean``, ``moments``), ``layer``, those of `accuracy`,
    and ``minus gram``, the difference to the layer's Gram matrix painting by painting, with its
    interval ``minus low`` and ``minus high``; see `accuracy_difference`.
    """
    rows = []
    for layer in layers:
        found = {
            statistic: predict_styles(
                features, f"{statistic} {layer}", folds, classifier=classifier
            )
            for statistic in ("gram", "mean", "moments")
        }
        for statistic, predicted in found.items():
            gap, low, high = accuracy_difference(predicted, found["gram"])
            row = {"statistic": statistic, "layer": layer} | accuracy(predicted)
            rows.append(row | {"minus gram": gap, "minus low": low, "minus high": high})
    return pd.DataFrame(rows)


def fine_tune(
    features: StyleFeatures,
    fold: tuple[np.ndarray, np.ndarray],
    backbone: Backbone,
    *,
    size: int = 128,
    epochs: int = 5,
    rate: float = 3e-4,
    limit: int = 2000,
    seed: int = 0,
    progress: bool = True,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fine-tune the last block of VGG19, with a linear layer behind it.

    The output of the blocks before it is computed once and kept in memory. Adam trains the weights,
    and the learning rate falls to 0 along a cosine (Loshchilov and Hutter, ICLR 2017).

    Parameters
    ----------
    features : StyleFeatures
        The paintings; their descriptors are not used.
    fold : (ndarray, ndarray)
        Rows to train on and to test on.
    backbone : Backbone
        VGG19. A copy of its last block is trained; the network itself does not change.
    size : int
        Side of the squares that are read, pixels.
    epochs : int
        Passes over the training rows.
    rate : float
        Initial learning rate of the block; the linear layer's is ten times that.
    limit : int
        Most paintings to train on, and to test on; more are drawn at random. It bounds memory.
    seed : int
        Seed of the draws.

    Returns
    -------
    predictions, history : DataFrame
        For the test rows, as `predict_styles` returns them; and ``step``, ``rate``,
        ``loss`` and ``accuracy`` of each batch before it is learned.

    Raises
    ------
    NSTError
        If the network is not VGG19.
    """
    if backbone.name != "vgg19":
        raise NSTError("fine-tuning trains the last block of VGG19; load that backbone")
    rng = np.random.default_rng(seed)
    train, test = (np.sort(rng.permutation(part)[:limit]) for part in fold)
    names, wanted = np.unique(features.catalog["style"].iloc[train], return_inverse=True)
    block, head = _last_block(backbone), nn.Linear(512, len(names))
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    maps, answers = _maps(features, train, backbone, size), torch.from_numpy(wanted)
    optimizer = torch.optim.Adam(
        [{"params": block.parameters()}, {"params": head.parameters(), "lr": 10 * rate}], lr=rate
    )
    batches = [rng.permutation(len(train)) for _ in range(epochs)]
    batches = [order[i : i + 32] for order in batches for i in range(0, len(order), 32)]
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, len(batches))
    history = []
    shown = tqdm(batches, desc="fine-tuning", unit="step", **bar_options(progress))
    for step, batch in enumerate(shown):
        optimizer.zero_grad()
        scores = head(block(maps[batch].float()).mean(dim=(2, 3)))
        loss = functional.cross_entropy(scores, answers[batch])
        loss.backward()
        right = (scores.argmax(1) == answers[batch]).float().mean().item()
        row = {"step": step, "rate": falling.get_last_lr()[0], "loss": loss.item()}
        history.append(row | {"accuracy": right})
        optimizer.step()
        falling.step()
    with torch.no_grad():
        batches = _maps(features, test, backbone, size).split(32)
        scores = torch.cat([head(block(x.float()).mean(dim=(2, 3))) for x in batches])
    part = features.catalog.iloc[test][["style", "artist"]].reset_index(drop=True)
    return part.assign(predicted=names[scores.argmax(1)], fold=0), pd.DataFrame(history)


def _classifier(kind: str, names: Sequence[str]) -> BaseEstimator:
    check_choice("classifier", kind, CLASSIFIERS)
    if kind == "most frequent":
        return DummyClassifier()
    model = LinearSVC(C=0.01, dual="auto", random_state=0)
    if kind == "logistic":
        model = LogisticRegression(C=0.1, max_iter=300)
    rooted = [FunctionTransformer(_signed_root)] if all("gram" in n for n in names) else []
    return make_pipeline(*rooted, StandardScaler(), model)


def _signed_root(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.sqrt(np.abs(x))


def _last_block(backbone: Backbone) -> nn.Sequential:
    """Return a copy of VGG19's fifth block that can be trained."""
    pairs = ((backbone.convolution(f"conv5_{i}"), nn.ReLU()) for i in range(1, 5))
    return nn.Sequential(*itertools.chain(*pairs)).requires_grad_(True)


def _maps(features: StyleFeatures, rows: np.ndarray, backbone: Backbone, size: int) -> Tensor:
    """Return the output of VGG19's fourth block, shape (n, 512, size / 16, size / 16), bfloat16.

    The paintings are read again, in batches. A painting that cannot be read counts as a picture of
    ImageNet's mean color.
    """
    paths = [file_of(features.root, name) for name in features.catalog["path"].iloc[rows]]
    missing, maps = torch.zeros(1, 3, size, size), []
    for i in range(0, len(paths), 16):
        squares = [read_square(path, size) for path in paths[i : i + 16]]
        batch = torch.cat([missing if s is None else normalize(to_tensor(s)) for s in squares])
        maps.append(backbone.extract(batch, ["pool4"])["pool4"].bfloat16())
    return torch.cat(maps)

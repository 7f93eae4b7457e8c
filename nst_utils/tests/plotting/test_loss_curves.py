import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from nst_utils.plotting.loss_curves import LiveCurve, plot_terms
from nst_utils.plotting.style import TERM_COLORS

STEPS = list(range(30))

TERMS = {
    "total": [100 / (i + 1) + 1 for i in STEPS],
    "content": [i / 30 for i in STEPS],
    "style": [100 / (i + 1) for i in STEPS],
    "tv": [0.0] * 30,
}

SCALES = [64] * 10 + [128] * 20


def decoded(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def test_terms_that_are_0_throughout_are_left_out():
    axes = Figure().add_subplot()
    plot_terms(axes, STEPS, TERMS, SCALES)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["total", r"$\alpha\,$content", r"$\beta\,$style"]
    assert [text.get_text() for text in axes.texts] == ["64 px", "128 px"]


def test_live_curve_keeps_its_size_and_shows_more_as_it_grows():
    curve = LiveCurve(470, 180)
    empty = curve.draw([], {name: [] for name in TERM_COLORS}, [])
    half = {name: values[:10] for name, values in TERMS.items()}
    first = curve.draw(STEPS[:10], half, SCALES[:10])
    last = curve.draw(STEPS, TERMS, SCALES)
    shapes = {decoded(data).shape for data in (empty, first, last)}
    assert shapes == {(180, 470, 3)}
    assert (decoded(last) != decoded(first)).any() and (decoded(first) != decoded(empty)).any()


def test_a_move_leaves_a_mark_and_its_name():
    curve = LiveCurve(470, 180, "vi")
    plain = decoded(curve.draw(STEPS, TERMS, SCALES))
    marked = decoded(curve.draw(STEPS, TERMS, SCALES, [(15, "beta"), (29, "content layer")]))
    red, green, blue = np.moveaxis(marked, -1, 0)
    pink = (red > 170) & (green < 150) & (blue > 130)
    assert pink.sum() > 100
    assert (decoded(curve.draw(STEPS, TERMS, SCALES)) == plain).all()  # and it goes again

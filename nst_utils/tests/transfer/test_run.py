import math
import signal
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from nst_utils import paths
from nst_utils.errors import NSTError, NSTWarning, UnknownNameError
from nst_utils.images.inputs import LEAST_SIDE
from nst_utils.images.io import ImageError
from nst_utils.images.samples import open_picture
from nst_utils.images.tensors import load
from nst_utils.networks.device import is_out_of_memory
from nst_utils.transfer import run as transfer_run
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.fields import RecipeError
from nst_utils.transfer.objective import Objective
from nst_utils.transfer.presets import recipe
from nst_utils.transfer.run import StopRun, TransferError, stylize

QUICK = Recipe(size=48, scales=(32, 48), steps=(6, 4), weights="random")


def test_loss_falls_and_the_best_picture_is_returned(tiny, pictures):
    seen = []

    def keep(live):
        seen.append((live.record.scale, live.record.total, live.picture().clone()))

    result = stylize(*pictures, QUICK.replace(steps=(6, 12)), on_step=keep)
    last = [entry for entry in seen if entry[0] == 48]
    best = min(last, key=lambda entry: entry[1])
    assert torch.equal(result.tensor, best[2])
    assert best[1] < last[0][1]
    assert result.stopped == "finished"
    assert [record.step for record in result.history] == list(range(18))
    assert [record.scale for record in result.history] == [32] * 6 + [48] * 12


def test_records_hold_every_term(tiny, pictures):
    record = stylize(*pictures, QUICK).history[3]
    parts = sum(record.weights[name] * value for name, value in record.terms.items())
    assert record.total == pytest.approx(parts, rel=1e-4)
    assert record.total == pytest.approx(sum(record.weighted().values()), rel=1e-4)
    assert list(record.parts("style")) == list(QUICK.style_layers)
    assert record.seconds > 0


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("space", ["unit", "normalized"])
def test_both_optimizers_in_both_spaces(tiny, pictures, optimizer, space):
    rate = 1.0 if optimizer == "lbfgs" else 0.02
    made = QUICK.replace(optimizer=optimizer, space=space, learning_rate=rate, steps=(30, 1))
    totals = [r.total for r in stylize(*pictures, made).history if r.scale == 32]
    assert min(totals) < 0.95 * totals[0]


def test_pictures_may_be_paths_images_arrays_tensors_and_samples(tiny, pictures):
    path, _ = pictures
    image = Image.open(path).convert("RGB")
    expected = stylize(str(path), "mosaic", QUICK).tensor
    for content in (path, image, np.asarray(image)):
        assert torch.equal(stylize(content, "mosaic", QUICK).tensor, expected)
    for content in (load(path), load(path)[0]):  # resized without a rounding to 8 bits
        assert (stylize(content, "mosaic", QUICK).tensor - expected).abs().mean() < 0.05


def test_the_same_recipe_gives_the_same_picture(tiny, pictures):
    made = QUICK.replace(start="noise", seed=3)
    assert torch.equal(stylize(*pictures, made).tensor, stylize(*pictures, made).tensor)


@pytest.mark.parametrize("changes", [{"start": "noise"}, {"start_noise": 0.1}])
def test_two_seeds_give_two_pictures(tiny, pictures, changes):
    one, two = (stylize(*pictures, QUICK.replace(seed=s, **changes)).tensor for s in (1, 2))
    assert (one - two).abs().mean() > 1e-3


def test_starts(tiny, pictures, tmp_path):
    shown = {}
    Image.new("RGB", (100, 30), (250, 10, 10)).save(tmp_path / "red.png")
    for start in ("content", "style", "noise", str(tmp_path / "red.png")):
        made = QUICK.replace(start=start, scales=(48,), steps=1, color="free")
        stylize(*pictures, made, on_step=lambda r, s=start: shown.update({s: r.picture()}))
    content = load(pictures[0])
    assert torch.allclose(shown["content"], content, atol=1e-6)
    assert all(picture.shape == content.shape for picture in shown.values())
    assert (shown["style"] - content).abs().mean() > 0.05
    assert shown[str(tmp_path / "red.png")].mean(dim=(0, 2, 3)).argmax() == 0
    assert shown["noise"].std() > 0.2


def test_small_pictures_come_out_at_the_recipes_size(tiny, pictures):
    result = stylize(*pictures, QUICK.replace(size=96, scales=(96,), steps=2))
    assert result.image.size == (96, 72)


def test_very_long_pictures_keep_a_short_side_that_the_layers_can_read(tiny):
    long = Image.effect_noise((360, 20), 80).convert("RGB")
    with pytest.warns(NSTWarning, match="has 307 x 16 pixels, more than the size"):
        result = stylize(long, long.transpose(Image.Transpose.ROTATE_90), QUICK)
    assert min(result.image.size) == LEAST_SIDE
    with pytest.raises(ImageError, match="one side is more than 20 times the other"):
        stylize(Image.new("RGB", (2000, 20)), long, QUICK)


def test_too_small_pictures_are_refused(tiny, pictures):
    with pytest.raises(ImageError, match="only 1 x 1 pixels"):
        stylize(Image.new("RGB", (1, 1)), pictures[1], QUICK)
    with pytest.raises(ImageError, match=r"values in \[0, 1\]"):
        stylize(torch.full((1, 3, 40, 40), 7.0), pictures[1], QUICK)


@pytest.mark.parametrize("reason", [KeyboardInterrupt(), StopRun("enough"), StopRun()])
def test_stopping_returns_the_best_picture_so_far(tiny, pictures, reason):
    def stop(live):
        if live.record.step == 7:
            raise reason

    result = stylize(*pictures, QUICK, on_step=stop)
    assert len(result.history) == 8
    assert "after 8 of 10 steps" in result.stopped
    assert ("enough" in result.stopped) == (str(reason) == "enough")
    assert result.image.size == (48, 36)
    assert result.provenance["stopped"] == result.stopped


def test_a_real_interrupt_from_outside(tiny, pictures, monkeypatch):
    """Ctrl-C arrives at any moment, not politely inside the callback."""
    monkeypatch.setattr(transfer_run, "WORTH_SAVING", 0.0)
    long = QUICK.replace(steps=(2_000, 1))
    began = threading.Event()
    # A process started in the background ignores Ctrl-C, and so would this test.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Thread(
        target=lambda: (began.wait(), signal.raise_signal(signal.SIGINT)), daemon=True
    )
    timer.start()
    try:
        begin = lambda live: began.set() if live.record.step > 3 else None  # noqa: E731
        result = stylize(*pictures, long, on_step=begin)
    finally:
        signal.signal(signal.SIGINT, before)
    timer.join()
    assert result.stopped.startswith("interrupted after")
    assert 3 < len(result.history) < 2_000
    assert result.checkpoint.is_file()
    assert torch.isfinite(result.tensor).all()


def test_interrupted_while_loading_has_nothing_to_return(tiny, pictures, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    for place in ("_start", "_follow_schedule"):
        with monkeypatch.context() as patch:
            patch.setattr(transfer_run._Run, place, interrupt)
            with pytest.raises(TransferError, match="before it had a picture"):
                stylize(*pictures, QUICK)


class Fragile(Objective):
    """An objective that returns NaN at some of its evaluations."""

    bad = ()
    calls = 0

    def __call__(self, x):
        total, terms = super().__call__(x)
        Fragile.calls += 1
        if Fragile.calls - 1 in Fragile.bad:
            return total * math.nan, {name: value * math.nan for name, value in terms.items()}
        return total, terms


@pytest.fixture
def fragile(monkeypatch):
    monkeypatch.setattr(transfer_run, "Objective", Fragile)
    Fragile.calls, Fragile.bad = 0, ()
    return Fragile


def test_a_non_finite_loss_goes_back_and_says_so(tiny, pictures, fragile):
    fragile.bad = (4,)
    seen = []
    made = QUICK.replace(scales=(48,), steps=10)
    result = stylize(
        *pictures, made, on_step=lambda r: seen.append((r.record, r.picture().clone()))
    )
    notes = [record.note for record in result.history if record.note]
    assert len(notes) == 1
    assert "step length x 0.5" in notes[0]
    good = min(seen[:4], key=lambda pair: pair[0].total)
    assert torch.allclose(seen[5][1], good[1], atol=1e-6)  # the last good picture
    assert result.stopped == "finished"
    assert math.isfinite(result.provenance["losses"]["best"])


def test_a_loss_that_stays_non_finite_ends_with_the_best_picture(tiny, pictures, fragile):
    fragile.bad = range(3, 1000)
    result = stylize(*pictures, QUICK.replace(scales=(48,), steps=50))
    assert "not finite" in result.stopped
    assert len(result.history) < 50
    assert torch.isfinite(result.tensor).all()


def test_a_finer_scale_that_is_not_finite_returns_the_coarser_picture(tiny, pictures, fragile):
    fragile.bad = range(6, 1000)
    result = stylize(*pictures, QUICK)
    assert result.image.size == (32, 24)
    assert result.stopped == "stopped after 6 of 10 steps: the loss is not finite at 48 pixels"


def test_a_loss_that_is_never_finite_is_an_error(tiny, pictures, fragile):
    fragile.bad = range(1000)
    with pytest.raises(TransferError, match="not finite from the start"):
        stylize(*pictures, QUICK)


def test_out_of_memory_keeps_the_coarser_picture(tiny, pictures, monkeypatch):
    original = transfer_run._Run._paint_scale

    def exhausted(self, scale, steps):
        if scale == 48:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        original(self, scale, steps)

    monkeypatch.setattr(transfer_run._Run, "_paint_scale", exhausted)
    result = stylize(*pictures, QUICK)
    assert result.image.size == (32, 24)
    assert "out of memory" in result.stopped
    with pytest.raises(TransferError, match="not enough memory at 48 pixels"):
        stylize(*pictures, QUICK.replace(scales=(48,), steps=3))


def test_other_errors_are_not_swallowed(tiny, pictures):
    def broken(live):
        raise RuntimeError("a bug in the callback")

    with pytest.raises(RuntimeError, match="a bug in the callback"):
        stylize(*pictures, QUICK, on_step=broken)


def test_a_changed_recipe_steers_the_run_and_joins_the_schedule(tiny, pictures):
    layers = {"relu1_1": 2.0, "relu3_1": 1.0}

    def steer(live):
        if live.record.step == 2:
            return QUICK.replace(beta=500, style_layers=layers)
        if live.record.step == 5:
            return QUICK.replace(beta=500, style_layers=layers, pooling="average", alpha=0)

    result = stylize(*pictures, QUICK, on_step=steer)
    assert list(result.history[2].parts("style")) == list(QUICK.style_layers)
    assert list(result.history[3].parts("style")) == list(layers)
    moved = {(step, name) for step, name, _ in result.recipe.schedule}
    assert moved == {(3, "beta"), (3, "style_layers"), (6, "pooling"), (6, "alpha")}
    late = result.history[7]
    assert late.total == pytest.approx(late.weighted()["style"], rel=1e-4)


def test_the_result_is_from_after_the_last_change(tiny, pictures):
    """Totals before and after a change are not on one scale: the lower one is not better."""
    made = QUICK.replace(scales=(48,), steps=9, beta=0.01)
    shown = []

    def steer(live):
        shown.append(live.picture().clone())
        return made.replace(beta=1e5) if live.record.step == 4 else None

    result = stylize(*pictures, made, on_step=steer)
    totals = [record.total for record in result.history]
    assert min(totals[5:]) > max(totals[:5])
    best = 5 + min(range(4), key=lambda i: totals[5 + i])
    assert torch.equal(result.tensor, shown[best])


def test_a_steered_run_can_be_repeated(tiny, pictures):
    def steer(live):
        return {3: QUICK.replace(beta=90), 7: QUICK.replace(beta=90, tv=1)}.get(live.record.step)

    steered = stylize(*pictures, QUICK, on_step=steer)
    repeated = stylize(*pictures, Recipe.from_json(steered.recipe.to_json()))
    assert torch.equal(steered.tensor, repeated.tensor)
    assert [r.total for r in steered.history] == [r.total for r in repeated.history]


def test_something_else_than_a_recipe_is_refused(pictures):
    for other in ("quick", {"size": 64}):
        with pytest.raises(RecipeError, match="expected a Recipe, for example"):
            stylize(*pictures, other)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"masks": [1]}, "masks must be a mapping"),
        ({"on_step": 5}, "on_step must be a function, not 5"),
        ({"checkpoint": 5}, "expected a path, not 5"),
        ({"start": 5}, "expected a path"),
        ({"terms": 5}, "5 lacks one"),
    ],
)
def test_arguments_of_another_kind_are_one_sentence(tiny, pictures, options, told):
    with pytest.raises(NSTError, match=told):
        stylize(*pictures, QUICK, **options)


def test_a_change_made_from_the_runs_own_recipe_keeps_earlier_ones():
    base = Recipe(size=64, scales=[64], steps=[40], schedule=[[10, "beta", 99]])
    steered = base.steered(base.replace(tv=0.1), 21)
    assert steered.schedule == ((10, "beta", 99.0), (21, "tv", 0.1))
    back = base.steered(base.at(20).replace(beta=base.beta), 21)
    assert back.schedule == ((10, "beta", 99.0), (21, "beta", base.beta))


def test_what_cannot_change_during_a_run_is_refused(tiny, pictures):
    with pytest.raises(RecipeError, match="seed cannot change during a run"):
        stylize(*pictures, QUICK, on_step=lambda r: QUICK.replace(seed=5))
    with pytest.raises(RecipeError, match="must return a Recipe or None"):
        stylize(*pictures, QUICK, on_step=lambda r: "faster")
    with pytest.raises(RecipeError, match="on_step cannot change the schedule"):
        stylize(*pictures, QUICK, on_step=lambda r: r.in_effect.replace(schedule=[[4, "beta", 9]]))


def test_long_runs_save_their_state_by_themselves(tiny, pictures):
    seen = []
    look = lambda live: seen.extend(paths.RUNS.rglob("checkpoint.safetensors"))  # noqa: E731
    result = stylize(*pictures, QUICK, on_step=look, checkpoint_every=0)
    assert seen and result.checkpoint is None
    assert not list(paths.RUNS.rglob("*.safetensors"))  # of no use once the run has finished


def test_a_run_that_cannot_save_goes_on(tiny, pictures, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(paths, "RUNS", tmp_path / "file" / "runs")
    with pytest.warns(UserWarning, match="could not be saved"):
        assert stylize(*pictures, QUICK, checkpoint_every=0).stopped == "finished"


def test_a_start_that_is_handed_over_is_taken_as_it_is(tiny, pictures):
    x = torch.rand(1, 3, 36, 48) * 0.5 + 0.25
    seen = []
    made = QUICK.replace(scales=(48,), steps=2)
    result = stylize(*pictures, made, start=x, on_step=lambda live: seen.append(live.picture()))
    assert result.recipe.start == "given" and "start" in result.provenance
    free = made.replace(color="free")
    stylize(*pictures, free, start=x, on_step=lambda live: seen.append(live.picture()))
    assert torch.allclose(seen[2], x, atol=1e-6)  # not rounded to 8 bits
    with pytest.raises(RecipeError, match="no picture came as start="):
        stylize(*pictures, made.replace(start="given"))


class Brightness:
    name, layers = "brightness", ("relu1_1",)

    def learn(self, features, image, weight):
        self.goal = getattr(self, "goal", 0.0) + weight * image.mean()

    def __call__(self, features, image):
        return (image.mean() - self.goal).square() + 0 * features["relu1_1"].sum()


def test_terms_of_ones_own_join_the_record_and_the_curve(tiny, pictures):
    result = stylize(*pictures, QUICK, terms=[Brightness()])
    assert max(r.terms["brightness"] for r in result.history) > 0
    assert result.history[0].weighted()["brightness"] == result.history[0].terms["brightness"]
    assert result.provenance["own_terms"] == {"brightness": 1.0}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": "style"}, "cannot be called 'style'"),
        ({"name": "a/b"}, "cannot be called 'a/b'"),
        ({"layers": None}, "a term needs a name, layers"),
        ({"weight": math.nan}, "the weight of brightness must be a finite number, not nan"),
        ({"layers": ("relu9_1",)}, "unknown layer of vgg19 'relu9_1'"),
        ({"learns": "contents"}, 'learns must be "style" or "content"'),
    ],
)
def test_terms_that_cannot_be_used_are_refused(tiny, pictures, changes, told):
    term = type("Odd", (Brightness,), changes)()
    with pytest.raises((RecipeError, UnknownNameError), match=told):
        stylize(*pictures, QUICK, terms=[term])


def test_a_term_that_is_not_finite_is_named(tiny, pictures):
    term = type("Odd", (Brightness,), {"__call__": lambda *_: torch.tensor(math.nan)})()
    with pytest.raises(TransferError, match=r"not finite from the start \(brightness\)"):
        stylize(*pictures, QUICK, terms=[term])


class Inertia:
    name, layers, learns, weight = "inertia", (), "", np.float32(0.5)

    def __call__(self, features, image):
        last = getattr(self, "last", image.detach())
        self.last = image.detach()
        return (image - last).square().mean()

    def state_dict(self):
        return {"last": self.last}

    def load_state_dict(self, state):
        self.last = state["last"]


def test_a_term_may_keep_the_picture_itself_and_the_state_is_saved(tiny, pictures, tmp_path):
    path = tmp_path / "state.safetensors"
    result = stylize(*pictures, QUICK, terms=[Inertia()], checkpoint=path, checkpoint_every=0)
    assert result.stopped == "finished" and path.is_file()


def test_a_state_that_cannot_be_saved_does_not_end_the_run(tiny, pictures, tmp_path):
    term = type("Odd", (Inertia,), {"state_dict": lambda self: {"last": 3}})()
    with pytest.warns(NSTWarning, match="could not be saved"):
        path = tmp_path / "state.safetensors"
        result = stylize(*pictures, QUICK, terms=[term], checkpoint=path, checkpoint_every=0)
    assert result.stopped == "finished"


def test_nothing_is_printed(tiny, pictures, capfd):
    stylize(*pictures, QUICK)
    assert capfd.readouterr() == ("", "")


def test_the_report_as_run_reads_after_the_relu_what_it_means_to_read_before(pictures):
    """Errata 7: the two recipes start from different losses on the same pair."""
    totals = {}
    for name in ("report", "report-as-run"):
        made = recipe(name, size=64, steps=1)
        totals[name] = stylize("coffee", "drip", made).history[0].total
    assert totals["report"] > 1.2 * totals["report-as-run"]


@pytest.mark.parametrize(
    "text",
    ["DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes",
     "[enforce fail] DefaultCPUAllocator: can't allocate memory",
     "CUDA out of memory. Tried to allocate 2 GiB", "CUBLAS_STATUS_ALLOC_FAILED"],
)  # fmt: skip
def test_memory_that_ran_out_is_recognized(text):
    assert is_out_of_memory(RuntimeError(text))
    assert not is_out_of_memory(RuntimeError("shapes do not match"))


def test_gatys2016_paints_the_style_from_noise():
    result = stylize("chelsea", "nocturne", recipe("gatys2016", size=48, steps=30))
    photo = stylize("chelsea", "nocturne", recipe("gatys2016", size=48, steps=1, start="content"))
    assert (
        min(r.weighted()["style"] for r in result.history)
        < 0.3 * photo.history[0].weighted()["style"]
    )


@pytest.mark.slow
def test_a_real_painting_moves_toward_the_style_and_keeps_the_content():
    result = stylize("chelsea", "nocturne", recipe(size=64, steps=40))
    first, last = result.history[0], result.history[-1]
    assert last.weighted()["style"] < 0.35 * first.weighted()["style"]
    assert result.provenance["weights"]["label"] == "VGG19 (Oxford)"
    photo = open_picture("chelsea", 64).resize(result.image.size).convert("L")
    photo = np.asarray(photo, float)
    painted = np.asarray(result.image.convert("L"), float)
    agreement = np.corrcoef(photo.ravel(), painted.ravel())[0, 1]
    assert agreement > 0.4
    # No frame: the outermost pixels are about as busy as the rest.
    busy = np.abs(np.diff(painted, axis=1))
    assert busy[[0, -1]].mean() < 2 * busy.mean()


MODEST = Recipe(size=32, scales=(32,), steps=(2,), beta=300, weights="random", device="cpu")


@pytest.mark.parametrize(
    "kind", ["no_grad", "inference_mode", "switched off", "float64", "autocast"]
)
def test_the_callers_settings_of_torch_change_nothing(tiny, pictures, kind):
    expected = stylize(*pictures, MODEST.replace(start="noise"))
    contexts = {
        "no_grad": torch.no_grad(),
        "inference_mode": torch.inference_mode(),
        "switched off": torch.set_grad_enabled(False),
        "autocast": torch.autocast("cpu", dtype=torch.bfloat16),
    }
    torch.set_grad_enabled(kind != "switched off")
    try:
        if kind == "float64":
            torch.set_default_dtype(torch.float64)
            found = stylize(*pictures, MODEST.replace(start="noise"))
            assert torch.get_default_dtype() == torch.float64
        else:
            with contexts[kind]:
                mine = torch.rand(1, 3, 40, 40)  # made in inference mode, it stays of that kind
                stylize(mine, pictures[1], MODEST)
                found = stylize(*pictures, MODEST.replace(start="noise"))
                assert torch.is_grad_enabled() == (kind == "autocast")
        assert torch.equal(found.tensor, expected.tensor)
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)


@pytest.mark.parametrize(
    "tensor",
    [torch.ones(3, 40, 40).to_sparse(), torch.ones(3, 40, 40, device="meta"), torch.empty(3, 0, 0),
     torch.ones(3, 40, 40, dtype=torch.complex64), torch.full((3, 40, 40), torch.nan),
     torch.ones(1).expand(3, 10**5, 10**5), torch.ones(40, 40)],
    ids=["sparse", "meta", "empty", "complex", "nan", "huge", "flat"],
)  # fmt: skip
def test_tensors_that_are_no_picture_are_one_sentence(tiny, pictures, tensor):
    with pytest.raises(ImageError, match="expected a"):
        stylize(tensor, pictures[1], MODEST)


def test_a_step_that_is_too_long_is_told(tiny, pictures):
    long = Recipe(size=32, scales=(32,), steps=(5,), weights="random", optimizer="adam")
    with pytest.warns(NSTWarning, match="unchanged: the step length.*learning_rate below 10000"):
        stylize(*pictures, long.replace(learning_rate=1e4))

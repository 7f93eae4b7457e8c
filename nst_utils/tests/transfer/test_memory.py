import re

import pytest
import torch

from nst_utils.errors import NSTError, UnknownNameError
from nst_utils.transfer import memory
from nst_utils.transfer import run as transfer_run
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.fields import RecipeError
from nst_utils.transfer.memory import PLANS, Plan, make_plan, room
from nst_utils.transfer.optimizers import LBFGS
from nst_utils.transfer.run import resume, stylize

SMALL = Recipe(
    size=96, scales=(48, 96), steps=(4, 5), weights="random", precision="float32",
    style_layers={"relu1_1": 1, "relu3_1": 1}, content_layer="relu3_1",
)  # fmt: skip


def test_auto_takes_tiles_only_where_memory_asks_for_them():
    pixels = 4096 * 3072
    assert make_plan(Recipe(), pixels, 12e9, "float32").tile
    little = make_plan(Recipe(), pixels, 6e9, "bfloat16")
    assert little.tile and little.narrow and little.bytes(Recipe(), pixels, "bfloat16") < 6e9
    assert make_plan(Recipe(), pixels, 1e9, "float32") == PLANS[-1]
    # However much is free, 4,096 pixels take no more than they need.
    usual = Recipe(size=4096)
    for form in ("float32", "bfloat16"):
        assert make_plan(usual, pixels, 64e9, form) == Plan(512, 10, True)
        assert make_plan(usual, pixels, 64e9, form).bytes(usual, pixels, form) < 5.4e9
    # Smaller ones take less, and are not read in tiles below 1,024 pixels.
    half = Recipe(size=2048)
    for form in ("float32", "bfloat16"):
        plan = make_plan(half, pixels // 4, 64e9, form)
        assert plan == Plan(512, 10, True) and plan.bytes(half, pixels // 4, form) < 2.8e9
        assert make_plan(Recipe(size=1024), 1024 * 1024, 64e9, form) == Plan()
    # Where nothing keeps to that, it is the smallest that fits.
    assert make_plan(Recipe(size=8192), 4 * pixels, 64e9, "float32").tile == 512
    # Deep layers of ResNet-50 see further than the smaller tiles are wide.
    assert make_plan(Recipe(), pixels, 1e9, "float32", margin=300).tile == 384


def test_a_graphics_cards_memory_is_nobody_elses(monkeypatch):
    monkeypatch.setattr(memory, "pick_device", torch.device)
    for size in (512, 2048, 4096):
        card = Recipe(size=size, device="cuda")
        assert make_plan(card, size * size * 3 // 4, 64e9, "float32") == Plan()


def test_what_is_recorded_is_never_tiled_however_little_seems_free():
    assert make_plan(Recipe(), 512 * 384, 1e8, "float32") == Plan()


def test_what_cannot_fit_is_refused_with_what_would(tiny, pictures, monkeypatch):
    large = Recipe(size=8192, weights="random", device="cpu")
    monkeypatch.setattr(memory, "room", lambda device: 2e9)
    with pytest.raises(NSTError, match=r"8192 pixels need about .* 2.0 GB are free; .*size=(\d+)"):
        stylize(*pictures, large)
    # However little seems to be free, what always was painted is painted.
    monkeypatch.setattr(memory, "room", lambda device: 1e8)
    memory.check_memory((512, 384), Recipe(device="cpu"))
    memory.check_memory((48, 36), Recipe(device="cpu", tile="none"))
    with pytest.raises(NSTError, match="1.6 GB are free"):
        memory.check_memory((48, 36), large)


def test_a_plan_that_cannot_be_kept_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "room", lambda device: 2e9)
    large = Recipe(size=4096, device="cpu")
    memory.check_plan(PLANS[-1], large, 1024 * 768)
    with pytest.raises(NSTError, match="was begun with .* GB of memory, but 2.0 GB are free"):
        memory.check_plan(Plan(), large, 4096 * 3072)


def test_what_is_advised_has_all_of_its_memory(monkeypatch):
    monkeypatch.setattr(memory, "room", lambda device: 4e9)
    large = Recipe(size=4096, device="cpu", tile="none")
    with pytest.raises(NSTError, match=r"size=(\d+)") as caught:
        memory.check_memory((4, 3), large)
    size = int(re.search(r"size=(\d+)", str(caught.value))[1])
    needed = Plan().bytes(large, size * size * 3 // 4, memory.number_format(large))
    assert 3.5e9 < needed <= 4e9


def test_files_in_the_systems_cache_count_as_free(tmp_path, monkeypatch):
    for name, text in (("max", "3000"), ("current", "2500"), ("stat", "anon 9\ninactive_file 700")):
        (tmp_path / f"memory.{name}").write_text(text)
    monkeypatch.setattr(memory, "control_groups", lambda: [tmp_path])
    assert memory.free_bytes() == 3000 - 2500 + 700
    (tmp_path / "memory.stat").unlink()  # the limit holds all the same
    assert memory.free_bytes() == 3000 - 2500


def test_a_tile_that_was_asked_for_is_taken():
    assert make_plan(Recipe(tile=512), 10**6, 64e9, "float32") == Plan(512)
    assert make_plan(Recipe(tile="none"), 10**8, 1e9, "float32") == Plan()
    assert Recipe(tile=512) == Recipe(tile="512") and Recipe().tile == "auto"
    for wrong in ("many", 8, "12.5", 10**6):
        with pytest.raises(UnknownNameError, match="a whole number of pixels from 32 to"):
            Recipe(tile=wrong)
    with pytest.raises(RecipeError, match="tile must be"):
        Recipe(tile=None)


def test_room_is_what_is_free_and_what_this_process_has():
    assert room(torch.device("cpu")) > 1e8


def test_a_run_in_tiles_paints_the_same_picture(tiny, pictures):
    whole, tiled = (stylize(*pictures, SMALL.replace(tile=tile)) for tile in ("none", 32))
    assert (whole.tensor - tiled.tensor).abs().max() < 2e-3
    assert not torch.equal(whole.tensor, tiled.tensor)
    assert tiled.provenance["tile"] == 32 and "tile" not in whole.provenance


def test_a_tile_too_small_for_the_layers_is_refused(tiny, pictures):
    # Before the first scale, which would need no tiles.
    deep = SMALL.replace(style_layers={"relu5_1": 1}, tile=48)
    with pytest.raises(RecipeError, match="tile must be at least 80 pixels"):
        stylize(*pictures, deep, on_step=lambda live: pytest.fail("it painted"))


def test_a_run_in_little_memory_goes_on_exactly_where_more_is_free(
    tiny, pictures, tmp_path, monkeypatch
):
    def stop(live):
        if live.record.step == 6:
            raise KeyboardInterrupt

    monkeypatch.setattr(transfer_run, "make_plan", lambda *_: Plan(32, 2, True))
    whole = stylize(*pictures, SMALL)
    path = tmp_path / "run.safetensors"
    stylize(*pictures, SMALL, on_step=stop, checkpoint=path, checkpoint_every=0)
    monkeypatch.setattr(transfer_run, "make_plan", lambda *_: Plan())
    assert torch.equal(resume(path).tensor, whole.tensor)
    assert not torch.equal(stylize(*pictures, SMALL).tensor, whole.tensor)


def test_few_narrow_pairs_still_lead_downhill():
    target = torch.linspace(-1, 1, 64).view(1, 1, 8, 8)
    scale = torch.logspace(0, 2, 64).view(1, 1, 8, 8)
    x = torch.zeros_like(target)
    optimizer = LBFGS(x, 1.0)
    optimizer.memory, optimizer.narrow = 3, True
    losses = []
    for _ in range(60):
        losses.append((scale * (x - target) ** 2).sum().item())
        optimizer.step(losses[-1], 2 * scale * (x - target))
    assert losses[-1] < 1e-3 * losses[0]
    kept = [name for name in optimizer.state_dict() if name.startswith("moved")]
    assert len(kept) == 3
    assert optimizer.state_dict()["moved.0"].dtype == torch.bfloat16


def test_texture_steps_leave_out_deep_layers(tiny, pictures):
    recipe = SMALL.replace(
        style_layers={"relu1_1": 2, "relu3_1": 1, "relu4_1": 1}, content_layer="relu4_1"
    )
    found = stylize(*pictures, recipe.replace(texture_steps=3)).history
    deep = ["style/relu4_1" in record.terms for record in found]
    assert deep == [True] * 6 + [False] * 3
    before, after = recipe.at(5), recipe.replace(texture_steps=3).at(6)
    assert before.content_layer == "relu4_1" and after.content_layer == "relu3_1"
    assert recipe.replace(texture_steps=99).texture_begins == 4  # of the last scale alone
    with pytest.raises(RecipeError, match="texture_steps need a style layer"):
        recipe.replace(style_layers={"relu4_1": 1}, texture_steps=3)

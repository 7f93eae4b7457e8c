"""A secret in any field that can hold text leaves the process nowhere."""

import contextlib
import itertools

import numpy as np
import pytest
from PIL import Image

from nst_utils.errors import NSTError, brief, one_line, public, unknown
from nst_utils.experiments import sweeps
from nst_utils.experiments.reproduce import repeat_run
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.run import stylize

SECRET = "hunter2"
ADDRESS = (
    f"https://me:{SECRET}@host.invalid/{{}}.png?X-Amz-Signature={SECRET}&token={SECRET}#{SECRET}"
)
SMALL = Recipe(size=24, scales=(24,), steps=(2,), weights="random", device="cpu")


def planted(tmp_path):
    """Return a recipe with a secret in each field that takes a text."""
    (tmp_path / SECRET).mkdir()
    folder = tmp_path / SECRET / "mask.png"
    Image.fromarray(np.uint8(255 * np.tri(18, 24))).save(folder)
    regions = ((ADDRESS.format("a"), 1), (str(folder), 1), ("rest", 1, ADDRESS.format("b")))
    return SMALL.replace(regions=regions, content_mask=ADDRESS.format("c"))


def masks():
    upper = np.tri(18, 24)[::-1].copy()
    return {ADDRESS.format(k): v for k, v in (("a", upper), ("b", np.tri(24, 17)), ("c", upper))}


def test_a_painting_its_record_its_checkpoint_and_its_repetition(tiny, pictures, tmp_path):
    recipe = planted(tmp_path)
    state = tmp_path / "state.nst"
    seen = []

    def look(live):
        seen.append(live.recipe.to_json() + repr(live.result()))
        return recipe.replace(beta=9.0) if len(seen) == 1 else None

    result = stylize(
        *pictures, recipe, masks=masks(), on_step=look, checkpoint=state, checkpoint_every=0
    )
    path = result.save(tmp_path / "out.png")
    texts = [path.read_bytes(), *(f.read_bytes() for f in tmp_path.glob("state*"))]
    texts += [str(result.provenance), repr(result), result.recipe.to_json(), *seen]
    for text in texts:
        assert SECRET not in (text.decode("latin1") if isinstance(text, bytes) else text)
    assert result.recipe.schedule == ((1, "beta", 9.0),)  # steering still knows its regions
    # The masks are inside the record: nothing has to be found again.
    assert repeat_run(path, content=pictures[0], style=pictures[1]).identical


def test_rows_and_tables(here, pictures, tmp_path, capsys):
    recipe = planted(tmp_path).replace(start=ADDRESS.format("start"))
    pair = (ADDRESS.format("photo"), str(pictures[1]))
    table = sweeps.sweep({"one": recipe}, pairs=[pair], out=tmp_path / "out")
    assert (table["error"] != "").all()
    written = [p.read_text("latin1") for p in (tmp_path / "out").rglob("*") if p.is_file()]
    for text in [*written, *capsys.readouterr(), table.drop(columns="file").to_string()]:
        assert SECRET not in text


@pytest.mark.parametrize("say", [brief, one_line, lambda t: str(NSTError(t)), public])
@pytest.mark.parametrize("form", ["{}", "cannot read {}; check it", "['{}', 1]", "({}).", '"{}"'])
def test_every_way_to_say_something(say, form):
    said = say(form.format(ADDRESS.format("x")))
    assert SECRET not in said and "host.invalid/x.png" in said
    assert public(said) == said


def test_messages_of_every_door(pictures):
    address = ADDRESS.format("x")
    for content, style, changes in itertools.chain(
        [(address, pictures[1], {}), (pictures[0], address, {}), (pictures[0], [address], {})],
        [(*pictures, {name: address}) for name in ("start", "weights", "backbone", "device")],
        [(*pictures, {"content_mask": address}), (*pictures, {"regions": ((address, 1),)})],
    ):
        with pytest.raises(NSTError) as caught, contextlib.suppress(ImportError):
            stylize(content, style, SMALL.replace(**changes))
        assert SECRET not in str(caught.value)
    assert SECRET not in str(unknown("sample", address, ["a"]))

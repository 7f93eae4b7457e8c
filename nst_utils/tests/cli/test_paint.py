import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

from nst_utils import paths
from nst_utils.images.clips import even, open_clip
from nst_utils.images.io import read_alpha, read_image
from nst_utils.images.png import read_provenance
from nst_utils.transfer import run as transfer_run

from ..images.test_io import declared, jpeg
from .helpers import one_sentence, run

SETUP = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && "


def test_stylize_writes_a_picture_that_tells_how(tiny, pictures, tmp_path):
    out = tmp_path / "out.png"
    found = run(
        "stylize", *pictures, "--output", out, "--size", "48", "--steps", "4",
        "--weights", "random", "--set", "beta=1e3", "--set", "style_layers=relu1_1:1+relu2_1:0.75",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    record = read_provenance(out)
    assert record["recipe"]["beta"] == 1000
    assert record["recipe"]["style_layers"] == {"relu1_1": 1.0, "relu2_1": 0.75}
    for word in ("backbone", "weights", "size", "steps", "seconds", "loss", "written", "random"):
        assert word in found.stdout
    assert "painting at 48 px" in found.stderr  # the progress bar


def test_a_film_shows_how_a_painting_came_about(tiny, pictures, tmp_path):
    out, film = tmp_path / "out.png", tmp_path / "steps.mp4"
    words = ("stylize", *pictures, "-o", out, "--size", "48", "--weights", "random")
    found = run(*words, "--set", "scales=32,48", "--set", "steps=3,2", "--film", film)
    assert found.exit_code == 0, found.output
    frames = list(open_clip(film).frames())
    # Every step, and the painting as it is kept, which stays for two seconds.
    assert [float(f.time) for f in frames][-2:] == pytest.approx([0.4, 0.5])
    assert float(frames[-1].shown) == pytest.approx(2.1)
    gap = np.abs(np.asarray(frames[-1].image, float) - np.asarray(even(read_image(out), None)))
    assert gap.mean() < 8
    assert "name the painting itself" in one_sentence(run("rerun", "--from", film), 1)
    told = one_sentence(run(*words, "--film", tmp_path / "steps.avi"), 2)
    assert ".avi cannot be written" in told
    assert "leave --checkpoint and --film" in one_sentence(
        run(*words, "--film", film, "--keep", "0.5"), 2
    )


def test_quickstart_leaves_two_files(tiny, tmp_path):
    found = run("--size", "64", "--steps", "3", "--out", tmp_path)
    assert found.exit_code == 0, found.output
    assert (tmp_path / "quickstart.json").is_file()
    record = read_provenance(tmp_path / "quickstart_painting.png")
    assert record["content"]["source"] == "sample chelsea"
    assert read_provenance(tmp_path / "quickstart.png").items() >= record.items()


def test_an_interrupt_saves_the_best_picture(tiny, pictures, tmp_path, monkeypatch):
    original = transfer_run._Run._record_step

    def interrupt(self, *words):
        original(self, *words)
        if words[0].step == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(transfer_run._Run, "_record_step", interrupt)
    out = tmp_path / "out.png"
    found = run("stylize", *pictures, "--output", out, "--size", "64", "--steps", "9")
    assert "interrupted after 3 of 9 steps" in one_sentence(found, 1)
    assert read_provenance(out)["steps"] == 3


def interrupted(monkeypatch, *words):
    """Run ``stylize`` and press Ctrl-C at the fifth step."""
    original = transfer_run._Run._record_step

    def interrupt(self, *arguments):
        original(self, *arguments)
        if arguments[0].step == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(transfer_run._Run, "_record_step", interrupt)
        return run("stylize", *words)


def test_what_goes_on_is_saved_as_it_was_asked_for(tiny, pictures, tmp_path, monkeypatch):
    clear, style = tmp_path / "clear.png", pictures[1]
    with Image.open(pictures[0]) as photo:
        photo.putalpha(100)
        photo.save(clear)
    part, state = tmp_path / "part.png", tmp_path / "run.state"
    as_asked = ("--alpha", "keep", "--depth", "16")
    found = interrupted(
        monkeypatch, clear, style, "--size", "48", "--steps", "9", *as_asked,
        "--output", part, "--checkpoint", state,
    )  # fmt: skip
    said = one_sentence(found, 1)
    assert f"stylize {clear} {style} --alpha keep --depth 16 --resume" in said
    found = run("stylize", clear, style, *as_asked, "--resume", state, "--output", part)
    assert found.exit_code == 0, found.output
    assert np.asarray(read_alpha(part)).min() == np.asarray(read_alpha(part)).max() == 100
    told = one_sentence(run("stylize", *as_asked, "--resume", state, "--output", part), 2)
    assert "name CONTENT and STYLE, too" in told


def test_an_interrupted_run_does_not_replace_a_finished_painting(
    tiny, pictures, tmp_path, monkeypatch
):
    out = tmp_path / "out.png"
    words = (*pictures, "--size", "48", "--output", out, "--steps")
    assert run("stylize", *words, "5").exit_code == 0
    before = out.read_bytes()
    found = interrupted(monkeypatch, *words, "9")
    assert "interrupted after 5 of 9 steps" in one_sentence(found, 1)
    assert "out.png holds a finished painting and stays as it was" in found.stderr
    assert out.read_bytes() == before
    rescued = found.stdout.split("written")[1].split()[0]
    assert read_provenance(rescued)["steps"] == 5


def test_a_run_goes_on_from_its_checkpoint(tiny, pictures, tmp_path, monkeypatch):
    whole, part, state = (tmp_path / name for name in ("whole.png", "part.png", "run.state"))
    words = (*pictures, "--size", "48", "--steps", "9")
    run("stylize", *words, "--output", whole)
    found = interrupted(monkeypatch, *words, "--output", part, "--checkpoint", state)
    assert "go on with stylize --resume" in one_sentence(found, 1)
    found = run("stylize", "--resume", state, "--output", part)
    assert found.exit_code == 0, found.output
    assert read_image(part).tobytes() == read_image(whole).tobytes()
    told = one_sentence(run("stylize", "--resume", state, "-o", part, "--set", "beta=3"), 2)
    assert "--set does not go with --resume" in told
    found = run("stylize", pictures[1], "--resume", state, "--output", part)
    assert "the content picture of the run is 'content.png'" in one_sentence(found, 1)
    told = one_sentence(run("stylize", "--resume", pictures[0], "--output", part), 1)
    assert "not a whole checkpoint" in told
    assert "name a CONTENT and a STYLE" in one_sentence(run("stylize", "--output", part), 2)


def test_outputs_that_are_refused(pictures, tmp_path):
    found = run("stylize", *pictures, "--output", tmp_path / "no" / "out.png")
    assert "does not exist" in one_sentence(found, 2)
    found = run("stylize", *pictures, "--output", tmp_path / "out.gif")
    assert "must end in .png or .tif" in one_sentence(found, 2)
    before = pictures[0].read_bytes()
    found = run("stylize", *pictures, "--output", pictures[0])
    assert "would overwrite an input" in one_sentence(found, 2)
    found = run("stylize", "chelsea", "mosaic", "--output", pictures[0])
    assert "was not painted here" in one_sentence(found, 2)
    assert pictures[0].read_bytes() == before


def test_a_painting_may_be_painted_over_but_not_by_a_run_that_reads_it(tiny, pictures, tmp_path):
    out = tmp_path / "out.png"
    words = ["--size", "32", "--steps", "1"]
    for _ in range(2):
        assert run("stylize", *pictures, "-o", out, *words).exit_code == 0
    found = run("stylize", out, pictures[1], "-o", out, *words)
    assert "would overwrite an input" in one_sentence(found, 2)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.png", None, "no such file"),
        ("text.jpg", b"just text", "not a picture"),
        ("cut.jpg", jpeg(Image.effect_noise((300, 200), 50))[:4000], "damaged or cut short"),
        ("empty.png", b"", "empty"),
        ("bomb.png", declared(20_000, 20_000), "89,478,485"),
    ],
)
@pytest.mark.parametrize("role", [0, 1])
def test_pictures_that_cannot_be_read(pictures, tmp_path, name, content, message, role):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    pair = list(pictures)
    pair[role] = tmp_path / name
    found = run("stylize", *pair, "--output", tmp_path / "out.png")
    line = one_sentence(found, 1)
    assert name in line
    assert message in line


def test_a_painting_that_cannot_be_saved_is_rescued(tiny, pictures, tmp_path, monkeypatch):
    from nst_utils.images.io import ImageError
    from nst_utils.images.outputs import save_painting
    from nst_utils.transfer import result as transfer_result

    def full(tensor, path, *words, **options):
        if paths.RUNS not in path.parents:
            raise ImageError(f"{path}: no space left")
        return save_painting(tensor, path, *words, **options)

    monkeypatch.setattr(transfer_result, "save_painting", full)
    words = ["--output", tmp_path / "out.png", "--size", "32", "--steps", "1"]
    line = one_sentence(run("stylize", *pictures, *words), 1)
    assert "no space left; the painting is in" in line
    assert len(list(paths.RUNS.rglob("rescued/*/painting.png"))) == 1


def test_file_names_may_hold_anything(tiny, pictures, tmp_path):
    odd = tmp_path / "a$^$b {}%.png"
    pictures[0].rename(odd)
    words = ["--content", odd, "--style", pictures[1], "--size", "32", "--steps", "2"]
    found = run(*words, "--out", tmp_path)
    assert found.exit_code == 0, found.output
    assert one_sentence(run("stylize", "x" * 300, "mosaic", "--output", tmp_path / "o.png"), 1)


def test_untrained_is_said_everywhere(tmp_path):
    out = tmp_path / "out.png"
    words = ["stylize", "coffee", "mosaic", "--output", out, "--size", "32", "--steps", "1"]
    # Who names a network and does not ask for random weights does not get them.
    found = run(*words, "--backbone", "resnet50")
    assert found.exit_code == 1 and "ask for --weights random" in found.stderr
    assert "cannot be downloaded" in found.stderr and not out.exists()  # and why
    found = run(*words, "--backbone", "resnet50", "--weights", "random")
    assert found.exit_code == 0, found.output
    assert "ResNet-50 (untrained)" in found.stdout
    assert read_provenance(out)["weights"]["trained"] is False


def test_provenance(tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "plain.png")
    found = run("provenance", tmp_path / "plain.png")
    assert "no record" in one_sentence(found, 1)
    assert "no such file" in one_sentence(run("provenance", tmp_path / "no.png"), 1)


def test_a_photo_at_its_own_size_with_its_alpha_in_sixteen_bits(tiny, tmp_path, pictures):
    photo = Image.radial_gradient("L").resize((53, 37)).convert("RGB")
    photo.putalpha(Image.linear_gradient("L").resize((53, 37)))
    photo.save(tmp_path / "photo.png")
    out = tmp_path / "out.tif"
    found = run(
        "stylize", tmp_path / "photo.png", pictures[1], "--output", out, "--size", "full",
        "--steps", "3", "--alpha", "keep", "--depth", "16", "--weights", "random",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    array = tifffile.imread(out)
    assert array.shape == (37, 53, 4) and array.dtype == np.uint16
    assert read_provenance(out)["recipe"]["size"] == 53
    assert (array[..., 3] >> 8 == np.asarray(photo.getchannel("A"))).all()


def test_sizes_and_formats_that_are_refused(tiny, tmp_path, pictures, monkeypatch):
    words = ("stylize", *pictures, "--output")
    found = run(*words, tmp_path / "a.jpg", "--depth", "16")
    assert "holds 8 bits a channel" in one_sentence(found, 2)
    found = run(*words, tmp_path / "a.jpg", "--alpha", "keep")
    assert "a JPEG holds no alpha channel" in one_sentence(found, 2)
    Image.new("RGB", (20_000, 16)).save(tmp_path / "long.png")
    found = run(
        "stylize", tmp_path / "long.png", pictures[1], "--size", "full", *words[-1:], "a.png"
    )
    assert "one side is more than 20 times the other" in one_sentence(found, 1)
    found = run("stylize", tmp_path, pictures[1], "--size", "full", *words[-1:], tmp_path / "out")
    assert "--size full takes one photo" in one_sentence(found, 2)
    usage = shutil._ntuple_diskusage(10**9, 10**9, 60_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    found = run(*words, tmp_path / "a.png", "--size", "8192", "--steps", "3")
    assert "the largest that would fit is --size 4" in one_sentence(found, 1)

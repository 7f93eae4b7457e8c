import ast
import json
import re

import pandas as pd
import pytest
from matplotlib.figure import Figure

from nst_utils.errors import UnknownNameError
from nst_utils.experiments.building_blocks import KERNELS
from nst_utils.paths import RESULTS, ROOT
from nst_utils.plotting.style import TERM_COLORS
from nst_utils.plotting.translations import (
    TRANSLATIONS,
    VIETNAMESE,
    setting_translator,
    translate_figure,
    translator,
)
from nst_utils.transfer.config import field_of
from nst_utils.transfer.fields import rule_of
from nst_utils.transfer.presets import PRESETS


def notebook_trees():
    for path in (ROOT / "notebooks").rglob("*.ipynb"):
        if ".ipynb_checkpoints" in path.parts:
            continue
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        source = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        yield path.name, ast.parse(source)


def strings(tree):
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_no_entry_is_empty_or_stands_twice():
    assert all(VIETNAMESE.values()) and all(all(entry) for entry in TRANSLATIONS.values())
    assert not set(TRANSLATIONS) & set(VIETNAMESE)


def test_every_label_that_is_said_has_a_vietnamese_entry():
    said = {*KERNELS, *TERM_COLORS, *rule_of(field_of("loss")).choices}
    for path in (ROOT / "nst_utils" / "plotting").glob("*.py"):
        said |= set(re.findall(r"""\bsay\(["']([^"']+)["']\)""", path.read_text(encoding="utf-8")))
    assert said <= {*TRANSLATIONS, *VIETNAMESE}


def test_no_entry_is_unused():
    used = set().union(*(strings(tree) for _, tree in notebook_trees()))
    for path in (ROOT / "nst_utils").rglob("*.py"):
        if path.stem != "translations" and "tests" not in path.parts:
            used |= strings(ast.parse(path.read_text(encoding="utf-8")))
    assert {*TRANSLATIONS, *VIETNAMESE} <= used


def test_labels_use_the_terms_of_the_glossary():
    """The report's own terms: a layer is always "lớp", a filter always "bộ lọc"."""
    folder = ROOT / "nst_utils"
    lines = (folder / "plotting" / "GLOSSARY.md").read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][1:]
    assert len(rows) >= 30 and all(len(row) == 3 for row in rows)
    labels = json.loads((folder / "studio" / "labels.json").read_text(encoding="utf-8"))
    said = [*TRANSLATIONS.values(), *VIETNAMESE.items()]
    said += [pair for group in labels.values() for pair in group.values()]
    for term, forms, _ in rows:
        for english, vietnamese in said:
            if re.search(rf"\b{term}(s|es)?\b", english, re.IGNORECASE):
                assert any(form in vietnamese.lower() for form in forms.lower().split("; ")), (
                    english
                )


def test_english_is_its_own_key_and_what_is_unknown_stays():
    for language in ("en", "vi"):
        assert translator(language)("a column of mine") == "a column of mine"
    assert translator()("style") == "style" and translator("vi")("style") == "phong cách"
    assert translator()("ssim") == "structure kept (SSIM)"
    with pytest.raises(UnknownNameError, match="valid: en, vi"):
        translator("fr")


def test_every_caption_and_label_in_the_notebooks_has_a_vietnamese_entry():
    known = {*TRANSLATIONS, *VIETNAMESE}
    for name, tree in notebook_trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "album.add",
                "album.add_table",
            ):
                said = {word.arg: word.value for word in node.keywords}
                given = said.get("vi")
                if isinstance(given, ast.Name) or (isinstance(given, ast.Constant) and given.value):
                    continue
                assert isinstance(node.args[2], ast.Constant), f"{name}: {ast.unparse(node)}"
                assert node.args[2].value in known, f"{name}: {node.args[2].value}"
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "say":
                if isinstance(node.args[0], ast.Constant):
                    assert node.args[0].value in known, name


def test_a_figure_is_translated_with_its_legend_and_the_names_beside_an_axis():
    figure = Figure()
    axes = figure.add_subplot(title="without\nrelu1_1")
    axes.plot([0, 1], label="two scales")
    axes.legend()
    axes.set_yticks([0, 1], ["beta 1", "L-BFGS, two scales"])
    translate_figure(figure, "vi")
    assert axes.get_title().replace("\n", " ") == "không có relu1_1"
    assert axes.get_legend().get_texts()[0].get_text() == "hai cỡ ảnh"
    figure.canvas.draw()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["beta 1", "L-BFGS, hai cỡ ảnh"]


CODE = re.compile(
    r"(relu|conv)\d_\d|ResNet-50|VGG19|L-BFGS|softmax|(quick, |Adam |beta |tv |keep )*[\d.:]+"
)
UNSHOWN = {"alone", "curve", "own"}


def test_the_names_of_the_stored_settings_are_translated():
    say, values = setting_translator("vi"), {*PRESETS, *rule_of(field_of("color")).choices}
    for path in RESULTS.glob("*/runs.csv"):
        for name in set(pd.read_csv(path)["setting"]) - UNSHOWN - values:
            assert say(name) != name or CODE.fullmatch(name), (path.parent.name, name)

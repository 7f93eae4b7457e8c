import ast
import json
import re

import pytest

from nst_utils.errors import UnknownNameError
from nst_utils.paths import ROOT
from nst_utils.plotting.translations import LANGUAGES, TRANSLATIONS, translator


def test_every_entry_has_both_languages():
    for key, entry in TRANSLATIONS.items():
        assert len(entry) == len(LANGUAGES), key
        assert all(entry), key


def test_every_label_that_is_said_is_in_the_catalog():
    said = set()
    for path in (ROOT / "nst_utils" / "plotting").glob("*.py"):
        said |= set(re.findall(r"""\bsay\(["']([^"']+)["']\)""", path.read_text(encoding="utf-8")))
    assert said
    assert said <= set(TRANSLATIONS)


def test_vietnamese_and_unknown_languages():
    assert translator("vi")("style") == "phong cách"
    with pytest.raises(UnknownNameError, match="valid: en, vi"):
        translator("fr")


def test_every_caption_and_label_in_the_notebooks_is_in_the_catalog():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        source = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "album.add",
                "album.add_table",
            ):
                caption = node.args[2]
                assert isinstance(caption, ast.Constant), f"{path.name}: {ast.unparse(node)}"
                said = {word.arg: word.value for word in node.keywords}
                beside = isinstance(said.get("vi"), ast.Constant) and said["vi"].value
                assert beside or caption.value in TRANSLATIONS, f"{path.name}: {caption.value}"
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "say":
                if isinstance(node.args[0], ast.Constant):
                    assert node.args[0].value in TRANSLATIONS, path.name

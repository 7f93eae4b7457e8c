"""What every committed notebook must be; nbval re-runs them and compares their checked outputs."""

import ast
import json
import re

import pytest

from nst_utils.experiments.notebooks import check_parameters
from nst_utils.paths import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return request.param


def code_cells(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [
        cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"]).strip()
    ]


def tagged(path, tag):
    return [cell for cell in code_cells(path) if tag in cell["metadata"].get("tags", [])]


def test_executed_top_to_bottom(notebook):
    counts = [cell["execution_count"] for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_at_least_five_outputs_are_checked(notebook):
    checked = tagged(notebook, "nbval-check-output")
    assert len(checked) >= 5
    assert all(cell["outputs"] for cell in checked)


def test_no_errors_and_no_warnings(notebook):
    for cell in code_cells(notebook):
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr"
    assert notebook.stat().st_size < 1_400_000


def test_cells_are_short_and_define_only_the_method(notebook):
    """Classes and functions stand where a notebook teaches the method, in cells with that tag."""
    for cell in code_cells(notebook):
        source = "".join(cell["source"])
        if "method" in cell["metadata"].get("tags", []):
            assert len(source.splitlines()) <= 20
            continue
        assert not re.search(r"^\s*(def|class) ", source, re.MULTILINE)
        imports = all(isinstance(x, ast.Import | ast.ImportFrom) for x in ast.parse(source).body)
        if not imports and "parameters" not in cell["metadata"].get("tags", []):
            check = "check" in cell["metadata"].get("tags", [])
            assert len(source.splitlines()) <= (24 if check else 12), source


def test_parameters_are_literals_with_help(notebook):
    [cell] = tagged(notebook, "parameters")
    source = "".join(cell["source"])
    for node, line in zip(ast.parse(source).body, source.splitlines(), strict=True):
        ast.literal_eval(node.value)
        assert re.search(r"""  # ["\w]""", line), line
    check_parameters(notebook, {"language": "vi"})


# Names that hold digits: networks, layers, keys, parameters in code, links, years, errata.
NAMES = re.compile(
    r"`[^`]*`|\[[^\]]*\]\([^)]*\)|\[0, 1\]|'\d'|ResNet-50|VGG19|[a-z]+\d_\d|layer\d|conv\d"
    r"|\b(?:19|20)\d\d\b|erratum \d"
)


NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def said(cell):
    """Return a cell's outputs as text."""
    texts = []
    for output in cell.get("outputs", ()):
        texts += [
            "".join(output.get("text", "")),
            "".join(output.get("data", {}).get("text/plain", "")),
        ]
    return "\n".join(texts)


def test_numbers_of_a_reading_stand_in_an_output_above(notebook):
    """A number in a reading or a finding is one of a table or a line above it, as rounded there."""
    above = ""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        above += said(cell)
        for part in re.split(r"\n(?=## )", "".join(cell["source"])):
            if cell["cell_type"] == "markdown" and re.search(r"\*\*Reading|## Findings", part):
                left = NAMES.sub("", re.split(r"\*\*(?:Exercise|Read on)", part)[0])
                known = set(NUMBER.findall(above))
                assert [n for n in NUMBER.findall(left) if n not in known] == [], left


def test_a_section_whose_reading_has_numbers_asserts_what_it_compares(notebook):
    """Each such section holds a folded cell; numbers alone do not say which one is larger."""
    told, asserted, section, near = set(), set(), "", set()
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if "check" in cell["metadata"].get("tags", []):
            asserted |= near
        if cell["cell_type"] == "markdown":
            near = {section}  # a cell may end one section and begin the next
            for part in re.split(r"^(?=## )", "".join(cell["source"]), flags=re.MULTILINE):
                section = part.partition("\n")[0] if part.startswith("## ") else section
                near.add(section)
                if "**Reading.**" in part and NUMBER.search(NAMES.sub("", part)):
                    told.add(section)
    assert told <= asserted


def test_each_section_ends_with_an_exercise_and_its_answer(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        if not section.startswith("Findings"):
            assert "**Exercise.**" in section and "<details>" in section, section[:60]


def test_what_a_reading_compares_is_asserted_out_of_sight(notebook):
    for cell in tagged(notebook, "check"):
        assert cell["metadata"]["jupyter"]["source_hidden"] and not cell["outputs"]
        assert "".join(cell["source"]).startswith("if album.as_stored:")
        assert any(isinstance(n, ast.Assert) for n in ast.walk(ast.parse("".join(cell["source"]))))


def test_every_figure_says_what_it_shows(notebook):
    for cell in code_cells(notebook):
        for output in cell["outputs"]:
            if "image/jpeg" in output.get("data", {}):
                assert output["metadata"]["image/jpeg"]["alt"]


def test_the_panel_alone_is_two_short_cells():
    first, second = code_cells(ROOT / "notebooks" / "app" / "studio.ipynb")
    assert first["metadata"]["tags"] == ["parameters"]
    assert "Studio(content, style" in "".join(second["source"])

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nst_utils import untrusted
from nst_utils.untrusted import DataError, check_schema, parse_json, read_json

DEEP = ["[" * 100_000, "[" * 60 + "]" * 60, '{"a":' * 5000 + "1" + "}" * 5000]


@pytest.mark.parametrize("text", DEEP)
def test_nesting_has_a_bound(text):
    with pytest.raises(DataError, match="expected a recipe, not JSON nested"):
        parse_json(text, "a recipe")


def test_size_and_form_have_bounds(monkeypatch, tmp_path):
    with pytest.raises(DataError, match="not list"):
        parse_json([], "a recipe")
    with pytest.raises(DataError, match="as JSON text"):
        parse_json("9" * 5000, "a recipe")  # more digits than Python turns into a number
    monkeypatch.setattr(untrusted, "MOST_BYTES", 100)
    (tmp_path / "large.json").write_text(json.dumps("x" * 200))
    with pytest.raises(DataError, match="large.json: .*at most"):
        read_json(tmp_path / "large.json", "a row")


def test_a_pipe_is_no_file(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="no such file"):
        read_json(tmp_path / "pipe", "a row")


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_one_error(data):
    try:
        parse_json(data, "a record")
    except DataError as error:
        assert str(error).isprintable()


def test_a_schema_names_the_place():
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}}}
    check_schema({"a": ["x"]}, schema, "a record")
    with pytest.raises(DataError, match="not a record: a.1 must be string, not 5"):
        check_schema({"a": ["x", 5]}, schema, "a record")

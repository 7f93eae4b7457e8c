import pytest
from hypothesis import given
from hypothesis import strategies as st

from nst_utils.images.mask_forms import MaskError, check_mask, is_file, parse_box, proposed_part


@given(st.text(max_size=30), st.sampled_from(["", "box:", "light:", "dark:", "proposed:"]))
def test_any_text_is_taken_or_one_sentence(text, kind):
    try:
        check_mask(kind + text)
    except MaskError as error:
        assert str(error).isprintable()


def test_what_is_a_file_and_what_is_not():
    assert is_file("sky.png") and is_file("C:/sky.png") and is_file("sky")
    for form in ("", "rest", "faces", "box:0,0,1,1", "light:0.5", "dark:0.5", "proposed:4/1"):
        assert not is_file(form)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("box:0,0,1", "expected box:left,top,right,bottom"),
        ("box:0.5,0,0.2,1", "left < right"),
        ("box:0,0,1,nan", "expected box"),
        ("light:2", "from 0 to 1"),
        ("proposed:4", "for example proposed:4/1"),
        ("proposed:4/5", "numbered from 1 to 4"),
        ("proposed:\u00b2/1", "for example"),
    ],
)
def test_what_is_wrong_is_told(form, told):
    with pytest.raises(MaskError, match=told):
        check_mask(form)


def test_numbers_are_read():
    assert parse_box("0,0.5,1,1") == (0, 0.5, 1, 1)
    assert proposed_part("proposed:3/2") == (3, 2)

from dataclasses import fields

import pytest

from nst_utils.transfer.config import Recipe, field_of
from nst_utils.transfer.fields import RecipeError, check_field, parse_field, rule_of
from nst_utils.transfer.presets import PRESETS, RECIPES, recipe


@pytest.mark.parametrize("spec", fields(Recipe), ids=lambda spec: spec.name)
def test_every_field_has_a_rule_that_takes_its_default(spec):
    rule, value = rule_of(spec), getattr(Recipe(), spec.name)
    assert rule.help and check_field(spec, value) == value


@pytest.mark.parametrize("name", ["alpha", "size", "steps", "style_layers", "schedule"])
def test_what_cannot_be_read_is_told_with_the_form(name):
    with pytest.raises(RecipeError, match=f"{name} cannot be 'a:b': expected .* for example|JSON"):
        parse_field(field_of(name), "a:b")


def test_a_preset_is_one_entry():
    assert RECIPES == {name: preset.help for name, preset in PRESETS.items()}
    for name, preset in PRESETS.items():
        for backbone, (content_layer, style_layers) in preset.layers.items():
            made = recipe(name, backbone=backbone)
            assert (made.content_layer, made.style_layers) == (content_layer, style_layers)
            assert all(getattr(made, field) == value for field, value in preset.changes.items())

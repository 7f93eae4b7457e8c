import dataclasses
import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nst_utils.cli.recipe_options import parse_value
from nst_utils.errors import NSTError, UnknownNameError
from nst_utils.networks.registry import BACKBONES
from nst_utils.transfer import config, presets
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.fields import RecipeError, parse_field
from nst_utils.transfer.presets import RECIPES, recipe


@pytest.mark.parametrize("name", RECIPES)
def test_named_recipes_go_to_json_and_back(name):
    made = recipe(name)
    assert Recipe.from_json(made.to_json()) == made
    assert hash(Recipe.from_json(made.to_json())) == hash(made)


def test_defaults_are_quick():
    assert recipe("quick") == Recipe()


def test_report_reads_before_the_relu_and_as_run_after_it():
    meant, ran = recipe("report"), recipe("report-as-run")
    assert meant.content_layer == "conv4_2"
    assert ran.content_layer == "relu4_2"
    assert [name.replace("relu", "conv") for name in ran.style_layers] == list(meant.style_layers)
    assert list(meant.style_layers.values()) == [1, 0.75, 0.2, 0.2, 0.2]
    assert (meant.alpha, meant.beta, meant.learning_rate, meant.steps) == (1, 1e3, 1e-3, (20_000,))
    assert (meant.space, meant.gram, meant.loss, meant.tv) == ("normalized", "sum", "published", 0)


def test_report_as_run_has_the_wrong_resnet_keys():
    meant = recipe("report", backbone="resnet50")
    ran = recipe("report-as-run", backbone="resnet50")
    assert list(meant.style_layers) == ["conv1", "layer1", "layer2", "layer3", "layer4"]
    assert meant.content_layer == "layer4"
    # '1' (bn1) was overwritten by '2' (relu), so relu has both of their weights.
    assert ran.style_layers == {"conv1": 1, "relu": 0.95, "maxpool": 0.2, "layer1": 0.2}
    assert ran.content_layer == "layer1"


def test_report_personal():
    made = recipe("report-personal")
    assert (made.steps, made.learning_rate) == ((5_000,), 3e-3)


def test_recipe_without_layers_for_a_backbone_is_refused():
    with pytest.raises(RecipeError, match="gatys2016 is for vgg19"):
        recipe("gatys2016", backbone="resnet50")


def test_a_network_that_no_recipe_lists_is_read_by_vgg19s_layers_or_its_own(monkeypatch):
    vgg19 = BACKBONES["vgg19"]
    layers = tuple(name for name in vgg19.layers if not name.endswith("_4"))
    monkeypatch.setitem(BACKBONES, "vgg16", dataclasses.replace(vgg19, layers=layers))
    found = {name: presets._layers_of(name, "vgg16") for name in RECIPES}
    assert found["gatys2016"] == presets.PRESETS["gatys2016"].layers["vgg19"]
    assert found["gram"] == (vgg19.content_layer, vgg19.style_layers)  # relu3_4 is not there
    assert all({content, *style} <= set(layers) for content, style in found.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 0}, "size must be a whole number of at least 1, not 0"),
        ({"size": -5}, "not -5"),
        ({"size": 12.5}, "not 12.5"),
        ({"size": True}, "not True"),
        ({"steps": 0}, "steps must be whole numbers of at least 1"),
        ({"steps": (5, 0)}, "steps must be"),
        ({"steps": (1, 2, 3)}, "one for each of the 2 scales"),
        ({"scales": (256, 128)}, "ascend and end at size"),
        ({"scales": (64, 128), "size": 256}, "end at size 256"),
        ({"alpha": -1}, "alpha must be a finite number of at least 0"),
        ({"beta": math.nan}, "beta must be a finite number"),
        ({"beta": "10"}, "not '10'"),
        ({"learning_rate": 0}, "above 0"),
        ({"style_layers": {}}, "must map layer names"),
        ({"style_layers": {"relu1_1": 0}}, "all came as 0"),
        ({"style_layers": {"relu1_1": -1}}, "relu1_1 came with -1"),
        ({"style_layers": ["relu1_1"]}, "must map layer names"),
        ({"schedule": [[5, "beta"]]}, r"list of \[step, field, value\]"),
        ({"schedule": [[5000, "beta", 1]]}, "schedule names step 5000"),
        ({"schedule": [[5, "beta", -1]]}, "beta must be"),
        ({"device": ""}, "device must be a text"),
        ({"backbone": "resnet50"}, "give content_layer and style_layers"),
    ],
)
def test_bad_values_are_refused_in_one_sentence(changes, message):
    with pytest.raises(RecipeError, match=message) as caught:
        Recipe().replace(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "suggestion"),
    [
        ({"bta": 3}, "did you mean 'beta'"),
        ({"content_layer": "conv4_9"}, "did you mean 'conv4_"),
        ({"content_layer": "conv_1"}, "unknown layer of vgg19"),  # the tutorial's numbering
        ({"style_layers": {"relu11": 1}}, "did you mean 'relu1_1'"),
        ({"optimizer": "lbgfs"}, "did you mean 'lbfgs'"),
        ({"pooling": "avg"}, "valid: max, average|did you mean"),
        ({"start": "contnt"}, "did you mean 'content'"),
        ({"weights": "oxfrod"}, "did you mean 'oxford'"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
        ({"schedule": [[3, "size", 64]]}, "unknown field in schedule 'size'"),
    ],
)
def test_unknown_names_suggest_the_nearest(changes, suggestion):
    with pytest.raises(UnknownNameError, match=suggestion):
        Recipe().replace(**changes)


def test_unknown_recipe_suggests():
    with pytest.raises(UnknownNameError, match="did you mean 'quick'"):
        recipe("quik")


def test_size_makes_a_new_ladder_and_one_scale_stays_one():
    assert recipe(size=256).scales == (128, 256)
    assert recipe("report", size=96).scales == (96,)
    assert recipe(size=64).scales == (64,)
    assert len(recipe(size=1024).steps) == 3


def test_total_steps_are_split_in_the_recipes_proportions():
    base = recipe()
    half = recipe(steps=sum(base.steps) // 2)
    assert sum(half.steps) == sum(base.steps) // 2
    assert abs(half.steps[0] / half.steps[1] - base.steps[0] / base.steps[1]) < 0.3
    assert recipe(steps=1).scales == (512,)


def test_scales_alone_set_the_size():
    made = recipe(scales=(64, 96), steps=(3, 2))
    assert (made.size, made.steps) == (96, (3, 2))


def test_schedule_changes_what_is_in_effect():
    made = Recipe(schedule=[[20, "beta", 3], [10, "style_layers", {"relu1_1": 1}]])
    assert made.at(9).beta == Recipe().beta
    assert made.at(15).style_layers == {"relu1_1": 1.0}
    assert made.at(20).beta == 3.0
    assert Recipe.from_json(made.to_json()) == made


def test_equal_recipes_hash_alike():
    one = Recipe(style_layers={"relu1_1": 1, "relu2_1": 2})
    two = Recipe(style_layers={"relu2_1": 2, "relu1_1": 1})
    assert one == two
    assert hash(one) == hash(two)


def test_numbers_from_numpy_are_numbers():
    import numpy as np

    made = Recipe(size=np.int64(256), beta=np.float32(4), seed=np.uint8(3))
    assert (made.size, made.beta, made.seed) == (256, 4.0, 3)
    assert Recipe.from_json(made.to_json()) == made


def test_fields_left_out_follow_the_size():
    assert Recipe.from_json('{"size": 256}').scales == (128, 256)
    assert Recipe.from_json('{"loss": "report"}').loss == "published"  # its name in older records
    assert Recipe(size=64).steps == (90,)


def test_large_whole_numbers_are_read_exactly():
    assert parse_value("seed", "9007199254740993") == 9007199254740993


def test_a_recipe_cannot_be_changed_from_outside():
    layers = {"relu1_1": 1.0}
    made = Recipe(style_layers=layers)
    layers["relu2_1"] = 5.0
    assert made.style_layers == {"relu1_1": 1.0}
    with pytest.raises(AttributeError):
        made.beta = 3


@pytest.mark.parametrize("text", ["", "[1]", "nonsense", '{"beta": "x"}', '{"size": null}', "null"])
def test_broken_json_is_refused(text):
    with pytest.raises(RecipeError):
        Recipe.from_json(text)


def test_json_with_an_unknown_field_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'alpha'"):
        Recipe.from_json('{"alfa": 1}')


@given(st.text(max_size=40))
def test_any_text_as_json_is_a_recipe_or_one_error(text):
    try:
        Recipe.from_json(text)
    except (RecipeError, UnknownNameError) as error:
        assert str(error)


FIELDS = [spec.name for spec in config.fields(Recipe)]


@given(st.sampled_from(FIELDS), st.text(max_size=30))
def test_any_text_as_a_value_is_parsed_or_one_error(name, text):
    try:
        value = parse_value(name, text)
    except (RecipeError, UnknownNameError) as error:
        assert str(error)
    else:
        json.dumps(value)


@given(
    st.dictionaries(
        st.sampled_from(BACKBONES["vgg19"].layers),
        st.floats(0.001, 1e6),
        min_size=1,
        max_size=6,
    )
)
def test_style_layers_as_written_on_the_command_line(layers):
    text = "+".join(f"{name}:{weight!r}" for name, weight in layers.items())
    assert parse_value("style_layers", text) == layers


def test_every_field_can_be_written_on_the_command_line():
    examples = {
        "style_layers": "relu1_1:1+relu2_1:0.75",
        "scales": "128,256",
        "steps": "30,10",
        "schedule": '[[5, "beta", 3]]',
        "start": "photo.png",
        "blend": "7,3",
        "style_scale": "1,0.5",
        "regions": '[["box:0,0,1,0.5", 1], ["rest", 2, "light:0.5"]]',
    }
    for name in FIELDS:
        default = getattr(Recipe(), name)
        parse_value(name, examples.get(name, str(default)))


def test_unknown_field_on_the_command_line():
    with pytest.raises(UnknownNameError, match="did you mean 'tv'"):
        parse_value("tvv", "1")


HUGE = [10**400, -(10**400), 1e308, float("inf"), "x" * 10**6, [1] * 10**6, [[]] * 10**5,
        {"a": 1}, [10**400], None, True, b"x"]  # fmt: skip


@pytest.mark.parametrize("spec", dataclasses.fields(Recipe), ids=lambda spec: spec.name)
def test_any_value_of_any_field_is_taken_or_one_short_sentence_at_once(spec):
    began = time.perf_counter()
    for value in HUGE:
        try:
            Recipe(**{spec.name: value})
        except NSTError as error:
            assert str(error).isprintable() and len(str(error)) < 1201
    for text in ("9" * 400, "1e999", "[" * 100_000, '[[0, "beta", ' + "[" * 5000, "\x1b[2J"):
        try:
            parse_field(spec, text)
        except NSTError as error:
            assert str(error).isprintable()
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("name", ["alpha", "beta", "tv", "learning_rate", "start_noise"])
def test_numbers_that_only_overflow_are_refused_by_name(name):
    for value in (1e38, 1e308, 10**400):
        with pytest.raises(RecipeError, match=name):
            Recipe(**{name: value})


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 3000, "5", "null", "{", '{"size": [[1]]}'], ids=range(6)
)
def test_recipes_of_strangers_are_one_sentence(text):
    with pytest.raises(RecipeError) as caught:
        Recipe.from_json(text)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400


def test_a_whole_recipe_of_before_means_what_was_done_then():
    old = Recipe().to_dict()
    del old["color"], old["detail"]
    read = Recipe.from_json(json.dumps(old))
    assert (read.color, read.detail) == ("free", "content")
    few = Recipe.from_json('{"size": 256}')
    assert (few.color, few.detail) == (Recipe().color, Recipe().detail)


def test_a_recipe_without_its_defaults_reads_back_to_the_same():
    for one in (Recipe(), Recipe(beta=3), Recipe(schedule=[[5, "beta", 99]], content_mask="none")):
        short = one.to_json(defaults=False)
        assert Recipe.from_json(short) == one and len(short) < 200


def test_a_list_of_numbers_is_empty_only_where_its_default_is():
    wrong = "style_scale must be numbers from 0.25 to 4, not"
    for text in ("", " ", ","):
        with pytest.raises(RecipeError, match=wrong):
            parse_value("style_scale", text)
    with pytest.raises(RecipeError, match=wrong):
        Recipe(style_scale=())
    assert Recipe(blend=()).blend == parse_value("blend", "") == ()

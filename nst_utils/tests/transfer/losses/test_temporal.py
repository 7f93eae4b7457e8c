import pytest
import torch

from nst_utils.images.tensors import normalize
from nst_utils.transfer.losses.temporal import UNIT, FrameDifference, Temporal


def test_a_known_distance_and_a_weight_of_zero():
    one, two = torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.5)
    seen = torch.ones(1, 1, 4, 4)
    term = Temporal(1.0)
    term.follow([(two, seen)])
    assert term({}, one).item() == pytest.approx(0.25 * UNIT**2)
    seen[..., :2] = 0  # half of it was hidden
    term.follow([(two, seen)])
    assert term({}, one).item() == pytest.approx(0.125 * UNIT**2)


def test_the_unit_is_rgb():
    term = Temporal(1.0)
    one, two = torch.full((1, 3, 4, 4), 0.2), torch.full((1, 3, 4, 4), 0.3)
    term.follow([(normalize(two), torch.ones(1, 1, 4, 4))])
    assert term({}, normalize(one)).item() == pytest.approx(0.01, rel=0.01)


def test_each_pixel_is_compared_with_the_latest_frame_that_shows_it():
    left = torch.tensor([1.0, 0.0]).expand(1, 1, 2, 2)
    everywhere = torch.ones(1, 1, 2, 2)
    pictures = [torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2), torch.full((1, 3, 2, 2), 9.0)]
    term = Temporal(1.0)
    term.follow(list(zip(pictures, (left, everywhere, everywhere), strict=True)))
    found = [share[0, 0, 0].tolist() for _, share in term.targets]
    assert found == [[1, 0], [0, 1], [0, 0]]


def test_without_an_earlier_frame_nothing_is_lost():
    image = torch.rand(1, 3, 4, 4)
    term = FrameDifference(1.0, "relu2_1")
    term.learn({"relu2_1": image}, image)
    assert Temporal(1.0)({}, image).item() == term({"relu2_1": image}, image).item() == 0


def test_a_painting_that_changes_as_the_film_does_has_no_frame_difference():
    film, before, painting = torch.rand(3, 1, 3, 4, 4)
    term = FrameDifference(1.0, "deep")
    term.learn({"deep": 2 * film}, film)
    term.follow(({"deep": 2 * painting}, painting), ({"deep": 2 * before}, before))
    moved = painting + film - before
    assert term({"deep": 2 * moved}, moved).item() == pytest.approx(0, abs=1e-10)
    assert term({"deep": 2 * painting}, painting).item() > 0.1

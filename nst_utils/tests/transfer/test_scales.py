from hypothesis import given
from hypothesis import strategies as st

from nst_utils.transfer.scales import fit_steps, ladder, split_steps


@given(st.integers(1, 5000))
def test_ladder_ascends_to_the_size_and_starts_small(size):
    scales = ladder(size)
    assert list(scales) == sorted(set(scales))
    assert scales[-1] == size
    assert scales[0] <= 400


@given(st.integers(1, 500), st.integers(1, 5), st.floats(0.2, 5))
def test_split_keeps_the_total_and_gives_every_scale_a_step(total, count, share):
    scales, steps = split_steps(total, range(100, 100 + count), (share,))
    assert sum(steps) == total
    assert min(steps) >= 1
    assert len(scales) == len(steps) == min(count, total)
    assert scales[-1] == 100 + count - 1


@given(st.lists(st.integers(1, 99), min_size=1, max_size=4).map(tuple), st.integers(1, 5))
def test_fit_keeps_every_scale_above_zero(steps, count):
    fitted = fit_steps(steps, count)
    assert len(fitted) == count
    assert min(fitted) >= 1
    if count <= len(steps):
        assert sum(fitted) == sum(steps)

import pytest

from nst_utils.benchmark.kills import measure_kills


@pytest.mark.slow
def test_a_run_that_is_killed_ends_with_the_same_pixels():
    """One kill in the suite; ``bench --only kills`` makes twenty."""
    [row] = measure_kills(1, ("--size", "48", "--steps", "20", "--set", "device=cpu"))
    assert row.met and row.ours == 1, row

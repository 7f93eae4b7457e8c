from nst_utils.studio.comparison import begin_comparison, end_comparison
from nst_utils.studio.controller import Controller
from nst_utils.transfer.config import Recipe

TINY = Recipe(size=48, scales=(32, 48), steps=(2, 10), weights="random")


def test_the_first_ones_picture_is_a_snapshot_and_the_others_too(tiny, pictures, tmp_path):
    first = Controller(*map(str, pictures), TINY, budget=3, folder=tmp_path)
    second = None
    try:
        first.wait(20)
        first.start()
        first.wait(20)
        second = begin_comparison(first, tmp_path)
        assert first.history.step == 0 and [s.step for s in first.history.snapshots] == [3]
        for one in (first, second):
            one.start()
        for one in (first, second):
            assert one.wait(20).step == 3
        end_comparison(first, second)
        numbers = [s.number for s in first.history.snapshots]
        assert len(set(numbers)) == len(numbers) == 2 and second.join(20)
        first.start()  # alone it goes on
        assert first.wait(20).step == 6
    finally:
        for one in filter(None, (first, second)):
            one.close()
            one.join(20)

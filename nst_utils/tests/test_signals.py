import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from nst_utils import signals
from nst_utils.signals import defer, requested, watching_signals
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.run import stylize


@pytest.fixture(autouse=True)
def heard():
    """Hear signals, also where whoever started the tests has them ignored (in a background)."""
    before = {number: signal.getsignal(number) for number in signals.ASKED}
    for number in signals.ASKED:
        usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, usual)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


LONG = Recipe(size=32, scales=(32,), steps=(100_000,), weights="random")


@pytest.mark.parametrize("number", signals.ASKED, ids=lambda n: n.name)
def test_a_signal_ends_a_run_with_its_best_picture(tiny, pictures, number):
    def ask(live):
        if live.record.step == 5:
            signal.raise_signal(number)

    before = [signal.getsignal(n) for n in signals.ASKED]
    result = stylize(*pictures, LONG, on_step=ask)
    assert result.stopped.startswith("interrupted after 6 of 100000 steps")
    assert [signal.getsignal(n) for n in signals.ASKED] == before
    # Who asked by something else than Ctrl-C may end the process before anybody saves.
    assert (result.checkpoint is not None) == (number != signal.SIGINT)
    if result.checkpoint:
        assert result.checkpoint.is_file()


def test_a_second_signal_at_once_is_the_same_one_and_a_later_one_ends(capsys, monkeypatch):
    with watching_signals():
        defer()
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert requested() == "SIGINT"
        assert "already ending" in capsys.readouterr().err
        monkeypatch.setattr(signals, "PAUSE", -1)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    with watching_signals():
        assert requested() == ""


def test_what_runs_on_another_thread_is_not_meant(tiny, pictures):
    """The studio paints on while a cell is interrupted, and after it."""
    seen = []
    with watching_signals():
        defer()
        signal.raise_signal(signal.SIGINT)
        beside = threading.Thread(target=lambda: seen.append(requested()))
        beside.start()
        beside.join()
        assert requested() == "SIGINT"
    assert seen == [""] and requested() == ""


def test_with_nothing_to_save_it_ends_at_once():
    with watching_signals(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)


def test_ignored_signals_and_other_threads_are_left_alone():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with watching_signals():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
    done = []

    def elsewhere():
        with watching_signals():
            done.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert done == [before]


def test_the_command_saves_and_ends_with_status_1(pictures, tmp_path):
    """Ctrl-C twice: a picture, one sentence, status 1."""
    words = ["stylize", *map(str, pictures), "-o", "out.png", "--size", "48", "--steps", "100000"]
    run = subprocess.Popen(
        [sys.executable, "-m", "nst_utils", *words, "--weights", "random"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"COLUMNS": "80"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        seen = ""
        while "painting at" not in seen and run.poll() is None:
            seen += run.stderr.read(1)
        time.sleep(0.3)
        for gap in (0.0, 0.2):
            time.sleep(gap)
            run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 1, err
    assert (tmp_path / "out.png").is_file() and "Traceback" not in err
    assert "the best picture so far was saved" in err


@pytest.mark.parametrize("command", [["samples"], ["stylize", "coffee", "mosaic", "-o", "x.png"]])
def test_a_signal_in_the_first_seconds_ends_in_one_line(command, tmp_path):
    for wait in (1.5, 2.5):  # Python itself starts before
        run = subprocess.Popen(
            [sys.executable, "-m", "nst_utils", *command], cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        time.sleep(wait)
        run.send_signal(signal.SIGINT)
        _, told = run.communicate(timeout=60)
        assert "Traceback" not in told, told

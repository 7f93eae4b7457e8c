"""Whether a run that is killed many times still ends with the same picture."""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..images.io import read_image
from .common import BenchError, Row

KILLS = 20

LATEST = 0.5
"""Most seconds from a state that was saved to the kill."""

WORDS = ("--size", "128", "--steps", "60", "--set", "device=cpu")


def measure_kills(kills: int = KILLS, words: tuple[str, ...] = WORDS) -> Iterator[Row]:
    """Kill a run with SIGKILL at random moments, go on each time, and compare every pixel.

    `words` are options of ``stylize``.
    """
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        state, whole, killed = (Path(folder) / name for name in ("run.state", "a.png", "b.png"))
        pair = ["chelsea", "nocturne", *words]
        _paint([*pair, "--output", str(whole)])
        done = 0
        while not killed.exists():
            source = ["--resume", str(state)] if state.exists() else pair
            keep = [] if state.exists() else ["--checkpoint", str(state)]
            command = [*source, *keep, "--checkpoint-every", "0", "--output", str(killed)]
            done += _paint(command, state, chance if done < kills else None)
        same = np.array_equal(np.asarray(read_image(whole)), np.asarray(read_image(killed)))
    figure = f"a run killed {done} times ends with the same pixels (1: yes)"
    yield Row(figure, float(same), None, None, f"1, after {kills} kills", same and done >= kills)


def _paint(
    words: list[str], state: Path | None = None, chance: random.Random | None = None
) -> bool:
    """Run ``stylize``; kill it once it has saved its state, and tell whether it was killed."""
    command = [sys.executable, "-m", "nst_utils", "stylize", *words]
    # One thread: another number of threads rounds in another way.
    world = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as said:
        run = subprocess.Popen(command, env=world, stdout=said, stderr=said)
        before = _saved_at(state)
        while run.poll() is None and chance is not None:
            time.sleep(0.01)
            if _saved_at(state) != before:
                time.sleep(chance.uniform(0, LATEST))  # in a step, or while it saves
                run.kill()
                break
        if run.wait() > 0:
            said.seek(0)
            raise BenchError(f"stylize failed: {said.read().decode(errors='replace')[-200:]}")
    return run.returncode < 0


def _saved_at(state: Path | None) -> float:
    try:
        return state.stat().st_mtime if state else 0.0
    except FileNotFoundError:
        return 0.0

import threading
import time
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nst_utils.errors import MOST, NSTError, NSTWarning, brief, ignoring, one_line, show, unknown

DEEP: list = []
for _ in range(5000):
    DEEP = [DEEP]


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_whatever_came_is_shown_as_one_printable_line(text):
    for shown in (show(text), one_line(text), str(NSTError(text)), brief(text)):
        assert shown.isprintable() and len(shown) <= 10 * len(text) + 20
    assert len(one_line(text)) <= 300


def test_terminals_get_no_commands_and_directions_stay():
    assert show("a\x1b]0;title\x07\u202egnp.exe\udce9") == (
        "a\\x1b]0;title\\x07\\u202egnp.exe\\udce9"
    )


def test_messages_are_short_and_quick_whatever_came():
    began = time.perf_counter()
    for value in ("x" * 10_000_000, list(range(1_000_000)), {"a": "b" * 10**7}, DEEP, 10**4000):
        assert len(brief(value)) <= 200
    error = unknown("recipe field", "x" * 1_000_000, ["alpha", "beta"])
    assert len(str(error)) < 300 and str(error).endswith("alpha, beta")
    assert len(str(NSTError("y" * 10_000_000))) <= MOST
    assert time.perf_counter() - began < 2


def test_warnings_are_ignored_in_one_thread_alone():
    """Another thread enters before this one does, and leaves before it: nothing is lost."""
    entered, leave = threading.Event(), threading.Event()

    def other():
        with ignoring():
            warnings.warn("of no interest", NSTWarning, stacklevel=1)
            entered.set()
            leave.wait(60)

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait(60)
    with ignoring(DeprecationWarning):
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        with pytest.warns(NSTWarning, match="meanwhile"):
            warnings.warn("meanwhile", NSTWarning, stacklevel=1)
        leave.set()
        thread.join()
    with pytest.warns(NSTWarning, match="after both"):
        warnings.warn("after both", NSTWarning, stacklevel=1)


def test_no_other_code_ignores_warnings_in_all_threads():
    """`warnings.catch_warnings` does; of this package only the command line is alone."""
    from nst_utils.paths import ROOT

    files = (ROOT / "nst_utils").rglob("*.py")
    using = {f.relative_to(ROOT).as_posix() for f in files if "catch_warnings()" in f.read_text()}
    assert {name for name in using if "/tests/" not in name} == {"nst_utils/cli/errors.py"}

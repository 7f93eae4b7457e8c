import pytest

from nst_utils.errors import NSTError
from nst_utils.plotting.readings import reading


def test_sentences_that_do_not_hold_are_shown_as_such():
    found = reading(("One.", True), ("Two.", False), title="Findings.")
    assert found._repr_markdown_() == "**Findings.** One. *(Not in this run: Two.)*"
    assert repr(found) == "Findings. 1 of 2 sentences hold"
    import numpy as np

    assert reading(("Of numpy.", np.bool_(True))).claims == [("Of numpy.", True)]
    with pytest.raises(NSTError, match="needs a sentence"):
        reading()

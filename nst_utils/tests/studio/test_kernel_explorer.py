import pytest

from nst_utils.errors import UnknownNameError
from nst_utils.studio.kernel_explorer import KernelExplorer


def test_the_picture_follows_the_sliders():
    explorer = KernelExplorer("chelsea", "blur", "vi")
    seen = {explorer.picture.value}
    explorer.row.value, explorer.kernel.value = explorer.row.max, "spots"
    seen.add(explorer.picture.value)
    assert len(seen) == 2 and explorer.picture.value[:2] == b"\xff\xd8"
    assert repr(explorer) == f"<KernelExplorer: spots at {explorer.row.max}, 20>"
    with pytest.raises(UnknownNameError, match="kernel"):
        KernelExplorer("chelsea", "emboss")

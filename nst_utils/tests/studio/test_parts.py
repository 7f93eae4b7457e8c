import numpy as np
import pytest
from PIL import Image

from nst_utils.networks import backbone
from nst_utils.studio import parts
from nst_utils.studio.parts import face_mask, outlines, propose_parts
from nst_utils.tests.conftest import tiny_backbone


@pytest.fixture(autouse=True)
def tiny_network(monkeypatch):
    monkeypatch.setattr(backbone, "load_backbone", lambda *_: tiny_backbone())
    yield
    propose_parts.cache_clear()


def test_parts_follow_objects(tmp_path):
    noise = np.random.default_rng(0).integers(-20, 20, (200, 300, 3))
    rows, columns = np.indices((200, 300))
    disk = (rows - 90) ** 2 + (columns - 200) ** 2 < 60**2
    picture = np.where(disk[..., None], [200, 60, 40], [60, 90, 160]) + noise
    Image.fromarray(picture.astype(np.uint8)).save(tmp_path / "disk.png")
    found = propose_parts(str(tmp_path / "disk.png"), 2)
    clicked = found == found[int(0.45 * found.shape[0]), int(0.67 * found.shape[1])]
    truth = np.asarray(Image.fromarray(disk).resize(found.shape[::-1]))
    assert (clicked & truth).sum() / (clicked | truth).sum() > 0.85
    lines = outlines(found)
    assert 0 < lines.mean() < 0.1
    assert face_mask(str(tmp_path / "disk.png")) is None


def test_a_face_is_a_part_of_its_own():
    found = propose_parts("astronaut", 6)
    face = found == found[int(0.16 * found.shape[0]), int(0.43 * found.shape[1])]
    assert 0.01 < face.mean() < 0.08 and found[face].max() == 6
    assert parts.face_mask("astronaut") is not None

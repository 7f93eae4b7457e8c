"""The camera in a real browser with its fake device; what it sends, in the kernel."""

import io
import queue

import pytest
import torch
from PIL import Image

from nst_utils import paths
from nst_utils.images.colors import color_moments
from nst_utils.images.png import read_provenance
from nst_utils.studio.browser_widgets import jpeg
from nst_utils.studio.camera import SIDE, CameraTab, list_networks
from nst_utils.transfer.feedforward.generator import new_generator
from nst_utils.transfer.feedforward.network_file import FORM, StyleNetwork

from .browser_page import CHROMIUM, FLAGS, _packed, mount, until

FAKE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


def save_network(path, brightness: float):
    """A tiny network whose every painting is gray, as bright as told."""
    record = {
        "form": FORM, "channels": [2, 2, 2], "blocks": 0, "steps": 1, "seconds": 0.5,
        "style": {"source": "a.jpg", "sha256": "0" * 64},
    }  # fmt: skip
    generator = new_generator(0, (2, 2, 2), 0).eval()
    with torch.no_grad():
        generator.out.weight.zero_()
        generator.out.bias.fill_(torch.logit(torch.tensor(brightness)))
    moments = color_moments(torch.rand(1, 3, 9, 9))
    return StyleNetwork(generator, *moments, record).save(path)


@pytest.fixture
def tab(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "HOME", tmp_path)
    monkeypatch.chdir(tmp_path)
    dark, bright = (
        save_network(tmp_path / f"{n}.safetensors", v) for n, v in (("a", 0.2), ("b", 0.8))
    )
    said, saved = [], []
    made = CameraTab(str, said.append, lambda: tmp_path / "kept", saved.append)
    made.said, made.saved, made.networks = said, saved, (dark, bright)
    yield made
    made.close()
    made.view.close()


def brightness(data: bytes) -> int:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("L").getpixel((image.width // 2, image.height // 2))


def frame(size=(320, 240)) -> bytes:
    return jpeg(Image.effect_noise(size, 60).convert("RGB"))


def finished(tab):
    tab._worker.submit(int).result(30)


def test_the_chosen_network_paints_a_bounded_frame(tab):
    assert list_networks() == list(tab.networks)
    for path, value in zip(tab.networks, (51, 204), strict=True):
        tab.menu.value = str(path)
        painted = tab.paint(frame((800, 600)))
        assert abs(brightness(painted) - value) <= 3
        with Image.open(io.BytesIO(painted)) as image:
            assert max(image.size) == SIDE


def test_the_shutter_keeps_the_photo_and_a_painting_with_its_record(tab):
    data = frame((640, 480))
    tab.view._got(tab.view, {"kind": "shutter", "own": "x"}, [memoryview(data)])
    finished(tab)
    [[painting, photo]] = tab.saved
    assert photo.read_bytes() == data
    record = read_provenance(painting)
    assert record["content"]["source"] == photo.name and record["network"]["form"] == FORM
    with Image.open(painting) as image:
        assert image.size == (640, 480)


def test_two_frames_of_a_page_wait_at_most_and_nothing_that_is_none(tab):
    sent, gate = [], queue.Queue()
    tab.view.send = lambda content, buffers=(): sent.append(content)
    tab._worker.submit(gate.get)
    for i in range(5):
        for page in "ab":
            message = {"kind": "frame", "own": page, "number": i}
            tab.view._got(tab.view, message, [frame((32, 24))])
    gate.put(1)
    finished(tab)
    assert [(content["own"], content["number"]) for content in sent] == [
        ("a", "0"), ("b", "0"), ("a", "1"), ("b", "1"),
    ]  # fmt: skip
    for message, buffers in (
        ("odd", [b"x"]), ({"kind": "frame"}, []), ({"kind": "frame"}, [bytes(5_000_000)]),
        ({"kind": "other"}, [b"x"]),
    ):  # fmt: skip
        tab.view._got(tab.view, message, buffers)
    finished(tab)
    assert len(sent) == 4 and not tab.said
    tab.view._got(tab.view, {"kind": "frame"}, [b"no picture"])
    finished(tab)
    assert len(sent) == 4 and len(tab.said) == 1


def test_a_file_of_another_kind_is_one_sentence_and_the_choice_stays(tab, tmp_path):
    before = tab.menu.value
    (tmp_path / "odd.safetensors").write_bytes(b"odd")
    tab.path.value = str(tmp_path / "odd.safetensors")
    assert len(tab.said) == 1 and tab.menu.value == before
    other = save_network(tmp_path / "kept.safetensors", 0.5)
    tab.path.value = str(other)
    assert tab.menu.value == str(other) and tab.path.value == ""


def on_a_page(playwright_browser, tab, address="http://localhost/"):
    page = playwright_browser.new_page()
    page.route(
        "http://localhost/", lambda route: route.fulfill(body="<p>", content_type="text/html")
    )
    page.goto(address)
    return page, mount(page, tab.view, 700)


def test_the_camera_is_seen_beside_its_painting(tab, browser):
    started = browser.browser_type.launch(executable_path=CHROMIUM, args=[*FLAGS, *FAKE])
    answers = queue.Queue()
    tab.view.send = lambda content, buffers=(): answers.put((content, buffers))
    try:
        page, shown = on_a_page(started, tab)
        shown.get_by_role("button", name="camera on").click()
        painted = []

        def told():
            while not answers.empty():
                content, buffers = answers.get()
                packed = [_packed(b) for b in buffers]
                page.evaluate("([c, b]) => window.tell(c, b)", [content, packed])
                painted.append(content)
            return len(painted) >= 6

        until(page, told)
        until(page, lambda: "camera rate" in shown.get_by_role("status").inner_text())
        assert shown.locator("video").evaluate("video => video.videoWidth") > 0
        image = shown.locator(".nst-painted")
        until(page, lambda: image.evaluate("image => image.naturalWidth") == SIDE)
        shown.get_by_role("button", name="shutter").click()
        until(page, lambda: tab.saved)
        with Image.open(tab.saved[0][1]) as photo:
            assert max(photo.size) > SIDE
        shown.get_by_role("button", name="camera off").click()
        assert shown.locator("video").evaluate("video => video.srcObject") is None
    finally:
        started.close()


@pytest.mark.parametrize(
    ("address", "sentences"),
    [("about:blank", {"camera none"}), ("http://localhost/", {"camera none", "camera denied"})],
)
def test_without_a_camera_one_sentence_says_so(tab, browser, address, sentences):
    page, shown = on_a_page(browser, tab, address)
    shown.get_by_role("button", name="camera on").click()
    until(page, lambda: shown.get_by_role("status").inner_text() in sentences)
    assert shown.get_by_role("button", name="shutter").is_disabled()
    page.close()


def test_a_camera_that_is_denied_is_said_to_be(tab, browser):
    started = browser.browser_type.launch(executable_path=CHROMIUM, args=[*FLAGS, FAKE[0]])
    try:
        page, shown = on_a_page(started, tab)
        shown.get_by_role("button", name="camera on").click()
        until(page, lambda: shown.get_by_role("status").inner_text() == "camera denied")
    finally:
        started.close()

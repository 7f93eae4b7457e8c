import pytest
from playwright.sync_api import sync_playwright

from nst_utils.studio.controller import Controller
from nst_utils.transfer.config import Recipe

from .browser_page import CHROMIUM, FLAGS

TINY = Recipe(size=48, scales=(32, 48), steps=(4, 10), weights="random")


@pytest.fixture
def studio(tiny, pictures, tmp_path):
    """A painting of two small pictures by the tiny network; it pauses after three steps."""
    controller = Controller(*map(str, pictures), TINY, budget=3, folder=tmp_path / "kept")
    yield controller
    controller.close()
    assert controller.join(20)


@pytest.fixture(scope="module")
def browser():
    """A real browser; its loop would disturb the tests of other files."""
    if not CHROMIUM:
        pytest.skip("no Chromium here: the README says how to get it")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser):
    """An empty page; an error in its code fails the test."""
    errors = []
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    opened.on("pageerror", lambda error: errors.append(error))
    yield opened
    opened.close()
    assert not errors

"""The panel alone, without code, as Voila serves it."""

import importlib.util
import subprocess
import sys
import time
import urllib.request

import pytest
from playwright.sync_api import sync_playwright

from nst_utils.paths import ROOT

from .browser_page import CHROMIUM, FLAGS
from .test_browser import free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium here: the README says how to get it"),
    pytest.mark.skipif(
        importlib.util.find_spec("voila") is None, reason="needs voila: pip install voila"
    ),
]


@pytest.fixture
def page_address(tmp_path):
    port = free_port()
    page = ROOT / "notebooks" / "app" / "studio.ipynb"
    command = [sys.executable, "-m", "voila", str(page), "--no-browser", f"--port={port}"]
    with (tmp_path / "voila.log").open("w") as log:
        server = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/voila/static/", timeout=5).close()
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                assert server.poll() is None, (tmp_path / "voila.log").read_text()
                time.sleep(0.25)
        yield address
    finally:
        server.terminate()
        server.wait(60)


def test_the_panel_paints_without_a_cell_in_sight(page_address):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(page_address, wait_until="commit", timeout=90_000)
            ready = page.locator(".nst-status [role=status]:not(:has-text('loading'))")
            ready.wait_for(timeout=120_000)
            page.locator(".nst-studio button:has-text('Start')").first.click()
            page.locator(".nst-status:has-text('256 px')").wait_for(timeout=120_000)
            assert not page.locator("text=from nst_utils").count()
        finally:
            browser.close()

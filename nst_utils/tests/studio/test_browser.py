"""The studio as a user meets it: JupyterLab in a real browser, driven by Playwright."""

import io
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

from nst_utils.images.png import read_provenance
from nst_utils.paths import ROOT

from .browser_page import CHROMIUM, FLAGS, until

SIDE = 192  # pixels of the painting: fewer than the page's own, so that the browser gets its turn
SHOTS = ROOT / "data" / "runs" / "screenshots"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium here: the README says how to get it"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def lab(tmp_path):
    """A JupyterLab of its own on the page of the panel, and a cell for after a reload."""
    page = nbformat.read(ROOT / "notebooks" / "app" / "studio.ipynb", 4)
    assert "size = 256" in page.cells[0].source
    page.cells[0].source = page.cells[0].source.replace("size = 256", f"size = {SIDE}")
    page.cells.append(nbformat.v4.new_code_cell("Studio.running()"))
    nbformat.write(page, tmp_path / "studio.ipynb")
    quiet = tmp_path / "settings" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    port = free_port()
    folders = {
        "JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }  # fmt: skip
    environment = os.environ | {key: str(tmp_path / name) for key, name in folders.items()}
    options = {"port": port, "root_dir": tmp_path, "token": "", "password": "", "port_retries": 0}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--ServerApp.{name}={value}" for name, value in options.items()]
    with (tmp_path / "lab.log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, (tmp_path / "lab.log").read_text()
                time.sleep(0.25)
        yield f"{address}/lab/tree/studio.ipynb?reset"
    finally:
        server.terminate()
        server.wait(60)


def seen(locator) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def changed(locator, before: np.ndarray, seconds: float = 30) -> np.ndarray:
    """Wait until what is seen differs from before."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        now = seen(locator)
        if now.shape == before.shape and np.abs(now - before).mean() > 0.3:
            return now
        time.sleep(0.1)
    raise AssertionError("nothing changed")


def test_paint_steer_pause_and_save(lab, tmp_path):
    SHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            try:
                folder = drive(page, lab, tmp_path)
            except Exception:
                page.screenshot(path=SHOTS / "failed.png")
                raise
        finally:
            browser.close()
    # Beside it lies the figure, painting_…_figure.png; folders list their files in any order.
    [painting] = folder.glob("painting_????.png")
    with Image.open(painting) as image:
        assert max(image.size) == SIDE
    shutil.rmtree(folder)


def calm(page, picture, seconds: float = 40) -> None:
    """Wait until the step that was being taken has ended, and the picture stands still."""
    end, before = time.monotonic() + seconds, seen(picture)
    while time.monotonic() < end:
        page.wait_for_timeout(4000)
        now = seen(picture)
        if np.abs(now - before).mean() < 0.05:
            return
        before = now
    raise AssertionError("a paused painting goes on")


def step_of(page) -> int:
    return int(re.search(r"step (\d+)", page.locator(".nst-status").first.inner_text())[1])


def until_next_step(page) -> None:
    step = step_of(page)
    until(page, lambda: step_of(page) > step)


_STRAY = """panel => {
  const scrolls = (value) => value === "auto" || value === "scroll";
  const edge = panel.getBoundingClientRect().right + 1;
  return [...panel.querySelectorAll("*")].filter((e) => {
    const style = getComputedStyle(e), box = e.getBoundingClientRect();
    if (!box.width || e.closest(".nst-strip, .nst-stage, textarea, .nst-frame")) return false;
    return box.right > edge || (scrolls(style.overflowX) && e.scrollWidth > e.clientWidth)
      || (scrolls(style.overflowY) && e.scrollHeight > e.clientHeight);
  }).map((e) => [e.className.toString(), e.scrollWidth, e.clientWidth]);
}"""


def nothing_sticks_out(page) -> None:
    """No stray scroll bar at any width; what a first painting needs fits on 700 x 600 pixels."""
    page.keyboard.press("Control+b")  # JupyterLab's own side bar goes
    panel, size = page.locator(".nst-studio").first, page.viewport_size
    for width, height in ((700, 600), (1280, 800), (1920, 1000)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(400)
        assert panel.evaluate(_STRAY) == [], width
        if width == 700:
            assert panel.locator(".lm-TabBar-tab").first.is_hidden()
            assert panel.locator(".nst-caption").is_visible()
            assert panel.bounding_box()["height"] < 560
    panel.get_by_label("Expert").check()
    for width in (700, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 1000})
        for tab in panel.locator(".lm-TabBar-tab").all():
            tab.click()
            page.wait_for_timeout(150)
            assert panel.evaluate(_STRAY) == [], (width, tab.inner_text())
    panel.locator(".lm-TabBar-tab").first.click()
    page.set_viewport_size(size)


def idle(page, address: str) -> None:
    """Wait until the kernel has nothing to do, and not only between two cells."""
    sessions = address.partition("/lab/")[0] + "/api/sessions"
    calm = 0
    for _ in range(480):
        calm = calm + 1 if '"idle"' in page.request.get(sessions).text() else 0
        if calm == 3:
            return
        page.wait_for_timeout(500)


def drive(page, address: str, folder: Path) -> Path:
    """Do what the issue's user does; return the folder with what was saved."""
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    idle(page, address)  # asked to run before it has a kernel, the page asks for one
    page.wait_for_timeout(1000)
    page.locator(".jp-Cell").first.click()
    page.keyboard.press("Shift+Enter")  # the parameters
    page.keyboard.press("Shift+Enter")  # the panel
    status = page.locator(".nst-status [role=status]:not(:has-text('loading'))")
    status.wait_for(timeout=90_000)
    nothing_sticks_out(page)
    panel = page.locator(".nst-studio").first
    panel.evaluate("panel => panel.scrollIntoView()")
    picture, curve = page.locator(".nst-picture").first, page.locator(".nst-curve").first
    before = seen(picture)
    page.screenshot(path=SHOTS / "1_ready.png")

    page.locator(".nst-studio button:has-text('Start')").first.click()
    first = changed(picture, before, 120)
    # The fine scale has begun, and the picture moves there too.
    page.locator(f".nst-status:has-text('{SIDE} px')").wait_for(timeout=120_000)
    changed(picture, first)
    page.screenshot(path=SHOTS / "2_running.png")

    steer(page, picture, curve)
    page.locator(".nst-studio button:has-text('Pause')").first.click()
    page.locator(".nst-status:has-text('paused')").wait_for(timeout=30_000)
    calm(page, picture)

    look_closer(page)
    page.locator(".nst-studio button:has-text('Copy code')").first.click()
    code = page.locator(".nst-studio textarea[readonly]")
    code.wait_for(timeout=30_000)
    assert re.search(r"schedule=\[\[\d+, 'beta', [\d.]+\]", code.input_value())
    page.screenshot(path=SHOTS / "4_code.png")
    page.locator(".nst-studio button:has-text('Hide')").first.click()
    page.locator(".nst-studio button:has-text('Save')").first.click()
    page.locator(".nst-status:has-text('saved:')").wait_for(timeout=60_000)
    page.screenshot(path=SHOTS / "5_saved.png")
    saved = re.search(r"saved: (\S+)", page.locator(".nst-status").inner_text())[1]
    mark_a_region(page)
    bring_a_large_photo(page, folder)
    narrow_and_reloaded(page, address)
    return (ROOT / saved).parent


def steer(page, picture, curve) -> None:
    """Drag beta's slider: the picture changes, and the curve marks the step."""
    marks = curve.locator(".nst-mark").count()
    track = page.get_by_role("slider", name="beta (style)").first.bounding_box()
    x, y = track["x"] + 0.38 * track["width"], track["y"] + track["height"] / 2  # at 8
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 50, y, steps=5)
    page.mouse.up()
    steered = seen(picture)
    changed(picture, steered)
    until(page, lambda: curve.locator(".nst-mark").count() > marks)
    page.screenshot(path=SHOTS / "3_steered.png")
    field = page.locator(".nst-slider:has-text('beta (style)') .nst-number").first
    holds = field.input_value()
    field.fill("-3")
    field.press("Enter")  # is refused, and goes back
    until(page, lambda: field.input_value() == holds)


def look_closer(page) -> None:
    """Drag the line between photo and painting, enlarge, move the picture; by keyboard, too."""
    frame, line = page.locator(".nst-frame").first, page.locator(".nst-line").first
    box, place = frame.bounding_box(), line.bounding_box()
    page.mouse.move(place["x"] + 6, place["y"] + 90)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, place["y"] + 90, steps=4)
    page.mouse.up()
    assert 45 <= int(line.get_attribute("aria-valuenow")) <= 55
    line.press("ArrowLeft")
    assert 43 <= int(line.get_attribute("aria-valuenow")) <= 53
    page.locator(".nst-tool[aria-label='larger']").first.click()
    assert frame.get_attribute("data-zoom") == "2"
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 90, steps=4)
    page.mouse.up()
    stage = page.locator(".nst-stage").first
    assert "translate(60px, 30px) scale(2)" in stage.get_attribute("style")
    now = line.bounding_box()  # neither enlarged nor out of sight
    assert now["width"] < 20 and box["x"] < now["x"] < box["x"] + box["width"]
    page.screenshot(path=SHOTS / "closer.png")
    with page.expect_download() as caught:
        page.locator(".nst-tool[aria-label='download the painting']").first.click()
    assert read_provenance(caught.value.path())["stopped"] == "finished"
    page.locator(".nst-tool[aria-label='whole picture']").first.click()
    panel = page.locator(".nst-studio").first
    panel.get_by_label("Expert").uncheck()
    panel.screenshot(path=SHOTS / "studio.jpg", quality=88)
    panel.get_by_label("Expert").check()


def mark_a_region(page) -> None:
    """Draw a box over the photo, which stays there; the painting goes on by regions."""
    page.locator(".lm-TabBar-tab:has-text('Regions')").first.click()
    page.locator(".nst-painter").first.scroll_into_view_if_needed()
    page.locator(".nst-tool[aria-label='mark a box']").first.click()
    box = page.locator(".nst-mask").first.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(*middle, steps=4)
    page.mouse.up()
    where = page.locator(".widget-dropdown:has-text('what is marked') select").first
    where.select_option("stays the photo")
    page.wait_for_timeout(500)  # the mask is on its way
    page.screenshot(path=SHOTS / "region.png")
    page.locator(".nst-studio button:has-text('Paint by regions')").first.click()
    page.locator(".nst-studio button:has-text('Start')").first.click()
    page.locator(".nst-status:has-text('running')").wait_for(timeout=30_000)
    until_next_step(page)
    page.locator(".nst-studio button:has-text('Pause')").first.click()
    page.locator(".nst-status:has-text('paused')").wait_for(timeout=30_000)
    page.locator(".nst-studio button:has-text('Copy code')").first.click()
    code = page.locator(".nst-studio textarea[readonly]")
    code.wait_for(timeout=30_000)
    until(page, lambda: "regions=" in code.input_value() and "'rest'" in code.input_value())
    page.locator(".nst-studio button:has-text('Hide')").first.click()
    page.locator(".lm-TabBar-tab:has-text('Weights')").first.click()


def bring_a_large_photo(page, folder: Path) -> None:
    """A server cuts off a message of 10 MB; a photo, which may have more, comes in parts."""
    photo = folder / "phone.jpg"
    Image.effect_noise((400, 300), 60).save(photo)
    with photo.open("ab") as file:
        file.write(bytes(11_000_000))  # as the second of film that phones put behind a photo
    page.locator(".nst-slot input").first.set_input_files(photo)
    page.locator(".nst-caption:has-text('phone.jpg')").first.wait_for(timeout=60_000)


def stays_in_sight(page, panel) -> None:
    """At 700 x 600 pixels the picture is seen while one moves the sliders below it."""
    page.set_viewport_size({"width": 700, "height": 600})
    panel.evaluate("panel => panel.scrollIntoView()")
    page.wait_for_timeout(400)
    low = panel.locator(".lm-TabBar").first.bounding_box()["y"]
    page.mouse.move(400, 500)
    page.mouse.wheel(0, low - 330)
    page.wait_for_timeout(400)
    frame = panel.locator(".nst-frame").first.bounding_box()
    top = page.locator(".jp-WindowedPanel-outer").first.bounding_box()["y"]
    assert abs(frame["y"] - top) < 4 and frame["height"] >= 180
    slider = panel.get_by_role("slider", name="beta (style)").first.bounding_box()
    assert frame["y"] + frame["height"] < slider["y"] < 600


def narrow_and_reloaded(page, address: str) -> None:
    """At 800 pixels one column whose sliders can be moved; after a reload it comes back."""
    page.set_viewport_size({"width": 800, "height": 900})
    page.wait_for_timeout(500)
    panel = page.locator(".nst-studio").first
    track = panel.get_by_role("slider", name="beta (style)").first.bounding_box()
    assert track["width"] > 60
    box = panel.bounding_box()
    for part in (".nst-frame", ".nst-curve"):
        inside = panel.locator(part).first.bounding_box()
        assert inside["x"] + inside["width"] <= box["x"] + box["width"] + 1
    stays_in_sight(page, panel)
    page.reload()
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    idle(page, address)
    page.locator(".jp-Cell").nth(2).click()
    page.keyboard.press("Shift+Enter")
    page.locator(".nst-caption:has-text('phone.jpg')").last.wait_for(timeout=60_000)

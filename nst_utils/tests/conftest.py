"""Shared fixtures: a tiny network, a small server, and no way to the real network or folders."""

import dataclasses
import http.server
import threading
import time
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from nst_utils import paths
from nst_utils.experiments import batch, sweeps
from nst_utils.networks import registry
from nst_utils.networks.backbone import Backbone
from nst_utils.networks.weights_file import WeightsFile
from nst_utils.transfer import run as transfer_run

# A busy machine must not fail a test that only took longer than usual.
hypothesis.settings.register_profile("patient", deadline=None)

hypothesis.settings.load_profile("patient")

# Tiny networks gain nothing from more threads, and lose much where the cores are busy.
torch.set_num_threads(1)
torch.manual_seed(0)  # what test files draw when they are imported


@pytest.fixture(autouse=True)
def own_world(monkeypatch, tmp_path):
    """Send runs and downloads to a scratch folder, every download to a closed port; seed chance."""
    torch.manual_seed(0)
    for name in ("RUNS", "WEIGHTS", "PAINTINGS", "FIGURES"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    monkeypatch.delenv("NST_WEIGHTS_DIR", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for spec in registry.BACKBONES.values():
        for name, source in spec.sources.items():
            if source.url:
                closed = dataclasses.replace(source, url="http://127.0.0.1:9/weights.pth")
                monkeypatch.setitem(spec.sources, name, closed)


def tiny_backbone(width: int = 4) -> Backbone:
    """A VGG19 in layers and names, with a handful of channels."""
    generator = torch.Generator().manual_seed(1)
    modules, inputs = {}, 3
    for layer in registry.BACKBONES["vgg19"].layers:
        if layer.startswith("conv"):
            conv = nn.Conv2d(inputs, width, 3, padding=1)
            conv.weight.data = torch.randn(conv.weight.shape, generator=generator) * 0.3
            conv.bias.data.zero_()
            modules[layer], inputs = conv, width
        else:
            modules[layer] = nn.ReLU() if layer.startswith("relu") else nn.MaxPool2d(2)
    return Backbone("vgg19", nn.ModuleDict(modules), WeightsFile(None, "random", "tiny", ""))


@pytest.fixture
def tiny(monkeypatch):
    """Let every run read with the tiny network."""
    backbone = tiny_backbone()
    monkeypatch.setattr(transfer_run, "load_backbone", lambda *_, **__: backbone)
    return backbone


@pytest.fixture
def jobs_here(monkeypatch) -> list[batch.Job]:
    """Run every job in this process, where torch is loaded already; return those that were run."""
    done = []

    def map_jobs(function, jobs, **_):
        for i, job in enumerate(jobs):
            done.append(job)
            yield i, function(job)

    monkeypatch.setattr(batch, "map_jobs", map_jobs)
    return done


@pytest.fixture
def here(tiny, jobs_here, monkeypatch):
    """Run every job in this process, with the tiny network, and count."""
    monkeypatch.setattr(sweeps, "_judge", lambda *_: lambda image, style: 1.0)
    return jobs_here


@pytest.fixture
def pictures(tmp_path) -> tuple[Path, Path]:
    """Two small picture files of different sizes: a gradient and noise, the same every time."""
    content = Image.linear_gradient("L").resize((48, 36)).convert("RGB")
    # Pillow's own noise has no seed.
    noise = np.random.default_rng(0).normal(128, 90, (56, 40)).clip(0, 255).astype(np.uint8)
    style = Image.fromarray(noise).convert("RGB")
    content.save(tmp_path / "content.png")
    style.save(tmp_path / "style.png")
    return tmp_path / "content.png", tmp_path / "style.png"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range")))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", self.server.moved_to)
            self.end_headers()
            return
        self.server.agents.append(self.headers.get("User-Agent"))
        refusals = self.server.refusals.get(self.path)
        if refusals:
            status, headers = refusals.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = self.server.files.get(self.path)
        if body is None:
            self.send_error(404)
            return
        start = 0
        if self.server.ranges and (wanted := self.headers.get("Range")):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body) + self.server.shift}")
                self.end_headers()
                return
            self.send_response(206)
            place = f"bytes {start + self.server.shift}-{len(body) - 1}/{len(body)}"
            self.send_header("Content-Range", place)
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        if self.path == "/drip":
            for i in range(len(body)):
                time.sleep(0.05)
                self.wfile.write(body[i : i + 1])
            return
        cut = self.server.cuts.pop(self.path, len(body))
        self.wfile.write(body[start:cut])
        if cut < len(body):
            self.connection.close()

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def server():
    """A server on loopback: ``files``, ``cuts`` (break once after n bytes), ``ranges``."""
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    httpd.files, httpd.cuts, httpd.asked, httpd.ranges, httpd.moved_to = {}, {}, [], True, ""
    httpd.refusals, httpd.agents = {}, []  # (status, headers) in turn; who asked
    httpd.shift = 0  # of the place that a resumed answer claims
    httpd.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield httpd
    httpd.shutdown()
    httpd.server_close()
    thread.join()

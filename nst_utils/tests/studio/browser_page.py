"""A widget in a real browser without a Jupyter server: its state is the kernel's, both ways."""

import base64
import shutil
import time

from nst_utils.studio.browser_widgets import LossCurve, PictureView

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()

_OURS = LossCurve.__module__

_MODEL = """
const unpack = (value) => {
  if (Array.isArray(value)) return value.map(unpack);
  if (value && value.b64 !== undefined) {
    return new DataView(Uint8Array.from(atob(value.b64), (c) => c.charCodeAt(0)).buffer);
  }
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, unpack(v)]));
  }
  return value;
};
const pack = (value) => {
  if (!(value instanceof ArrayBuffer || ArrayBuffer.isView(value))) return value;
  const bytes = value instanceof ArrayBuffer ? new Uint8Array(value)
    : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return { b64: btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join("")) };
};
window.mount = async (source, packed) => {
  const state = unpack(packed), listeners = {};
  const code = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { default: widget } = await import(code);
  let dirty = {};
  const fire = (name, ...given) => (listeners[name] ?? []).forEach((act) => act(...given));
  const model = {
    get: (name) => state[name],
    set: (name, value) => {
      if (state[name] === value) return;
      state[name] = dirty[name] = value;
      fire(`change:${name}`);
    },
    save_changes: () => {
      const changes = Object.fromEntries(Object.entries(dirty).map(([k, v]) => [k, pack(v)]));
      dirty = {};
      window.toKernel({ changes });
    },
    send: (content, _, buffers = []) => window.toKernel({ content, buffers: buffers.map(pack) }),
    on: (name, act) => (listeners[name] ??= []).push(act),
    off: () => {},
  };
  window.tell = (content, buffers) => fire("msg:custom", content, buffers.map(unpack));
  window.fromKernel = (changes) => {
    for (const [name, value] of Object.entries(changes)) {
      state[name] = unpack(value);
      fire(`change:${name}`);
    }
  };
  widget.render({ model, el: document.querySelector(".nst-studio > div") });
};
"""


def until(page, condition, seconds=60):
    """Wait for a condition, however busy the machine is; assert it."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        page.wait_for_timeout(20)
    assert condition()


def _packed(value):
    if isinstance(value, bytes | memoryview):
        return {"b64": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, list | tuple):
        return [_packed(item) for item in value]
    if isinstance(value, dict):
        return {name: _packed(item) for name, item in value.items()}
    return value


def _unpacked(value):
    return base64.b64decode(value["b64"]) if isinstance(value, dict) and "b64" in value else value


def _as_sent(value):
    """Return bytes as Jupyter hands them on."""
    return memoryview(value) if isinstance(value, bytes) else value


def mount(page, widget, width=600, *, again=False):
    """Show a widget of `browser_widgets` in a page; what either side sets, the other one gets."""
    own = {name for kind in type(widget).__mro__ if kind.__module__ == _OURS for name in vars(kind)}
    names = [name for name in widget.traits(sync=True) if name in own]
    quiet = []

    def to_kernel(message):
        if "changes" in message:
            changes = {name: _unpacked(value) for name, value in message["changes"].items()}
            quiet.append(1)
            try:
                widget.set_state({name: _as_sent(value) for name, value in changes.items()})
            finally:
                quiet.pop()
            for name, value in changes.items():
                if getattr(widget, name) != value:  # refused, or brought to another value
                    to_browser({"name": name})
        else:
            buffers = [memoryview(_unpacked(value)) for value in message["buffers"]]
            widget._handle_custom_msg(message["content"], buffers)

    def to_browser(change):
        if not quiet or change.get("new") is None:
            value = {change["name"]: _packed(getattr(widget, change["name"]))}
            page.evaluate("changes => setTimeout(() => window.fromKernel(changes))", value)

    if not again:
        page.expose_function("toKernel", to_kernel)
    style = f"<style>{PictureView._css}</style>"
    page.set_content(f"{style}<div class='nst-studio' style='width:{width}px'><div></div></div>")
    page.add_script_tag(content=_MODEL)
    state = {name: _packed(getattr(widget, name)) for name in names}
    page.evaluate("([source, state]) => window.mount(source, state)", [str(widget._esm), state])
    widget.observe(to_browser, names)
    return page.locator(".nst-studio > div")

// A picture to be looked at closely, or two of one shape with a line to be dragged between them.
// What is enlarged beyond the pictures that are here comes from the kernel in tiles, on demand.

const TILE = 512, MOST_ASKED = 24; // as in browser_widgets.py

function address(bytes, type) {
  return URL.createObjectURL(new Blob([bytes], { type }));
}

// One of the two pictures: a coarse one, and tiles over it.
function makeLayer(stage, name) {
  const box = make(stage, "div", "nst-layer");
  const image = make(box, "img", `nst-${name}`, { draggable: false });
  let tiles = new Map();

  function forget() {
    for (const tile of tiles.values()) {
      tile.remove();
      URL.revokeObjectURL(tile.src);
    }
    tiles = new Map();
  }

  function add([level, column, row], [width, height], bytes) {
    const side = TILE * 2 ** level, key = [level, column, row].join();
    if (tiles.has(key)) return;
    const tile = make(box, "img", "nst-tile", { draggable: false, src: address(bytes, "image/jpeg") });
    const part = (start, whole) => [start, Math.min(side, whole - start)].map((x) => `${(100 * x) / whole}%`);
    [tile.style.left, tile.style.width] = part(column * side, width);
    [tile.style.top, tile.style.height] = part(row * side, height);
    tile.style.zIndex = 20 - level;
    tile.dataset.key = key;
    tiles.set(key, tile);
  }

  // The tiles that are missing in the part of the picture that is in sight.
  function missing(seen, [width, height]) {
    const drawn = box.getBoundingClientRect();
    const pixels = drawn.width * devicePixelRatio;
    if (!drawn.width || image.naturalWidth >= Math.min(width, pixels)) return [];
    const level = Math.max(0, Math.floor(Math.log2(width / pixels)));
    const side = TILE * 2 ** level;
    const range = (low, high, start, long, whole) => {
      const at = (x) => ((x - start) / long) * whole;
      const [from, to] = [Math.max(0, at(low)), Math.min(whole, at(high))];
      return [Math.floor(from / side), Math.ceil(to / side)];
    };
    const [left, right] = range(seen.left, seen.right, drawn.left, drawn.width, width);
    const [top, bottom] = range(seen.top, seen.bottom, drawn.top, drawn.height, height);
    const wanted = [];
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        if (!tiles.has([level, column, row].join())) wanted.push([level, column, row]);
      }
    }
    return wanted;
  }

  function show(bytes) {
    if (!bytes || !bytes.byteLength) return;
    const old = image.src;
    image.src = address(bytes, "image/jpeg");
    if (old) setTimeout(() => URL.revokeObjectURL(old), 1000);
  }
  return { name, box, image, add, forget, missing, show };
}

function render({ model, el }) {
  const words = model.get("words"), alone = model.get("alone");
  el.classList.add("nst-view");
  const frame = make(el, "div", "nst-frame", { tabIndex: 0 });
  const stage = make(frame, "div", "nst-stage");
  const painting = makeLayer(stage, "picture"), photo = makeLayer(stage, "photo");
  const layers = { painting, photo };
  const line = make(frame, "div", "nst-line", { tabIndex: 0, hidden: alone });
  line.setAttribute("role", "slider");
  for (const letter of ["A", "B"]) {
    make(frame, "span", `nst-side nst-side-${letter}`, { textContent: letter });
  }
  const tools = make(el, "div", "nst-tools");

  let zoom = 1, x = 0, y = 0, share = 0, held = null, asked = null, soon = null;

  const wholeOf = (name) => model.get("whole")[name] ?? [0, 0, 0];

  // The pictures are fitted into the stage.
  function fit() {
    const wide = painting.image.naturalWidth || 1, high = painting.image.naturalHeight || 1;
    const scale = Math.min(frame.clientWidth / wide, frame.clientHeight / high);
    return [wide * scale, high * scale];
  }

  // Screen pixels for a pixel of the picture, where it is not enlarged.
  const density = () => fit()[0] / (wholeOf("painting")[0] || painting.image.naturalWidth || 1);

  function place() {
    const [width, height] = fit();
    const most = [(zoom * width - frame.clientWidth) / 2, (zoom * height - frame.clientHeight) / 2];
    x = Math.max(-Math.max(0, most[0]), Math.min(Math.max(0, most[0]), x));
    y = Math.max(-Math.max(0, most[1]), Math.min(Math.max(0, most[1]), y));
    stage.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`;
    for (const { box } of [painting, photo]) {
      box.style.width = `${width}px`;
      box.style.height = `${height}px`;
      box.style.left = `${(frame.clientWidth - width) / 2}px`;
      box.style.top = `${(frame.clientHeight - height) / 2}px`;
    }
    frame.classList.toggle("nst-zoomed", zoom > 1);
    frame.classList.toggle("nst-pixels", zoom > 1 && zoom * density() > 4);
    frame.dataset.zoom = Number(zoom.toPrecision(4));
    scale.textContent = `${Math.round(100 * zoom * density())} %`;
    wipe(share);
    clearTimeout(soon);
    soon = setTimeout(ask, 60);
  }

  // Enlarge around a point of the page; without one, around the middle.
  function enlarge(to, event) {
    const box = frame.getBoundingClientRect();
    const about = event ? [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2] : [0, 0];
    const before = zoom;
    zoom = Math.max(1, Math.min(Math.max(8, 4 / density()), to));
    x = about[0] - ((about[0] - x) * zoom) / before;
    y = about[1] - ((about[1] - y) * zoom) / before;
    place();
  }

  function showActual() {
    [zoom, x, y] = [1 / density(), 0, 0];
    place();
  }

  function wipe(to) {
    share = Math.max(0, Math.min(100, to));
    const width = zoom * fit()[0];
    photo.box.style.clipPath = `inset(0 ${100 - share}% 0 0)`;
    photo.box.style.visibility = share > 0 ? "visible" : "hidden";
    const edge = x + (frame.clientWidth - width) / 2 + (share / 100) * width;
    line.style.left = `${Math.max(9, Math.min(frame.clientWidth - 9, edge))}px`;
    line.setAttribute("aria-valuenow", Math.round(share));
  }

  function ask() {
    if (asked !== null || zoom * density() === 0) return;
    const seen = frame.getBoundingClientRect();
    for (const [name, layer] of Object.entries(layers)) {
      const whole = wholeOf(name);
      if (name === "photo" && share === 0) continue;
      const wanted = whole[0] ? layer.missing(seen, whole).slice(0, MOST_ASKED) : [];
      if (!wanted.length) continue;
      model.send({ kind: "tiles", side: name, stamp: whole[2], tiles: wanted });
      asked = setTimeout(() => { asked = null; }, 5000); // a kernel that is busy is asked again later
      return;
    }
  }

  frame.addEventListener("pointerdown", (event) => {
    held = { wiping: event.target === line, x: event.clientX - x, y: event.clientY - y };
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!held) return;
    if (held.wiping) {
      const box = painting.box.getBoundingClientRect();
      wipe((100 * (event.clientX - box.left)) / box.width);
    } else if (zoom > 1) {
      x = event.clientX - held.x;
      y = event.clientY - held.y;
      place();
    }
  });
  for (const end of ["pointerup", "pointercancel"]) {
    frame.addEventListener(end, () => { held = null; place(); });
  }
  frame.addEventListener("dblclick", (event) => {
    if (event.target !== line) enlarge(zoom > 1 ? 1 : Math.max(1 / density(), 2), event);
  });
  frame.addEventListener("wheel", (event) => {
    const free = alone || document.fullscreenElement === el || event.ctrlKey || event.metaKey;
    if (!free) return; // the page scrolls
    event.preventDefault();
    enlarge(zoom * (event.deltaY < 0 ? 1.25 : 0.8), event);
  }, { passive: false });
  frame.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
    const sizes = { "+": zoom * 2, "=": zoom * 2, "-": zoom / 2, 0: 1 };
    if (event.target === line && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
      wipe(share + (event.key === "ArrowLeft" ? -2 : 2));
    } else if (event.key === "1") showActual();
    else if (sizes[event.key] && !event.ctrlKey && !event.metaKey) enlarge(sizes[event.key]);
    else if (moves[event.key] && zoom > 1) {
      x += moves[event.key][0];
      y += moves[event.key][1];
      place();
    } else return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has shortcuts of its own
  });

  function button(sign, said, press) {
    const made = make(tools, "button", "nst-tool jupyter-button", { title: said });
    if (sign.startsWith("fa-")) made.innerHTML = `<i class="fa ${sign}" aria-hidden="true"></i>`;
    else made.textContent = sign;
    made.setAttribute("aria-label", said);
    made.addEventListener("click", press);
  }
  button("−", words.smaller, () => enlarge(zoom / 2));
  button("+", words.larger, () => enlarge(zoom * 2));
  button("1:1", words.actual, showActual);
  button("fa-compress", words.fit, () => enlarge(1));
  button("fa-expand", words.full, () =>
    document.fullscreenElement ? document.exitFullscreen() : el.requestFullscreen());
  if (words.download) button("fa-download", words.download, () => model.send({ kind: "download" }));
  const scale = make(tools, "span", "nst-scale nst-for-experts");
  const caption = make(tools, "span", "nst-caption");

  model.on("msg:custom", (content, buffers) => {
    if (content.kind === "file") {
      const link = document.createElement("a");
      link.href = address(buffers[0], "image/png");
      link.download = content.name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    }
    if (content.kind !== "tiles" || !layers[content.side]) return;
    const whole = wholeOf(content.side);
    if (content.stamp === whole[2]) {
      content.tiles.forEach((tile, i) => layers[content.side].add(tile, whole, buffers[i]));
    }
    clearTimeout(asked);
    asked = null;
    ask();
  });

  const showCaption = () => {
    caption.textContent = painting.image.alt = model.get("caption");
  };
  const showPair = () => {
    const label = model.get("words").wipe;
    line.title = label;
    line.setAttribute("aria-label", label);
    frame.classList.toggle("nst-pair", model.get("pair"));
  };
  // Tiles of the picture before stay until the new one is here.
  for (const [name, layer] of Object.entries(layers)) {
    layer.image.addEventListener("load", () => { layer.forget(); place(); });
    model.on(`change:${name}`, () => layer.show(model.get(name)));
    layer.show(model.get(name));
  }
  model.on("change:words", showPair);
  model.on("change:pair", () => { showPair(); wipe(model.get("pair") ? 50 : 0); });
  model.on("change:whole", place);
  model.on("change:caption", showCaption);
  showPair();
  if (model.get("pair")) share = 50;
  showCaption();
  const sized = new ResizeObserver(place);
  sized.observe(frame);
  document.addEventListener("fullscreenchange", place);

  return () => {
    sized.disconnect();
    document.removeEventListener("fullscreenchange", place);
  };
}

export default { render };

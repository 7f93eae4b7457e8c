// A mask painted over a photo: brush, eraser, box, proposed parts.
// The mask is the widget's state, a gray PNG that is white where it covers: the browser and the
// kernel both set it, and both draw what it holds.

const TOOLS = ["brush", "eraser", "box", "part"];
const SIGNS = {
  brush: "fa-paint-brush", eraser: "fa-eraser", box: "fa-square-o", part: "fa-hand-pointer-o",
  undo: "fa-undo", clear: "fa-trash-o",
};
const MOST_UNDO = 30;

function button(tools, name, words, press) {
  const made = make(tools, "button", "nst-tool jupyter-button", { title: words[name] });
  made.innerHTML = `<i class="fa ${SIGNS[name]}" aria-hidden="true"></i>`;
  made.setAttribute("aria-label", words[name]);
  made.addEventListener("click", press);
  return made;
}

// Stripes of black and white: one of the two differs from whatever lies under them.
function stripes(pen) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 12;
  const brush = tile.getContext("2d");
  for (let y = 0; y < 12; y++) {
    for (let x = 0; x < 12; x++) {
      brush.fillStyle = (x + y) % 12 < 6 ? "#fff" : "#000";
      brush.fillRect(x, y, 1, 1);
    }
  }
  return pen.createPattern(tile, "repeat");
}

function render({ model, el }) {
  const words = model.get("words");
  el.classList.add("nst-painter");
  const tools = make(el, "div", "nst-tools"), frame = make(el, "div", "nst-mask-frame");
  const photo = make(frame, "img", "", { draggable: false });
  const lines = make(frame, "canvas", "nst-outlines"), canvas = make(frame, "canvas", "nst-mask");
  const busy = make(frame, "div", "nst-busy");
  busy.setAttribute("role", "status");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const pattern = stripes(pen);

  let tool = "brush", last = null, before = null, mine = null;
  let past = [], shown = model.get("mask");
  const buttons = {};
  function choose(name) {
    tool = name;
    for (const each of TOOLS) buttons[each].setAttribute("aria-pressed", each === tool);
    canvas.style.cursor = tool === "part" ? "pointer" : "crosshair";
    lines.style.visibility = tool === "part" ? "visible" : "hidden";
    if (tool === "part" && !model.get("outlines").byteLength) model.send({ kind: "parts" });
  }
  for (const name of TOOLS) buttons[name] = button(tools, name, words, () => choose(name));
  const width = make(tools, "input", "nst-brush-width", {
    type: "range", min: 2, max: 30, value: 10, title: words.width,
  });
  width.setAttribute("aria-label", words.width);
  button(tools, "undo", words, undo);
  button(tools, "clear", words, () => { clear(); keep(); });
  choose("brush");

  function clear() {
    pen.clearRect(0, 0, canvas.width, canvas.height);
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  function draw(from, to) {
    const [w, h] = [canvas.width, canvas.height];
    pen.globalCompositeOperation = tool === "eraser" ? "destination-out" : "source-over";
    pen.strokeStyle = pen.fillStyle = pattern;
    if (tool === "box") {
      pen.putImageData(before, 0, 0);
      const [x, y] = [Math.min(from[0], to[0]), Math.min(from[1], to[1])];
      pen.fillRect(x * w, y * h, Math.abs(to[0] - from[0]) * w, Math.abs(to[1] - from[1]) * h);
    } else {
      pen.lineWidth = (width.value / 100) * Math.max(w, h);
      pen.lineCap = "round";
      pen.beginPath();
      pen.moveTo(from[0] * w, from[1] * h);
      pen.lineTo(to[0] * w, to[1] * h);
      pen.stroke();
    }
    pen.globalCompositeOperation = "source-over";
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (!canvas.width || event.button) return;
    event.preventDefault();
    if (tool === "part") {
      const [x, y] = place(event);
      model.send({ kind: "part", x, y });
      return;
    }
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
    before = pen.getImageData(0, 0, canvas.width, canvas.height);
    draw(last, last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const now = place(event);
    draw(last, now);
    if (tool !== "box") last = now;
  });
  const end = () => {
    if (!last) return;
    last = null;
    keep();
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);

  // What was drawn becomes the widget's state.
  function keep() {
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [canvas.width, canvas.height];
    const data = pen.getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < data.data.length; i += 4) {
      data.data.fill(data.data[i + 3], i, i + 3);
      data.data[i + 3] = 255;
    }
    copy.getContext("2d").putImageData(data, 0, 0);
    copy.toBlob(async (blob) => set(new DataView(await blob.arrayBuffer())), "image/png");
  }

  function set(mask) {
    mine = mask;
    model.set("mask", mask);
    model.save_changes();
  }

  function undo() {
    if (!past.length) return;
    const earlier = past.pop();
    shown = null; // what is undone is not to be undone again
    model.set("mask", earlier);
    model.save_changes();
  }

  function load(image, bytes, type, then) {
    const address = URL.createObjectURL(new Blob([bytes], { type }));
    image.onload = () => { URL.revokeObjectURL(address); then(); };
    image.src = address;
  }

  function changed() {
    if (shown) past = [...past, shown].slice(-MOST_UNDO);
    shown = model.get("mask");
    if (shown !== mine) showMask();
  }

  function showMask() {
    const bytes = model.get("mask");
    clear();
    if (!bytes.byteLength || !canvas.width) return;
    const image = new Image();
    load(image, bytes, "image/png", () => {
      if (bytes !== model.get("mask")) return; // another one came meanwhile
      clear();
      pen.drawImage(image, 0, 0, canvas.width, canvas.height);
      const data = pen.getImageData(0, 0, canvas.width, canvas.height);
      for (let i = 0; i < data.data.length; i += 4) data.data[i + 3] = data.data[i];
      pen.putImageData(data, 0, 0);
      pen.globalCompositeOperation = "source-in";
      pen.fillStyle = pattern;
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.globalCompositeOperation = "source-over";
    });
  }

  function showPhoto() {
    const bytes = model.get("photo");
    if (!bytes.byteLength) return;
    load(photo, bytes, "image/jpeg", () => {
      [canvas.width, canvas.height] = [photo.naturalWidth, photo.naturalHeight];
      past = []; // of another photo
      showMask();
    });
  }

  // White lines with a dark rim, on the photo's own pixels.
  function showOutlines() {
    const bytes = model.get("outlines");
    lines.width = 0;
    if (!bytes.byteLength) {
      if (tool === "part") model.send({ kind: "parts" }); // another photo
      return;
    }
    const image = new Image();
    load(image, bytes, "image/png", () => {
      [lines.width, lines.height] = [image.naturalWidth, image.naturalHeight];
      const brush = lines.getContext("2d");
      brush.drawImage(image, 0, 0);
      const data = brush.getImageData(0, 0, lines.width, lines.height);
      for (let i = 0; i < data.data.length; i += 4) data.data[i + 3] = data.data[i];
      brush.putImageData(data, 0, 0);
    });
  }

  function showBusy() {
    busy.textContent = model.get("busy");
    frame.classList.toggle("nst-waits", Boolean(model.get("busy")));
  }

  model.on("change:photo", showPhoto);
  model.on("change:mask", changed);
  model.on("change:busy", showBusy);
  model.on("change:outlines", showOutlines);
  showPhoto();
  showBusy();
}

export default { render };

// A mask painted over a photo: brush, eraser, box, proposed parts.

const COLOR = [230, 40, 60];
const TOOLS = ["brush", "eraser", "box", "part"];
const SIGNS = {
  brush: "fa-paint-brush", eraser: "fa-eraser", box: "fa-square-o", part: "fa-hand-pointer-o",
  clear: "fa-trash-o",
};

function button(name, words, press) {
  const made = document.createElement("button");
  made.className = "nst-tool jupyter-button";
  made.innerHTML = `<i class="fa ${SIGNS[name]}" aria-hidden="true"></i>`;
  made.title = words[name];
  made.setAttribute("aria-label", words[name]);
  made.addEventListener("click", press);
  return made;
}

function render({ model, el }) {
  const words = model.get("words");
  el.classList.add("nst-painter");
  const tools = document.createElement("div");
  tools.className = "nst-tools";
  const frame = document.createElement("div");
  frame.className = "nst-mask-frame";
  const photo = document.createElement("img");
  photo.draggable = false;
  const canvas = document.createElement("canvas");
  canvas.className = "nst-mask";
  frame.append(photo, canvas);
  el.append(tools, frame);
  const pen = canvas.getContext("2d", { willReadFrequently: true });

  let tool = "brush", last = null, before = null;
  const buttons = {};
  function choose(name) {
    tool = name;
    for (const each of TOOLS) buttons[each].setAttribute("aria-pressed", each === tool);
    canvas.style.cursor = tool === "part" ? "pointer" : "crosshair";
  }
  for (const name of TOOLS) {
    buttons[name] = button(name, words, () => choose(name));
    tools.append(buttons[name]);
  }
  const width = document.createElement("input");
  Object.assign(width, { type: "range", min: 2, max: 30, value: 10, title: words.width });
  width.setAttribute("aria-label", words.width);
  width.className = "nst-brush-width";
  tools.append(width, button("clear", words, () => { clear(); send(); }));
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
    pen.strokeStyle = pen.fillStyle = `rgb(${COLOR})`;
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
    send();
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);

  // What is sent is gray: white where the mask covers.
  function send() {
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [canvas.width, canvas.height];
    const data = pen.getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < data.data.length; i += 4) {
      data.data.fill(data.data[i + 3], i, i + 3);
      data.data[i + 3] = 255;
    }
    copy.getContext("2d").putImageData(data, 0, 0);
    copy.toBlob(async (blob) => {
      model.send({ kind: "mask" }, undefined, [await blob.arrayBuffer()]);
    }, "image/png");
  }

  function load(image, bytes, type, then) {
    const address = URL.createObjectURL(new Blob([bytes], { type }));
    image.onload = () => { URL.revokeObjectURL(address); then(); };
    image.src = address;
  }

  function showMask() {
    const bytes = model.get("mask");
    clear();
    if (!bytes.byteLength || !canvas.width) return;
    const image = new Image();
    load(image, bytes, "image/png", () => {
      pen.drawImage(image, 0, 0, canvas.width, canvas.height);
      const data = pen.getImageData(0, 0, canvas.width, canvas.height);
      for (let i = 0; i < data.data.length; i += 4) {
        data.data[i + 3] = data.data[i];
        [data.data[i], data.data[i + 1], data.data[i + 2]] = COLOR;
      }
      pen.putImageData(data, 0, 0);
    });
  }

  function showPhoto() {
    const bytes = model.get("photo");
    if (!bytes.byteLength) return;
    load(photo, bytes, "image/jpeg", () => {
      [canvas.width, canvas.height] = [photo.naturalWidth, photo.naturalHeight];
      showMask();
    });
  }

  model.on("change:photo", showPhoto);
  model.on("change:mask", showMask);
  showPhoto();
}

export default { render };

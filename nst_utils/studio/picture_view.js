// Two pictures, a painting over its photo or two paintings: a line to be dragged between them,
// zoom, full screen, download.

function address(bytes, type) {
  return URL.createObjectURL(new Blob([bytes], { type }));
}

function button(sign, words, press) {
  const made = document.createElement("button");
  made.className = "nst-tool jupyter-button";
  if (sign.startsWith("fa-")) made.innerHTML = `<i class="fa ${sign}" aria-hidden="true"></i>`;
  else made.textContent = sign;
  made.title = words;
  made.setAttribute("aria-label", words);
  made.addEventListener("click", press);
  return made;
}

function render({ model, el }) {
  const words = model.get("words");
  el.classList.add("nst-view");
  const frame = document.createElement("div");
  frame.className = "nst-frame";
  frame.tabIndex = 0;
  const stage = document.createElement("div");
  stage.className = "nst-stage";
  const painting = document.createElement("img");
  const photo = document.createElement("img");
  const line = document.createElement("div");
  painting.className = "nst-picture";
  painting.draggable = photo.draggable = false;
  photo.className = "nst-photo";
  line.className = "nst-line";
  line.tabIndex = 0;
  line.setAttribute("role", "slider");
  const sides = ["A", "B"].map((letter) => {
    const side = document.createElement("span");
    side.className = `nst-side nst-side-${letter}`;
    side.textContent = letter;
    return side;
  });
  stage.append(painting, photo, line);
  frame.append(stage, ...sides);
  const caption = document.createElement("span");
  caption.className = "nst-caption";
  const tools = document.createElement("div");
  tools.className = "nst-tools";
  el.append(frame, tools);

  let zoom = 1, x = 0, y = 0, share = 0, held = null;

  function place() {
    const box = frame.getBoundingClientRect();
    const most = [((zoom - 1) * box.width) / 2, ((zoom - 1) * box.height) / 2];
    x = Math.max(-most[0], Math.min(most[0], x));
    y = Math.max(-most[1], Math.min(most[1], y));
    stage.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`;
    frame.classList.toggle("nst-zoomed", zoom > 1);
    frame.dataset.zoom = zoom;
  }

  function enlarge(factor) {
    zoom = Math.max(1, Math.min(8, zoom * factor));
    place();
  }

  // The pictures are fitted into the stage: where the painting itself begins and ends.
  function across() {
    const box = painting.getBoundingClientRect();
    const wide = painting.naturalWidth || 1, high = painting.naturalHeight || 1;
    const width = Math.min(box.width, (box.height * wide) / high);
    return [box.left + (box.width - width) / 2, width, box];
  }

  function wipe(to) {
    share = Math.max(0, Math.min(100, to));
    const [left, width, box] = across();
    const edge = (100 * (left + (share / 100) * width - box.left)) / (box.width || 1);
    photo.style.clipPath = `inset(0 ${100 - edge}% 0 0)`;
    photo.style.visibility = share > 0 ? "visible" : "hidden";
    line.style.left = `${edge}%`;
    line.setAttribute("aria-valuenow", Math.round(share));
  }

  frame.addEventListener("pointerdown", (event) => {
    held = { wiping: event.target === line, x: event.clientX - x, y: event.clientY - y };
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!held) return;
    if (held.wiping || zoom === 1) {
      const [left, width] = across();
      if (held.wiping) wipe((100 * (event.clientX - left)) / width);
    } else {
      x = event.clientX - held.x;
      y = event.clientY - held.y;
      place();
    }
  });
  for (const end of ["pointerup", "pointercancel"]) {
    frame.addEventListener(end, () => (held = null));
  }
  frame.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // else the page scrolls
    event.preventDefault();
    enlarge(event.deltaY < 0 ? 1.25 : 0.8);
  }, { passive: false });
  frame.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
    if (event.target === line && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
      wipe(share + (event.key === "ArrowLeft" ? -2 : 2));
    } else if (event.key === "+" || event.key === "=") enlarge(2);
    else if (event.key === "-") enlarge(0.5);
    else if (moves[event.key] && zoom > 1) {
      x += moves[event.key][0];
      y += moves[event.key][1];
      place();
    } else return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has shortcuts of its own
  });

  const full = button("fa-expand", words.full, () =>
    document.fullscreenElement ? document.exitFullscreen() : el.requestFullscreen());
  const save = button("fa-download", words.download, () => model.send({ kind: "download" }));
  tools.append(
    button("−", words.smaller, () => enlarge(0.5)),
    button("+", words.larger, () => enlarge(2)),
    button("fa-compress", words.fit, () => { zoom = 1; place(); }),
    full, save, caption,
  );
  document.addEventListener("fullscreenchange", () => { place(); wipe(share); });

  model.on("msg:custom", (content, buffers) => {
    if (content.kind !== "file") return;
    const link = document.createElement("a");
    link.href = address(buffers[0], "image/png");
    link.download = content.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });

  function show(image, name) {
    const bytes = model.get(name);
    if (!bytes || !bytes.byteLength) return;
    const old = image.src;
    image.src = address(bytes, "image/jpeg");
    if (old) setTimeout(() => URL.revokeObjectURL(old), 1000);
  }
  const showPainting = () => show(painting, "painting");
  const showPhoto = () => show(photo, "photo");
  const showCaption = () => {
    caption.textContent = model.get("caption");
    painting.alt = model.get("caption");
  };
  const showPair = () => {
    const label = model.get("words").wipe;
    line.title = label;
    line.setAttribute("aria-label", label);
    frame.classList.toggle("nst-pair", model.get("pair"));
  };
  painting.addEventListener("load", () => wipe(share));
  model.on("change:words", showPair);
  model.on("change:pair", () => { showPair(); wipe(model.get("pair") ? 50 : 0); });
  model.on("change:painting", showPainting);
  model.on("change:photo", showPhoto);
  model.on("change:caption", showCaption);
  showPair();
  if (model.get("pair")) share = 50;
  showPainting();
  showPhoto();
  showCaption();
  place();
  const sized = new ResizeObserver(() => { place(); wipe(share); });
  sized.observe(frame);

  return () => sized.disconnect();
}

export default { render };

// A place for a picture: a thumbnail that takes a file by click, drop or paste, in pieces.

const PIECE = 1 << 20; // a server takes messages of some megabytes only

function render({ model, el }) {
  const words = model.get("words");
  el.classList.add("nst-slot");
  el.tabIndex = 0;
  el.title = words.help;
  const thumb = make(el, "img", "nst-thumb");
  const choose = make(el, "button", "jupyter-button nst-choose", {
    textContent: words.upload, title: words.help,
  });
  const input = make(el, "input", "", {
    type: "file", accept: "image/*,.heic,.heif,.avif,.tif,.tiff",
  });
  input.style.display = "none";
  input.setAttribute("aria-label", words.upload);

  async function send(file) {
    if (!file) return;
    if (file.size > model.get("most")) {
      model.send({ kind: "refused", name: file.name, size: file.size });
      return;
    }
    const count = Math.max(1, Math.ceil(file.size / PIECE));
    const id = `${Date.now()}-${Math.random()}`;
    for (let i = 0; i < count; i++) {
      const piece = await file.slice(i * PIECE, (i + 1) * PIECE).arrayBuffer();
      model.send({ kind: "piece", id, name: file.name || "pasted.png", place: i, count }, undefined, [piece]);
      choose.textContent = `${Math.round((100 * (i + 1)) / count)} %`;
      await new Promise((go) => setTimeout(go, 0));
    }
    choose.textContent = words.upload;
  }

  choose.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    send(input.files[0]);
    input.value = "";
  });
  function takeDrops(place) {
    place.addEventListener("dragover", (event) => {
      event.preventDefault();
      event.stopPropagation();
      el.classList.add("nst-over");
    });
    place.addEventListener("dragleave", () => el.classList.remove("nst-over"));
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation(); // JupyterLab would take the file for its own folder
      el.classList.remove("nst-over");
      send(event.dataTransfer.files[0]);
    });
  }
  takeDrops(el);
  let waited = 0;
  function takeAll() {
    const panel = el.closest(".nst-studio"), picker = el.closest(".nst-picker");
    if (panel) [picker, model.get("anywhere") && panel].filter(Boolean).forEach(takeDrops);
    else if (waited++ < 100) setTimeout(takeAll, 50); // not yet in the page
  }
  takeAll();
  el.addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files].find((f) => f.type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    event.stopPropagation();
    send(file);
  });

  const show = () => {
    const bytes = model.get("thumb");
    if (bytes && bytes.byteLength) {
      thumb.src = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    }
    thumb.alt = model.get("alt");
  };
  model.on("change:thumb", show);
  model.on("change:alt", show);
  show();
}

export default { render };

// What was saved: a preview, and a link for each file, so that it can be had without the server.

function render({ model, el }) {
  el.classList.add("nst-saved");
  let addresses = [];

  function show() {
    addresses.forEach((address) => URL.revokeObjectURL(address));
    addresses = [];
    el.replaceChildren();
    for (const { name, type, data } of model.get("files")) {
      const address = URL.createObjectURL(new Blob([data], { type }));
      addresses.push(address);
      const tag = { image: "img", video: "video" }[type.split("/")[0]];
      if (tag && !el.querySelector("img, video")) {
        const options = tag === "img" ? { alt: name }
          : { controls: true, loop: true, muted: true, autoplay: true };
        make(el, tag, "", { src: address, ...options });
      }
      make(el, "a", "", { href: address, download: name, textContent: name });
    }
    if (!addresses.length) return;
    const hide = make(el, "button", "jupyter-button nst-tool", {
      textContent: model.get("words").hide,
    });
    hide.addEventListener("click", () => {
      model.set("files", []);
      model.save_changes();
    });
  }
  model.on("change:files", show);
  show();
}

export default { render };

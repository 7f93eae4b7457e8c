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
      const link = document.createElement("a");
      link.href = address;
      link.download = name;
      link.textContent = name;
      const tag = { image: "img", video: "video" }[type.split("/")[0]];
      if (tag && !el.querySelector("img, video")) {
        const preview = document.createElement(tag);
        preview.src = address;
        if (tag === "img") preview.alt = name;
        else Object.assign(preview, { controls: true, loop: true, muted: true, autoplay: true });
        el.append(preview);
      }
      el.append(link);
    }
    if (!addresses.length) return;
    const hide = document.createElement("button");
    hide.className = "jupyter-button nst-tool";
    hide.textContent = model.get("words").hide;
    hide.addEventListener("click", () => {
      model.set("files", []);
      model.save_changes();
    });
    el.append(hide);
  }
  model.on("change:files", show);
  show();
}

export default { render };

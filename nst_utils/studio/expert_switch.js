// A switch that shows all of the panel. Each browser remembers its own choice.

const KEY = "nst-studio-expert";

function remembered() {
  try { return localStorage.getItem(KEY) === "1"; } catch { return false; } // a private window
}

function render({ model, el }) {
  const label = make(el, "label", "nst-expert-switch", { title: model.get("help") });
  const box = make(label, "input", "", { type: "checkbox", checked: remembered() });
  label.append(model.get("label"));

  function show() {
    const panel = el.closest(".nst-studio");
    if (panel) panel.classList.toggle("nst-expert", box.checked);
    else if (el.isConnected || waited++ < 100) setTimeout(show, 50); // not yet in the page
  }
  let waited = 0;
  box.addEventListener("change", () => {
    try { localStorage.setItem(KEY, box.checked ? "1" : "0"); } catch { /* as above */ }
    show();
  });
  show();
}

export default { render };

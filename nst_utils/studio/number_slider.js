// A slider and a field for one number. What is typed holds as it is; a drag gives three digits.

const STOPS = 200;

function render({ model, el }) {
  el.classList.add("nst-slider");
  const id = `nst-${Math.random().toString(36).slice(2)}`;
  const label = make(el, "label", "", { htmlFor: id });
  const track = make(el, "div", "nst-track");
  const range = make(track, "input", "", { type: "range", min: 0, max: STOPS, step: 1, id });
  const marks = make(track, "div", "nst-marks");
  const field = make(el, "input", "nst-number", { type: "text", inputMode: "decimal" });

  const [low, high, log, zero] = ["low", "high", "log", "zero"].map((name) => model.get(name));
  const at = (share) => log ? low * (high / low) ** share : low + (high - low) * share;

  function valueAt(stop) {
    if (zero && !stop) return 0;
    return Number(at(stop / STOPS).toPrecision(3));
  }

  function shareOf(value) {
    const share = log ? Math.log(Math.max(value, low) / low) / Math.log(high / low)
      : (value - low) / (high - low);
    return Math.max(0, Math.min(1, share));
  }

  let shown = null; // while somebody types, only another value takes the place of the text

  function set(value) {
    model.set("value", value);
    model.save_changes();
    show();
  }

  function show() {
    const value = model.get("value");
    range.value = Math.round(shareOf(value) * STOPS);
    range.setAttribute("aria-valuetext", value);
    if (document.activeElement !== field || value !== shown) field.value = value;
    shown = value;
  }

  function typed() {
    const value = Number(field.value.trim().replace(",", "."));
    if (field.value.trim() && Number.isFinite(value)) set(value);
    field.value = model.get("value");
  }

  range.addEventListener("input", () => set(valueAt(Number(range.value))));
  range.addEventListener("dblclick", () => set(model.get("usual")));
  field.addEventListener("change", typed);
  field.addEventListener("blur", show);
  for (const input of [range, field]) {
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") typed();
      event.stopPropagation(); // the notebook has shortcuts of its own
    });
  }

  function name() {
    label.textContent = model.get("label");
    el.title = model.get("help");
    range.setAttribute("aria-label", model.get("label"));
    field.setAttribute("aria-label", model.get("label"));
    const words = model.get("marks");
    el.classList.toggle("nst-in-words", words.length > 0);
    marks.replaceChildren();
    for (const [value, word] of words) {
      const mark = make(marks, "button", "", { textContent: word });
      // The handle's middle stays half its width inside the track.
      mark.style.left = `calc(8px + ${shareOf(value)} * (100% - 16px))`;
      mark.addEventListener("click", () => set(value));
    }
  }

  model.on("change:value", show);
  for (const part of ["label", "help", "marks"]) model.on(`change:${part}`, name);
  name();
  show();
}

export default { render };

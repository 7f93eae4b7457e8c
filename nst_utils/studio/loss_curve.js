// The loss curve, an SVG in the page's own pixels: sharp at any width, with values under the pointer.

const NS = "http://www.w3.org/2000/svg";
const LEFT = 56, RIGHT = 12, BOTTOM = 30, ROW = 13, MOST_ROWS = 4, HEIGHT = 150;

function makeSvg(parent, name, options = {}, text = "") {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(options)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  parent.append(made);
  return made;
}

function told(value) {
  return Number(value.toPrecision(3)).toString();
}

// Values that are 0 or no number have no place on a logarithmic axis. The content loss begins at 0:
// what is far below the style does not stretch the axis.
function limits(runs) {
  const above = (terms) => terms.flatMap((term) => term.values).filter((value) => value > 0);
  const every = above(runs.flatMap((run) => run.terms));
  if (!every.length) return [0.1, 10];
  const style = above(runs.flatMap((run) => run.terms.filter((term) => term.name === "style")));
  const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = every.reduce((a, b) => Math.max(a, b), 0);
  const low = Math.max(least(every), style.length ? least(style) / 100 : 0);
  return [low / 1.2, Math.max(most * 1.2, low * 3)];
}

function ticks(low, high) {
  const decades = Math.log10(high / low);
  const steps = decades > 2.5 ? [1] : [1, 2, 5];
  const jump = Math.ceil(decades / 7);
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    if (power % jump) continue;
    for (const step of steps) {
      const value = step * 10 ** power;
      if (value >= low && value <= high) found.push(value);
    }
  }
  return found;
}

function wholeTicks(last, width) {
  const rough = last / Math.max(2, width / 80);
  const power = 10 ** Math.floor(Math.log10(rough));
  const each = Math.max(1, [1, 2, 5, 10].map((x) => x * power).find((x) => x >= rough));
  return Array.from({ length: Math.floor(last / each) + 1 }, (_, i) => i * each);
}

function render({ model, el }) {
  el.classList.add("nst-curve");
  const words = model.get("words");
  const legend = make(el, "div", "nst-legend");
  const svg = makeSvg(el, "svg", { tabindex: 0, role: "img" });
  const tip = make(el, "div", "nst-tip");
  let runs = [], cursor = null, scale = null, hair = null;

  function showLegend() {
    legend.replaceChildren();
    for (const [i, run] of runs.entries()) {
      if (runs.length > 1) make(legend, "b", "", { textContent: run.name });
      for (const term of run.terms) {
        const item = make(legend, "span");
        const sign = makeSvg(item, "svg", { width: 24, height: 8 });
        makeSvg(sign, "line", { x1: 0, x2: 24, y1: 4, y2: 4, ...look(term, i) });
        item.append(term.label);
      }
    }
  }

  // One painting: a dash for each term. Two: the second is dashed.
  function look(term, place) {
    const dash = runs.length > 1 ? (place ? "5 3" : "none") : term.dash;
    return { stroke: term.color, "stroke-width": 1.6, "stroke-dasharray": dash, fill: "none" };
  }

  // Names of changes stand in rows; a name goes where the one before it has ended.
  function nameMarks(group, marks, x, width) {
    const ends = [];
    const row = (start) => {
      const free = ends.findIndex((end) => end <= start);
      return free < 0 ? ends.length : free;
    };
    for (const [step, what] of marks) {
      const text = makeSvg(group, "text", { class: "nst-mark-name" }, what);
      const long = text.getComputedTextLength();
      const start = Math.min(Math.max(LEFT, x(step) + 3), width - RIGHT - long);
      const place = row(start);
      if (place >= MOST_ROWS || start < LEFT) {
        text.remove(); // the line stays, and says under the pointer what it is
        continue;
      }
      ends[place] = start + long + 6;
      text.setAttribute("x", start);
      text.setAttribute("y", 10 + ROW * place);
    }
    return ends.length;
  }

  function draw() {
    const width = el.clientWidth;
    if (width < 120) return;
    const last = Math.max(20, ...runs.map((run) => run.steps.at(-1) ?? 0));
    const x = (step) => LEFT + ((width - LEFT - RIGHT) * step) / last;
    svg.replaceChildren();
    const notes = makeSvg(svg, "g");
    const marks = runs.flatMap((run) => run.marks);
    const rows = nameMarks(notes, marks.filter((mark) => mark[1]), x, width);
    const top = 6 + ROW * rows, bottom = top + HEIGHT;
    const [low, high] = limits(runs);
    const y = (value) => bottom - (HEIGHT * Math.log(value / low)) / Math.log(high / low);
    svg.setAttribute("width", width);
    svg.setAttribute("height", bottom + BOTTOM);
    for (const value of ticks(low, high)) {
      makeSvg(svg, "line", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value), class: "nst-grid" });
      makeSvg(svg, "text", { x: LEFT - 5, y: y(value) + 4, class: "nst-y" }, told(value));
    }
    for (const step of wholeTicks(last, width - LEFT - RIGHT)) {
      makeSvg(svg, "text", { x: x(step), y: bottom + 13, class: "nst-x" }, String(step));
    }
    makeSvg(svg, "text", { x: (LEFT + width - RIGHT) / 2, y: bottom + 26, class: "nst-x" }, words.step);
    const middle = `translate(10 ${top + HEIGHT / 2}) rotate(-90)`;
    makeSvg(svg, "text", { transform: middle, class: "nst-x" }, words.loss);
    let free = -1;
    const names = makeSvg(svg, "g");
    for (const [step, size] of runs[0]?.sizes ?? []) {
      makeSvg(svg, "line", { x1: x(step), x2: x(step), y1: top, y2: bottom, class: "nst-grid nst-size" });
      if (x(step) < free) continue;
      const text = makeSvg(names, "text", { x: x(step) + 3, y: bottom - 3, class: "nst-size-name" }, `${size} px`);
      const long = text.getComputedTextLength();
      if (x(step) + 3 + long > width) text.setAttribute("x", Math.max(free, x(step) - 3 - long));
      free = x(step) + long + 8;
    }
    for (const [step] of marks) {
      makeSvg(svg, "line", { x1: x(step), x2: x(step), y1: top, y2: bottom, class: "nst-mark" });
    }
    for (const [i, run] of runs.entries()) {
      for (const term of run.terms) {
        let path = "", pen = "M";
        term.values.forEach((value, j) => {
          if (!(value >= low)) { pen = "M"; return; }
          path += `${pen}${x(run.steps[j]).toFixed(1)},${y(value).toFixed(1)}`;
          pen = "L";
        });
        makeSvg(svg, "path", { d: path, "data-term": term.name, ...look(term, i) });
      }
    }
    svg.append(names); // over the curves
    hair = makeSvg(svg, "line", { y1: top, y2: bottom, class: "nst-hair", visibility: "hidden" });
    scale = { x, last, width };
    point(cursor);
  }

  // Say every value at a step, and what was changed there.
  function point(step) {
    cursor = step;
    const steps = runs[0]?.steps ?? [];
    tip.style.display = step === null || !steps.length ? "none" : "";
    if (!scale || tip.style.display) return hair?.setAttribute("visibility", "hidden");
    const lines = [];
    let at = 0;
    for (const run of runs) {
      if (!run.steps.length) continue;
      const near = run.steps.reduce((a, s, i) =>
        Math.abs(s - step) < Math.abs(run.steps[a] - step) ? i : a, 0);
      at = at || run.steps[near];
      lines.push(`${runs.length > 1 ? `${run.name} · ` : ""}${words.step} ${run.steps[near]}`);
      for (const term of run.terms) lines.push(`${term.label} ${told(term.values[near])}`);
      const changed = run.marks.filter((mark) => Math.abs(mark[0] - step) <= scale.last / 100);
      lines.push(...changed.map((mark) => mark[1]).filter(Boolean));
    }
    tip.textContent = lines.join("\n");
    const place = scale.x(at);
    hair.setAttribute("x1", place);
    hair.setAttribute("x2", place);
    hair.setAttribute("visibility", "visible");
    const right = place < scale.width / 2;
    tip.style.left = right ? `${place + 10}px` : "";
    tip.style.right = right ? "" : `${scale.width - place + 10}px`;
  }

  svg.addEventListener("pointermove", (event) => {
    if (!scale) return;
    const share = (event.clientX - svg.getBoundingClientRect().left - LEFT) / (scale.width - LEFT - RIGHT);
    point(Math.max(0, Math.min(scale.last, share * scale.last)));
  });
  svg.addEventListener("pointerleave", () => point(null));
  svg.addEventListener("blur", () => point(null));
  svg.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way || !scale) return;
    const steps = runs[0]?.steps ?? [];
    point(Math.max(0, Math.min(steps.at(-1) ?? 0, Math.round(cursor ?? 0) + way)));
    event.preventDefault();
    event.stopPropagation(); // the notebook has shortcuts of its own
  });

  function show() {
    runs = model.get("runs");
    const end = runs.map((run) => run.terms.map((term) =>
      `${term.label} ${told(term.values.at(-1) ?? 0)}`).join(", "));
    svg.setAttribute("aria-label", `${words.loss}: ${end.join("; ")}`);
    showLegend();
    draw();
  }
  model.on("change:runs", show);
  const sized = new ResizeObserver(draw);
  sized.observe(el);
  show();
  return () => sized.disconnect();
}

export default { render };

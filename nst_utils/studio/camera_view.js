// The camera beside its painting: frames go to the kernel and come back painted. The next frame is
// sent while the kernel paints the last one.

const LATE = 4000, LARGE = 1280; // ms after which no answer is waited for; pixels of a photo that is kept
const AHEAD = 2; // frames on their way

function render({ model, el }) {
  const words = model.get("words"), own = Math.random().toString(36).slice(2);
  el.classList.add("nst-camera");
  const tools = make(el, "div", "nst-tools"), pair = make(el, "div", "nst-camera-pair");
  const video = make(pair, "video", "nst-live", { muted: true, playsInline: true });
  const painted = make(pair, "img", "nst-painted", { alt: words.painted });
  const canvas = document.createElement("canvas");
  const button = (label, help, press) => {
    const made = make(tools, "button", "jupyter-button nst-tool", { textContent: label, title: help });
    made.addEventListener("click", press);
    return made;
  };
  const power = button(words.on, words.onHelp, () => (stream ? stop() : start()));
  const shutter = button(words.shutter, words.shutterHelp, () => send("shutter", LARGE));
  shutter.disabled = true;
  const note = make(tools, "span", "nst-camera-note");
  note.setAttribute("role", "status");
  let stream = null, waits = null, times = [], number = 0;
  const flying = new Set();

  function send(kind, side, number) {
    if (!video.videoWidth) return;
    const scale = Math.min(1, side / Math.max(video.videoWidth, video.videoHeight));
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    canvas.toBlob(async (file) => {
      if (stream && file) model.send({ kind, own, number }, undefined, [await file.arrayBuffer()]);
    }, "image/jpeg", kind === "shutter" ? 0.95 : 0.85);
  }

  function next() {
    clearTimeout(waits);
    if (!stream) return;
    while (flying.size < AHEAD) {
      flying.add(String(++number));
      send("frame", model.get("side"), String(number));
    }
    waits = setTimeout(anew, LATE); // the kernel paints something else, or is gone
  }

  function anew() {
    flying.clear();
    next();
  }

  async function start() {
    note.textContent = "";
    try {
      if (!navigator.mediaDevices) throw new DOMException("", "NotFoundError");
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: LARGE } } });
    } catch (error) {
      note.textContent = error.name === "NotAllowedError" ? words.denied : words.none;
      return;
    }
    if (!el.isConnected) return stop();
    video.srcObject = stream;
    await video.play();
    power.textContent = words.off;
    shutter.disabled = false;
    anew();
  }

  function stop() {
    clearTimeout(waits);
    stream?.getTracks().forEach((track) => track.stop());
    stream = video.srcObject = null;
    power.textContent = words.on;
    shutter.disabled = true;
    note.textContent = "";
    times = [];
  }

  model.on("msg:custom", (content, buffers) => {
    if (content.kind !== "painted" || content.own !== own || !stream) return;
    const old = painted.src;
    painted.src = URL.createObjectURL(new Blob([buffers[0]], { type: "image/jpeg" }));
    if (old) URL.revokeObjectURL(old);
    times = [...times.slice(-10), performance.now()];
    const rate = (1000 * (times.length - 1)) / (times.at(-1) - times[0]);
    if (times.length > 1) note.textContent = `${rate.toFixed(rate < 10 ? 1 : 0)} ${words.rate}`;
    flying.delete(content.number);
    next();
  });
  return stop;
}

export default { render };

// The picture of trajectories: drawing, picking, turning, brushing, playing.

const paths = { paint: null, positions: null, frame: null, parts: null, legend: null, playing: 0, shown: 0, drag: null, box: null };

/** Samples' colours, and which of them are in the background. */
function recolour(colourings) {
  const n = run.samples.label.length, parts = new Uint8Array(n).fill(SHOWN), chosen = selection.rows;
  if (chosen.size) { parts.fill(FAINT); for (const row of chosen) parts[row] = SHOWN; }
  if (view.picked >= 0) parts[view.picked] = PICKED;
  const colouring = colourings.find(one => one.name === view.by) || colourings[0], made = painted(colouring, view.depth);
  paths.parts = parts;
  paths.legend = made.legend;
  paths.byDepth = Boolean(colouring.depth);
  paths.colours = made.colours;
  if (paths.paint) { paths.paint.setColours(made.colours, parts); paths.paint.setRamp(ramp); }
}

function place() {
  if (!run.scores) return;
  paths.frame = frame();
  paths.positions = positionsIn(paths.frame);
  if (paths.paint) paths.paint.setPositions(paths.positions);
}

/** Draw paths up to a depth, which lies between sublayers while it plays. */
function drawPaths() {
  if (!paths.paint) return;
  const canvas = byId("gl"), { context, width, height } = fitted(byId("over")), ratio = byId("over").width / Math.max(1, width);
  if (!width || !height) return;
  if (canvas.width !== byId("over").width || canvas.height !== byId("over").height) { canvas.width = byId("over").width; canvas.height = byId("over").height; }
  const camera = cameraOf(width, height), shown = selection.rows.size || run.samples.label.length;
  const alpha = Math.max(0.05, Math.min(0.75, 130 / shown));
  paths.camera = camera;
  paths.paint.draw({ camera, depth: paths.shown, byDepth: paths.byDepth, alphas: [0.035, alpha, 1], ratio, pointSize: shown > 2000 ? 3.2 : 4.6 });
  drawAxes(context, width, height, camera, paths.frame);
  drawMean(context, width, height, camera, null, css("--ink"));
  if (selection.rows.size) drawMean(context, width, height, camera, selection.rows, css("--accent"));
  if (view.picked >= 0) drawPath(context, pathOf(view.picked), width, height, camera, css("--pick"), true);
  if (paths.box) {
    const [x0, y0, x1, y1] = paths.box;
    context.fillStyle = css("--band"); context.strokeStyle = css("--accent"); context.lineWidth = 1;
    context.fillRect(x0, y0, x1 - x0, y1 - y0); context.strokeRect(x0 + 0.5, y0 + 0.5, x1 - x0, y1 - y0);
  }
}

const means = new Map();

/** The mean path of some samples, or of all. */
const drawMean = (context, width, height, camera, rows, colour) => drawPath(context, meanPath(rows), width, height, camera, colour, false);

/** A path as a line from a ring to a dot, or to a ring about its point. */
function drawPath(context, path, width, height, camera, colour, ringed) {
  const S = run.sublayers.length, until = Math.floor(paths.shown), share = paths.shown - until, points = path.slice(0, until + 1);
  if (share > 0 && until + 1 < S) points.push(path[until].map((value, k) => value + share * (path[until + 1][k] - value)));
  const seen = points.filter(point => point.every(Number.isFinite)).map(point => onScreen(camera, width, height, ...point));
  if (!seen.length) return;
  const line = (wide, ink) => { context.lineWidth = wide; context.strokeStyle = ink; context.beginPath(); seen.forEach((at, i) => context[i ? "lineTo" : "moveTo"](...at)); context.stroke(); };
  context.lineJoin = "round";
  line(4.5, css("--field"));
  line(2.2, colour);
  context.fillStyle = css("--field"); context.strokeStyle = colour; context.lineWidth = 1.6;
  context.beginPath(); context.arc(...seen[0], 3.4, 0, 7); context.fill(); context.stroke();
  context.fillStyle = colour;
  context.beginPath(); context.arc(...seen[seen.length - 1], 4.2, 0, 7); context.fill();
  if (ringed) { context.lineWidth = 2; context.beginPath(); context.arc(...seen[seen.length - 1], 8.5, 0, 7); context.stroke(); }
}

const pathOf = row => run.sublayers.map((_, place) => { const at = 3 * (place * run.samples.label.length + row); return [...paths.positions.subarray(at, at + 3)]; });

function meanPath(rows) {
  const key = rows ? view.chosen : "", kept = means.get(key);
  if (kept && kept.of === paths.positions) return kept.path;
  const S = run.sublayers.length, N = run.samples.label.length, all = rows ? [...rows] : Array.from({ length: N }, (_, i) => i), path = [];
  for (let s = 0; s < S; s++) path.push([0, 1, 2].map(axis => meanOf(all.map(i => paths.positions[3 * (s * N + i) + axis]))));
  means.delete(key);
  means.set(key, { of: paths.positions, path });
  if (means.size > 4) means.delete(means.keys().next().value);
  return path;
}

/** Pixels of a sample at a place. */
function pixelsOf(row, place, width, height) {
  const at = 3 * (place * run.samples.label.length + row);
  return onScreen(paths.camera, width, height, paths.positions[at], paths.positions[at + 1], paths.positions[at + 2]);
}

/** The sample under the pointer: the nearest point at this depth, else the nearest path that is drawn; −1 for none. */
function under(x, y) {
  const { clientWidth: width, clientHeight: height } = byId("gl"), here = Math.round(paths.shown);
  let best = -1, least = 16 ** 2;
  for (const [from, reach] of [[here, 16], [0, 6]]) {
    least = reach ** 2;
    for (let row = 0; row < run.samples.label.length; row++) {
      if (paths.parts[row] === FAINT) continue;
      for (let place = from; place <= here; place++) {
        const [px, py] = pixelsOf(row, place, width, height), away = (px - x) ** 2 + (py - y) ** 2;
        if (away < least) { least = away; best = row; }
      }
    }
    if (best >= 0) return best;
  }
  return best;
}

function within([x0, y0, x1, y1]) {
  const { clientWidth: width, clientHeight: height } = byId("gl"), found = [], here = Math.round(paths.shown);
  for (let row = 0; row < run.samples.label.length; row++) {
    const [x, y] = pixelsOf(row, here, width, height);
    if (x >= Math.min(x0, x1) && x <= Math.max(x0, x1) && y >= Math.min(y0, y1) && y <= Math.max(y0, y1)) found.push(row);
  }
  return found;
}

function tellUnder(event) {
  const row = under(event.offsetX, event.offsetY), tip = byId("tip");
  tip.hidden = row < 0;
  byId("gl").title = "";
  if (row < 0) return;
  tip.replaceChildren(make("span", "meta", metaOf(row)), make("span", "end", ending(row, 180)));
  const { clientWidth: width, clientHeight: height } = byId("gl");
  tip.style.left = `${Math.max(4, Math.min(event.offsetX + 14, width - tip.offsetWidth - 6))}px`;
  tip.style.top = `${event.offsetY + 18 + tip.offsetHeight > height ? Math.max(4, event.offsetY - tip.offsetHeight - 12) : event.offsetY + 18}px`;
}

function listenToPaths() {
  const canvas = byId("gl"), touches = new Map();
  canvas.addEventListener("pointerdown", event => {
    touches.set(event.pointerId, [event.offsetX, event.offsetY]);
    try { canvas.setPointerCapture(event.pointerId); } catch { /* a pointer that is gone already */ }
    paths.drag = { x: event.offsetX, y: event.offsetY, moved: 0, brush: Boolean(view.brush) !== event.shiftKey, more: event.ctrlKey || event.metaKey };
    byId("tip").hidden = true;
  });
  canvas.addEventListener("pointermove", event => {
    if (!paths.drag) { if (event.pointerType !== "touch") tellUnder(event); return; }
    const before = touches.get(event.pointerId) || [event.offsetX, event.offsetY], { clientWidth: width, clientHeight: height } = canvas;
    const dx = event.offsetX - before[0], dy = event.offsetY - before[1];
    if (touches.size === 2) {
      const other = [...touches].find(([id]) => id !== event.pointerId)[1], far = ([x, y]) => Math.hypot(x - other[0], y - other[1]);
      set({ zoom: zoomed(view.zoom * (far([event.offsetX, event.offsetY]) / Math.max(8, far(before)))) });
    } else if (paths.drag.brush) {
      paths.box = [paths.drag.x, paths.drag.y, event.offsetX, event.offsetY];
      drawPaths();
    } else if (view.dims === 3) set({ yaw: view.yaw + 0.008 * dx, pitch: Math.max(-1.57, Math.min(1.57, view.pitch + 0.008 * dy)) });
    else set({ left: view.left + (2 * dx) / width, down: view.down - (2 * dy) / height });
    paths.drag.moved += Math.abs(dx) + Math.abs(dy);
    touches.set(event.pointerId, [event.offsetX, event.offsetY]);
  });
  const end = event => {
    touches.delete(event.pointerId);
    const { drag, box } = paths;
    if (touches.size || !drag) return;
    paths.drag = paths.box = null;
    if (box && drag.moved > 4) selection.write(new Set(drag.more ? [...selection.rows, ...within(box)] : within(box)));
    else if (drag.moved <= 4 && event.type === "pointerup") pick(under(event.offsetX, event.offsetY), drag.more);
    drawPaths();
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => { byId("tip").hidden = true; });
  canvas.addEventListener("wheel", event => {
    event.preventDefault();
    const factor = Math.exp(-event.deltaY * 0.0012), zoom = zoomed(view.zoom * factor), change = zoom / view.zoom;
    const x = (2 * event.offsetX) / canvas.clientWidth - 1, y = 1 - (2 * event.offsetY) / canvas.clientHeight;
    set({ zoom, left: x + (view.left - x) * change, down: y + (view.down - y) * change });
  }, { passive: false });
  canvas.addEventListener("keydown", event => {
    const turn = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (turn && view.dims === 3) set({ yaw: view.yaw + 0.08 * turn[0], pitch: Math.max(-1.57, Math.min(1.57, view.pitch + 0.08 * turn[1])) });
    else if (turn) set({ left: view.left + 0.06 * turn[0], down: view.down - 0.06 * turn[1] });
    else if (event.key === "+" || event.key === "=") set({ zoom: zoomed(view.zoom * 1.15) });
    else if (event.key === "-") set({ zoom: zoomed(view.zoom / 1.15) });
    else if (event.key === "0") everything();
    else if (event.key === "9") nearer();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

const zoomed = zoom => Math.max(0.2, Math.min(60, zoom));
const everything = () => set({ zoom: 1, left: 0, down: 0 });

/** Move and come nearer until the points of this depth, those selected if any are, fill the picture. */
function nearer() {
  if (!paths.camera) return;
  const { clientWidth: width, clientHeight: height } = byId("gl"), here = Math.round(paths.shown);
  const rows = selection.rows.size ? [...selection.rows] : run.samples.label.map((_, row) => row);
  const seen = rows.map(row => pixelsOf(row, here, width, height)).filter(at => at.every(Number.isFinite));
  if (!seen.length) return;
  const ends = axis => { const sorted = seen.map(at => at[axis]).sort((a, b) => a - b), at = share => sorted[Math.round(share * (sorted.length - 1))]; return [at(0.01), at(0.99)]; };
  const [[x0, x1], [y0, y1]] = [ends(0), ends(1)];
  const zoom = zoomed(view.zoom * Math.min((0.7 * width) / Math.max(4, x1 - x0), (0.7 * height) / Math.max(4, y1 - y0))), change = zoom / view.zoom;
  const x = (x0 + x1) / width - 1, y = 1 - (y0 + y1) / height;
  set({ zoom, left: (view.left - x) * change, down: (view.down - y) * change });
}

/** Show a text, and its path; again, to show none. */
function pick(row, more = false) {
  if (row >= 0 && more) selection.toggle(row);
  set({ picked: row === view.picked && !more ? -1 : row });
}

/** Play over depth: points glide from sublayer to sublayer, or step where motion is not wanted. */
function play() {
  if (paths.playing) { cancelAnimationFrame(paths.playing); paths.playing = 0; set({ depth: Math.round(paths.shown) }); tellPlaying(); return; }
  const last = run.sublayers.length - 1, rate = Math.max(5, last / 9);
  if (paths.shown >= last) paths.shown = 0;
  let before = performance.now(), due = before;
  const step = now => {
    if (reduced()) { if (now >= due) { paths.shown = Math.min(last, Math.floor(paths.shown) + 1); due = now + 500; } }
    else paths.shown = Math.min(last, paths.shown + (rate * Math.min(100, now - before)) / 1000);
    before = now;
    set({ depth: Math.round(paths.shown) });
    drawPaths();
    if (paths.shown >= last) { paths.playing = 0; tellPlaying(); return; }
    paths.playing = requestAnimationFrame(step);
  };
  paths.playing = requestAnimationFrame(step);
  tellPlaying();
}

function tellPlaying() {
  const button = byId("play");
  button.textContent = paths.playing ? "❚❚" : "▶";
  button.setAttribute("aria-label", paths.playing ? "Stop" : "Play over depth");
}

function drawLegend() {
  const legend = byId("legend"), told = paths.legend, parts = [];
  if (!told) return;
  parts.push(make("span", "", `${told.title}:`));
  if (told.ramp) {
    const strip = make("span", "ramp");
    strip.style.background = `linear-gradient(90deg, ${Array.from({ length: 9 }, (_, i) => rgb(ramp(i / 8))).join(",")})`;
    parts.push(make("span", "", told.ends[0]), strip, make("span", "", told.ends[1]));
  } else {
    for (const one of told.categories) {
      const dot = make("span", "swatch"), button = make("button", "", dot, one.name);
      dot.style.background = rgb(one.colour);
      button.type = "button";
      button.title = inOwnWords("Select these texts");
      button.addEventListener("click", () => selection.write(new Set(told.numbers.flatMap((number, row) => ((one.others ? number >= one.number : number === one.number) ? [row] : [])))));
      parts.push(button);
    }
  }
  const line = (colour, words) => { const made = make("span", "swatch line"); made.style.borderColor = css(colour); return make("span", "entry", made, words); };
  parts.push(line("--ink", "mean of all"));
  if (selection.rows.size) parts.push(line("--accent", "mean of the selection"));
  if (view.picked >= 0) parts.push(line("--pick", `sample ${run.samples.label[view.picked]}`));
  legend.replaceChildren(...parts);
}

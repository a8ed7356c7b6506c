// Charts on canvases: curves over depth, portraits, maps. Each is drawn from a description, so that a picture of it can be saved.

const reduced = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** A canvas fitted to its size on the page; its context, whose unit is a pixel of the page. */
function fitted(canvas) {
  const ratio = Math.min(3, window.devicePixelRatio || 1), width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

function ticks(low, high, most) {
  const rough = (high - low) / Math.max(1, most), size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map(k => k * size).find(one => one >= rough) || 10 * size, found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(Math.abs(k * step) < step * 1e-9 ? 0 : k * step);
  return found;
}

const font = (size, weight = 400) => `${weight} ${size}px ${css("--sans")}`;

function span(lists) {
  let low = Infinity, high = -Infinity;
  for (const values of lists) for (const value of values) if (Number.isFinite(value)) { low = Math.min(low, value); high = Math.max(high, value); }
  if (low > high) return null;
  if (low === high) { const room = Math.abs(low) || 1; return [low - room / 2, high + room / 2]; }
  const room = 0.06 * (high - low);
  return [low - room, high + room];
}

/** Axes of a chart; `x` and `y` are [low, high, label]; returns how numbers become pixels. */
function axes(context, width, height, x, y, options = {}) {
  const left = options.left ?? 56, right = width - (options.right ?? 12), top = options.top ?? 14, bottom = height - 34;
  const scale = {
    left, right, top, bottom,
    x: value => left + ((value - x[0]) / (x[1] - x[0])) * (right - left),
    y: value => bottom - ((value - y[0]) / (y[1] - y[0])) * (bottom - top),
    place: pixel => x[0] + ((pixel - left) / (right - left)) * (x[1] - x[0]),
  };
  context.font = font(11);
  context.lineWidth = 1;
  for (const value of ticks(y[0], y[1], Math.max(2, Math.floor((bottom - top) / 42)))) {
    const at = Math.round(scale.y(value)) + 0.5;
    context.strokeStyle = css("--rule");
    context.globalAlpha = 0.6;
    context.beginPath(); context.moveTo(left, at); context.lineTo(right, at); context.stroke();
    context.globalAlpha = 1;
    context.fillStyle = css("--muted");
    context.textAlign = "right"; context.textBaseline = "middle";
    context.fillText(number(value), left - 7, at);
  }
  context.textAlign = "center"; context.textBaseline = "top";
  context.fillStyle = css("--muted");
  for (const [value, text] of options.xTicks || ticks(x[0], x[1], Math.max(2, Math.floor((right - left) / 70))).map(value => [value, number(value)])) {
    context.fillText(text, scale.x(value), bottom + 5);
  }
  context.strokeStyle = css("--muted");
  context.beginPath(); context.moveTo(left, bottom + 0.5); context.lineTo(right, bottom + 0.5); context.stroke();
  context.fillText(x[2], (left + right) / 2, bottom + 19);
  if (y[2]) {
    context.save();
    context.translate(12, (top + bottom) / 2);
    context.rotate(-Math.PI / 2);
    context.fillText(shortened(context, y[2], bottom - top), 0, -5);
    context.restore();
  }
  return scale;
}

function shortened(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let length = text.length;
  while (length > 4 && context.measureText(`${text.slice(0, length)}…`).width > width) length--;
  return `${text.slice(0, length)}…`;
}

/** Ticks at whole layers. */
function layerTicks(places, width) {
  const layers = places.map(place => place.layer), n = layers[layers.length - 1] - layers[0] + 1;
  const step = [1, 2, 4, 5, 8, 10, 16, 20, 40].find(one => n / one <= width / 38) || 50, found = [];
  layers.forEach((layer, i) => { if (layer % step === 0 && layers[i - 1] !== layer) found.push([i, String(layer)]); });
  return found;
}

function stroke(context, scale, values, at = i => i) {
  context.beginPath();
  let pen = false;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) { pen = false; continue; }
    const x = scale.x(at(i)), y = scale.y(values[i]);
    if (pen) context.lineTo(x, y); else { context.moveTo(x, y); pen = true; }
  }
  context.stroke();
}

const GROUP_COLOURS = { within: "--within", cross: "--cross", block: "--block", attn: "--within", mlp: "--cross", out: "--muted" };

function mark(context, x, y, group, size) {
  context.fillStyle = css(GROUP_COLOURS[group] || "--line");
  if (group === "cross" || group === "mlp") context.fillRect(x - size, y - size, 2 * size, 2 * size);
  else { context.beginPath(); context.arc(x, y, size * 1.1, 0, 2 * Math.PI); context.fill(); }
}

/**
 * Curves over depth. `places` are those along depth; `lines` have values, colour, width, and whether they are dashed,
 * dotted by their groups, or spread evenly over the depth (`even`), or on a scale of their own (`own`); a `band` has
 * ends and a colour; `marker` is the place to mark.
 */
function drawCurves(context, width, height, { places, lines, band, marker, label }) {
  const shared = lines.filter(line => !line.own).map(line => line.values);
  const range = span(band ? [...shared, band.low, band.high] : shared);
  if (!range) {
    context.fillStyle = css("--muted"); context.font = font(13); context.textAlign = "center";
    context.fillText("not defined anywhere", width / 2, height / 2);
    return null;
  }
  const last = places.length - 1;
  const scale = axes(context, width, height, [-0.5, last + 0.5, inOwnWords("layer")], [...range, label], { xTicks: layerTicks(places, width) });
  if (marker >= 0) {
    context.strokeStyle = css("--accent"); context.lineWidth = 1;
    const at = Math.round(scale.x(marker)) + 0.5;
    context.beginPath(); context.moveTo(at, scale.top); context.lineTo(at, scale.bottom); context.stroke();
  }
  if (band) {
    context.fillStyle = css("--band");
    const groups = [...new Set(places.map(place => place.group))];
    for (const group of groups) {
      const here = places.map((place, i) => i).filter(i => places[i].group === group && Number.isFinite(band.low[i]));
      if (!here.length) continue;
      context.beginPath();
      here.forEach((i, k) => context[k ? "lineTo" : "moveTo"](scale.x(i), scale.y(band.high[i])));
      here.reverse().forEach(i => context.lineTo(scale.x(i), scale.y(band.low[i])));
      context.closePath(); context.fill();
    }
  }
  for (const line of lines) {
    const own = line.own ? { ...scale, y: ownScale(line.values, scale) } : scale, n = line.values.length;
    const at = line.even && n > 1 ? i => (i / (n - 1)) * last : i => i;
    context.strokeStyle = line.colour; context.lineWidth = line.width || 1; context.setLineDash(line.dash || []);
    stroke(context, own, line.values, at);
    context.setLineDash([]);
    if (line.dots) line.values.forEach((value, i) => { if (Number.isFinite(value)) mark(context, own.x(i), own.y(value), places[i].group, Math.max(1.6, Math.min(3, 190 / n))); });
  }
  return scale;
}

/** From 0 to a little above the largest. */
function ownScale(values, { bottom, top }) {
  const largest = Math.max(...values.filter(Number.isFinite)) * 1.06 || 1;
  return value => bottom - (value / largest) * (bottom - top);
}

/** Paths in the plane of two numbers, from a ring to a dot. */
function drawPortrait(context, width, height, { x, y, xLabel, yLabel, marker }) {
  const xs = span([x]), ys = span([y]);
  if (!xs || !ys) return null;
  const scale = axes(context, width, height, [...xs, xLabel], [...ys, yLabel]);
  for (let i = 1; i < x.length; i++) {
    context.strokeStyle = rgb(ramp(i / (x.length - 1))); context.lineWidth = 1.5;
    context.beginPath(); context.moveTo(scale.x(x[i - 1]), scale.y(y[i - 1])); context.lineTo(scale.x(x[i]), scale.y(y[i])); context.stroke();
  }
  context.lineWidth = 1.5; context.strokeStyle = css("--ink");
  context.beginPath(); context.arc(scale.x(x[0]), scale.y(y[0]), 3.5, 0, 7); context.stroke();
  context.fillStyle = css("--accent");
  context.beginPath(); context.arc(scale.x(x[marker]), scale.y(y[marker]), 4, 0, 7); context.fill();
  return scale;
}

/** How many of the values lie in each bin; `parts` are [values, colour]. */
function drawHistogram(context, width, height, { parts, label }) {
  const range = span(parts.map(([values]) => values));
  if (!range) return null;
  const bins = 40, counts = parts.map(([values]) => {
    const found = new Array(bins).fill(0);
    for (const value of values) if (Number.isFinite(value)) found[Math.min(bins - 1, Math.floor(((value - range[0]) / (range[1] - range[0])) * bins))]++;
    return found;
  });
  const scale = axes(context, width, height, [...range, label], [0, Math.max(...counts[0]) * 1.06, inOwnWords("texts")]);
  const wide = (scale.right - scale.left) / bins;
  counts.forEach((found, k) => {
    context.fillStyle = parts[k][1];
    found.forEach((count, i) => context.fillRect(scale.left + i * wide + 0.5, scale.y(count), wide - 1, scale.bottom - scale.y(count)));
  });
  return scale;
}

/** A chart that tells its values under the pointer, and goes to the depth that is clicked. */
function listening(canvas, scaleOf, tell, go) {
  canvas.addEventListener("pointermove", event => {
    const scale = scaleOf();
    if (scale) showTip(event.clientX, event.clientY, tell(scale.place(event.offsetX), event));
  });
  canvas.addEventListener("pointerleave", hideTip);
  canvas.addEventListener("click", event => { const scale = scaleOf(); if (scale && go) go(scale.place(event.offsetX), event); });
}

let floating = null;
function showTip(x, y, parts) {
  if (!parts) return hideTip();
  if (!floating) { floating = make("div", "tip"); floating.style.position = "fixed"; document.body.append(floating); }
  floating.replaceChildren(...parts);
  floating.hidden = false;
  floating.style.left = `${Math.max(6, Math.min(x + 14, innerWidth - floating.offsetWidth - 6))}px`;
  floating.style.top = `${y + 18 + floating.offsetHeight > innerHeight ? y - floating.offsetHeight - 12 : y + 18}px`;
}
function hideTip() { if (floating) floating.hidden = true; }

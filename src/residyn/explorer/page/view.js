// The camera: where scores stand on the screen, and the axes around them.

const ROOM = 0.07, TAIL = 0.005, FAR = 1.5;

/** The view along a component: everything where that costs little room, else all but the outermost points. */
function rangeOf(component) {
  const values = [], S = run.sublayers.length;
  for (let s = 0; s < S; s++) for (const value of run.scores.values.row(component * S + s)) if (Number.isFinite(value)) values.push(value);
  if (!values.length) return [-1, 1];
  const sorted = Float64Array.from(values).sort(), at = share => sorted[Math.round(share * (sorted.length - 1))];
  let [low, high] = [at(0), at(1)];
  const inner = [at(TAIL), at(1 - TAIL)];
  if (high - low > FAR * (inner[1] - inner[0])) [low, high] = inner;
  const room = ROOM * (high - low) || 1;
  return [low - room, high + room];
}

const ranges = [];

/** Centre and half width of each of the three axes that are shown. */
function frame() {
  const found = [view.x, view.y, view.z].map(component => (ranges[component] ??= rangeOf(component)));
  const halves = found.map(([low, high]) => (high - low) / 2), widest = Math.max(...halves);
  return found.map(([low, high], i) => ({ centre: (low + high) / 2, half: view.same ? widest : halves[i] }));
}

/** Positions (place, sample, 3) in the frame, each axis from −1 to 1. */
function positionsIn(frame) {
  const S = run.sublayers.length, N = run.samples.label.length, made = new Float32Array(N * S * 3);
  [view.x, view.y, view.z].forEach((component, axis) => {
    const { centre, half } = frame[axis];
    for (let s = 0; s < S; s++) {
      const values = run.scores.values.row(component * S + s);
      for (let i = 0; i < N; i++) made[3 * (s * N + i) + axis] = (values[i] - centre) / half;
    }
  });
  return made;
}

const MARGIN = { left: 58, right: 14, top: 14, bottom: 38 };

/** The camera's matrix, column by column, for a picture of this size. */
function cameraOf(width, height) {
  const { yaw, pitch, zoom, left, down } = view;
  if (view.dims === 2) {
    const wide = (width - MARGIN.left - MARGIN.right) / width, high = (height - MARGIN.top - MARGIN.bottom) / height;
    let [sx, sy] = [wide, high];
    if (view.same) { const pixels = Math.min(wide * width, high * height); sx = pixels / width; sy = pixels / height; }
    const x0 = (MARGIN.left - MARGIN.right) / width, y0 = (MARGIN.bottom - MARGIN.top) / height;
    return new Float32Array([sx * zoom, 0, 0, 0, 0, sy * zoom, 0, 0, 0, 0, 0, 0, x0 + left, y0 + down, 0, 1]);
  }
  const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
  const side = 0.56 * zoom * Math.min(width, height), [fx, fy] = [side / width, side / height], near = 0.16;
  const right = [cy, 0, -sy], up = [sy * sp, cp, cy * sp], toward = [sy * cp, -sp, cy * cp], made = new Float32Array(16);
  for (let k = 0; k < 3; k++) made.set([fx * right[k], fy * up[k], 0, -near * toward[k]], 4 * k);
  made.set([left, down, 0, 1], 12);
  return made;
}

/** Pixels of a point of the frame. */
function onScreen(camera, width, height, x, y, z) {
  const at = row => camera[row] * x + camera[4 + row] * y + camera[8 + row] * z + camera[12 + row], w = at(3);
  return [(at(0) / w + 1) * 0.5 * width, (1 - at(1) / w) * 0.5 * height];
}

const nameOf = component => {
  const share = run.scores.explained[component];
  return `PC ${component + 1}${Number.isFinite(share) ? ` (${percent(share)})` : ""}`;
};

function drawAxes(context, width, height, camera, frame) {
  const to = (x, y, z) => onScreen(camera, width, height, x, y, z);
  context.font = font(11);
  if (view.dims === 3) return drawBox(context, to);
  const bottom = height - MARGIN.bottom, colours = [css("--rule"), css("--muted")];
  const span = [[MARGIN.left, width - MARGIN.right], [MARGIN.top, bottom]];
  frame.slice(0, 2).forEach(({ centre, half }, axis) => {
    const back = pixel => {
      const [p, q] = [to(0, 0, 0)[axis], axis ? to(0, 1, 0)[1] : to(1, 0, 0)[0]];
      return centre + ((pixel - p) / (q - p)) * half;
    };
    const [from, until] = span[axis].map(back).sort((a, b) => a - b);
    for (const value of ticks(from, until, Math.floor((span[axis][1] - span[axis][0]) / (axis ? 48 : 78)))) {
      const at = (value - centre) / half, [x, y] = axis ? to(0, at, 0) : to(at, 0, 0);
      context.strokeStyle = colours[0]; context.globalAlpha = 0.7; context.lineWidth = 1;
      context.beginPath();
      if (axis) { context.moveTo(MARGIN.left, Math.round(y) + 0.5); context.lineTo(width - MARGIN.right, Math.round(y) + 0.5); }
      else { context.moveTo(Math.round(x) + 0.5, MARGIN.top); context.lineTo(Math.round(x) + 0.5, bottom); }
      context.stroke();
      context.globalAlpha = 1; context.fillStyle = colours[1];
      context.textAlign = axis ? "right" : "center"; context.textBaseline = axis ? "middle" : "top";
      context.fillText(number(value), axis ? MARGIN.left - 7 : x, axis ? y : bottom + 5);
    }
  });
  context.fillStyle = css("--ink"); context.textAlign = "center"; context.textBaseline = "alphabetic"; context.font = font(12);
  context.fillText(nameOf(view.x), (MARGIN.left + width - MARGIN.right) / 2, height - 7);
  context.save(); context.translate(14, (MARGIN.top + bottom) / 2); context.rotate(-Math.PI / 2); context.fillText(nameOf(view.y), 0, 0); context.restore();
}

/** The box around the paths; each axis is named at its edge that lies furthest out, below or to the left. */
function drawBox(context, to) {
  context.font = font(12);
  [view.x, view.y, view.z].forEach((component, axis) => {
    const edges = [[-1, -1], [-1, 1], [1, -1], [1, 1]].map(corner => [-1, 1].map(end => { const point = [...corner]; point.splice(axis, 0, end); return to(...point); }));
    const middle = edge => [(edge[0][0] + edge[1][0]) / 2, (edge[0][1] + edge[1][1]) / 2], out = edge => (axis === 1 ? -middle(edge)[0] : middle(edge)[1]);
    const named = edges.reduce((best, edge) => (out(edge) > out(best) ? edge : best));
    for (const edge of edges) {
      context.strokeStyle = css(edge === named ? "--muted" : "--rule"); context.globalAlpha = edge === named ? 1 : 0.6; context.lineWidth = 1;
      context.beginPath(); context.moveTo(...edge[0]); context.lineTo(...edge[1]); context.stroke();
    }
    const [x, y] = middle(named);
    context.globalAlpha = 1; context.fillStyle = css("--ink"); context.textBaseline = "middle"; context.textAlign = axis === 1 ? "right" : "center";
    context.fillText(nameOf(component), axis === 1 ? Math.max(context.measureText(nameOf(component)).width + 4, x - 8) : x, axis === 1 ? y : y + 16);
  });
}

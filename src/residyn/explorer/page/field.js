// Teleports: states moved to the points of a grid, followed over the sublayers after.

const moved = { playing: 0, shown: 0, scale: null };
const placesMoved = () => run.field.place.map(place => run.sublayers[place].label);
const reachable = () => run.field.steps[view.place].filter(place => place >= 0).length;

/** Scores of the targets at a step, which may lie between two: [x, y] each. */
function targetsAt(step) {
  const { positions, n_targets: n } = run.field, row = (view.host * run.field.place.length + view.place) * 2, from = Math.floor(step), share = step - from;
  const [xs, ys] = [positions.row(row), positions.row(row + 1)];
  const at = (values, k) => (share ? values[from * n + k] * (1 - share) + values[(from + 1) * n + k] * share : values[from * n + k]);
  return Array.from({ length: n }, (_, k) => [at(xs, k), at(ys, k)]);
}

const controlAt = step => {
  const path = place => [run.field.control.row(view.host * 2)[place], run.field.control.row(view.host * 2 + 1)[place]];
  const steps = run.field.steps[view.place], from = Math.floor(step), share = step - from, a = path(steps[from]);
  return share ? path(steps[from + 1]).map((value, k) => a[k] * (1 - share) + value * share) : a;
};

/** The mean over targets of what is left of the displacement at a step. */
const leftAt = (name, step) => {
  const values = run.field[name].row(view.host * run.field.place.length + view.place), n = run.field.n_targets;
  return meanOf(values.subarray(step * n, (step + 1) * n));
};

function drawFieldOn(context, width, height) {
  const last = reachable() - 1, points = [];
  for (let step = 0; step <= last; step++) points.push(...targetsAt(step), controlAt(step));
  const xs = span([points.map(point => point[0])]), ys = span([points.map(point => point[1])]);
  if (!xs || !ys) return null;
  const names = run.scores ? [nameOf(0), nameOf(1)] : ["PC 1", "PC 2"], scale = axes(context, width, height, [...xs, names[0]], [...ys, names[1]]);
  const until = Math.min(moved.shown, last), now = targetsAt(until), trails = [];
  for (let step = 0; step <= Math.floor(until); step++) trails.push(targetsAt(step));
  if (until % 1) trails.push(now);
  now.forEach((point, k) => {
    context.strokeStyle = css("--line"); context.globalAlpha = 0.45; context.lineWidth = 1;
    context.beginPath();
    trails.forEach((step, i) => context[i ? "lineTo" : "moveTo"](scale.x(step[k][0]), scale.y(step[k][1])));
    context.stroke();
    context.globalAlpha = 0.5; context.fillStyle = css("--muted");
    context.beginPath(); context.arc(scale.x(trails[0][k][0]), scale.y(trails[0][k][1]), 1.3, 0, 7); context.fill();
    context.globalAlpha = 1; context.fillStyle = css("--line");
    context.beginPath(); context.arc(scale.x(point[0]), scale.y(point[1]), 2.7, 0, 7); context.fill();
  });
  context.strokeStyle = css("--accent"); context.lineWidth = 2;
  context.beginPath();
  for (let step = 0; step <= Math.floor(until); step++) { const at = controlAt(step); context[step ? "lineTo" : "moveTo"](scale.x(at[0]), scale.y(at[1])); }
  const at = controlAt(until);
  context.lineTo(scale.x(at[0]), scale.y(at[1])); context.stroke();
  context.fillStyle = css("--accent");
  context.beginPath(); context.arc(scale.x(at[0]), scale.y(at[1]), 5.5, 0, 7); context.fill();
  return { ...scale, points: now };
}

function drawField() {
  const tab = byId("field");
  if (!run.field) { tab.replaceChildren(make("p", "small", "The run holds no teleports to a grid.")); return; }
  const step = Math.round(moved.shown), last = reachable() - 1, sublayer = run.field.steps[view.place][step], canvas = byId("field-chart");
  const { context, width, height } = fitted(canvas);
  moved.scale = drawFieldOn(context, width, height);
  byId("host").value = view.host; byId("place").value = view.place;
  byId("step").max = last; byId("step").value = step;
  const far = sublayer - run.field.place[view.place];
  byId("step-said").textContent = `After ${many(far, "sublayer")}`;
  const rho = leftAt("rho", step), size = leftAt("amplification", step);
  const told = `${many(run.field.n_targets, "state")} moved at ${placesMoved()[view.place]}, seen at ${run.sublayers[sublayer].label}. Of the displacement from the untouched path, the share left along itself is ρ = ${number(rho)} and its length ${number(size)} times what it was, in the mean over targets.`;
  byId("field-said").textContent = told;
  canvas.setAttribute("aria-label", told);
  byId("field-note").textContent = `Dots are moved states, small dots where they were put, the large dot the untouched path. ${run.field.note}`;
  drawFieldNumbers(step);
}

function drawFieldNumbers(current) {
  const details = byId("field-numbers");
  if (!details.open) return;
  const rows = [];
  for (let step = 0; step < reachable(); step++) {
    const at = targetsAt(step), [x, y] = controlAt(step);
    rows.push([run.sublayers[run.field.steps[view.place][step]].label, number(leftAt("rho", step), 4), number(leftAt("amplification", step), 4), number(meanOf(at.map(one => one[0])), 4), number(meanOf(at.map(one => one[1])), 4), number(x, 4), number(y, 4)]);
  }
  details.lastElementChild.replaceChildren(table("Teleports", ["seen at", "mean ρ", "mean amplification", "mean PC 1", "mean PC 2", "untouched PC 1", "untouched PC 2"], rows, current));
}

function playField() {
  if (moved.playing) { cancelAnimationFrame(moved.playing); moved.playing = 0; set({ step: Math.round(moved.shown) }); byId("field-play").textContent = "Play"; return; }
  const last = reachable() - 1;
  if (moved.shown >= last) moved.shown = 0;
  let before = performance.now(), due = before;
  const advance = now => {
    if (reduced()) { if (now >= due) { moved.shown = Math.min(last, Math.floor(moved.shown) + 1); due = now + 600; } }
    else moved.shown = Math.min(last, moved.shown + (2.2 * Math.min(100, now - before)) / 1000);
    before = now;
    drawField();
    if (moved.shown >= last) { moved.playing = 0; byId("field-play").textContent = "Play"; set({ step: last }); return; }
    moved.playing = requestAnimationFrame(advance);
  };
  byId("field-play").textContent = "Stop";
  moved.playing = requestAnimationFrame(advance);
}

function listenToField() {
  if (!run.field) return;
  fill(byId("host"), run.field.hosts.map((host, i) => [i, host]));
  fill(byId("place"), placesMoved().map((label, i) => [i, label]));
  byId("host").addEventListener("change", event => set({ host: Number(event.target.value) }));
  byId("place").addEventListener("change", event => set({ place: Number(event.target.value), step: 0 }));
  byId("step").addEventListener("input", event => set({ step: Number(event.target.value) }));
  byId("field-play").addEventListener("click", playField);
  byId("field-numbers").addEventListener("toggle", drawField);
}

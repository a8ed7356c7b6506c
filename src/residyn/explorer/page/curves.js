// Curves of every quantity over depth: interval, null, the paper's, the selection's.

const shownCurve = () => run.curves.find(one => one.name === view.curve) || run.curves[0];
const placesOf = axis => (axis === "transition" ? run.transitions : run.sublayers);
const OWN_SCALE = 2.5;

/** What may be drawn beside a curve: key, words, line. */
function besides(curve) {
  const found = [];
  if (curve.low.length && curve.axis !== "path") found.push({ key: "band", title: curve.band, start: true });
  curve.beside.forEach((one, i) => found.push({ key: `b${i}`, title: one.role === "null" ? `null: ${one.title}` : one.title, start: one.role === "null", values: one.value, role: one.role }));
  if (curve.paper.length) found.push({ key: "paper", title: "the paper’s, Llama 3.1 8B", start: true, values: curve.paper, role: "paper" });
  const other = ofOther(curve);
  if (other) found.push({ key: "other", title: `beside: ${link.other.title}`, start: true, values: other, role: "other" });
  return found;
}

/** Which of them are switched on: those of the start, but for the ones that `view.beside` turns about. */
const isOn = one => one.start !== view.beside.split(".").includes(one.key);

const LOOKS = { null: ["--null", [5, 3]], without: ["--block", [2, 2]], noise: ["--within", [1, 3]], paper: ["--muted", [8, 4]], other: ["--pick", [7, 2]] };

let curveScale = null;

function curveLines(curve) {
  const lines = [], largest = values => Math.max(...values.filter(Number.isFinite).map(Math.abs));
  for (const one of besides(curve)) {
    if (!one.values || !isOn(one)) continue;
    const [colour, dash] = LOOKS[one.role], even = one.role === "paper" || one.role === "other";
    const share = largest(one.values) / largest(curve.value);
    lines.push({ title: one.title, values: one.values, colour: css(colour), dash, width: 1.4, even, own: one.role === "paper" && (share > OWN_SCALE || share < 1 / OWN_SCALE) });
  }
  lines.push({ title: curve.statistic, values: curve.value, colour: css("--rule"), width: 1, dots: true });
  if (selection.rows.size && curve.samples) lines.push({ title: "mean over the selection", values: ofSelection(curve), colour: css("--accent"), width: 2.2 });
  return lines;
}

function drawCurveOn(context, width, height) {
  const curve = shownCurve();
  if (!curve) return null;
  if (curve.axis === "path") {
    if (!curve.samples) return null;
    const values = [...curve.samples.row(0)], parts = [[values, css("--cross")]];
    if (selection.rows.size) parts.push([[...selection.rows].map(row => values[row]), css("--accent")]);
    return drawHistogram(context, width, height, { parts, label: curve.label });
  }
  const band = curve.low.length && isOn({ key: "band", start: true }) ? { low: curve.low, high: curve.high } : null;
  return drawCurves(context, width, height, { places: placesOf(curve.axis), lines: curveLines(curve), band, marker: placeOf(curve, view.depth), label: curve.label });
}

const withInterval = (curve, place) => `${number(curve.value[place])}${curve.low.length && Number.isFinite(curve.low[place]) ? ` (${number(curve.low[place])} to ${number(curve.high[place])})` : ""}`;

function drawCurve() {
  const curve = shownCurve(), canvas = byId("curve-chart");
  if (!curve) { byId("curve-said").textContent = "The run holds no curves."; return; }
  byId("curve").value = curve.name;
  canvas.hidden = curve.axis === "path" && !curve.samples;
  if (!canvas.hidden) {
    const { context, width, height } = fitted(canvas);
    curveScale = drawCurveOn(context, width, height);
  }
  const place = placeOf(curve, view.depth), where = curve.axis === "path" ? "of the whole path" : placesOf(curve.axis)[place].label;
  const told = [`${curve.statistic}, ${where}: ${withInterval(curve, place)}`];
  for (const one of curve.beside) if (one.role === "null") told.push(`null (${one.title}): ${number(one.value[place])}`);
  if (ofOther(curve)) told.push(`beside, at the same share of the depth: ${number(ofOtherAt(ofOther(curve), place, curve.value.length))}`);
  if (selection.rows.size && curve.samples) told.push(`mean over the selection: ${number(ofSelection(curve)[place])}`);
  byId("curve-value").textContent = told.join(" · ");
  canvas.setAttribute("aria-label", `${curve.title}. ${told.join(". ")}`);
  byId("curve-said").textContent = [curve.definition, curve.source].filter(words => words && words !== "definition").join(". ");
  byId("beside").replaceChildren(...besides(curve).map(one => {
    const box = make("input"), look = one.role && LOOKS[one.role];
    box.type = "checkbox"; box.checked = isOn(one);
    box.addEventListener("change", () => {
      const turned = new Set(view.beside.split(".").filter(Boolean));
      if (!turned.delete(one.key)) turned.add(one.key);
      set({ beside: [...turned].join(".") });
    });
    const line = make("span", look ? "swatch line" : "swatch");
    if (look) { line.style.borderColor = css(look[0]); line.style.borderTopStyle = "dashed"; } else line.style.background = css("--band");
    const line2 = curveLines(curve).find(made => made.title === one.title && made.own);
    return make("label", "check", box, line, one.title + (line2 ? " (on a scale of its own)" : ""));
  }));
  drawClaimsOf(curve);
  drawCurveNumbers(curve, place);
}

function drawClaimsOf(curve) {
  const resting = run.verdicts.filter(claim => claim.criteria.some(one => one.curve === curve.name));
  byId("curve-claims").replaceChildren(...(resting.length ? [make("p", "small", "Claims that rest on this curve:")] : []), ...resting.map(claim => {
    const button = make("button", "", make("span", `mark ${claim.verdict.replaceAll(" ", "-")}`, claim.mark), ` ${claim.label}. ${claim.claim}`);
    button.type = "button";
    button.addEventListener("click", () => set({ tab: "verdicts", claim: claim.label }));
    return make("p", "small", button);
  }));
}

/** The table of what the chart shows: headings and rows, the first cell of each the place. */
function curveTable(curve) {
  const columns = [[curve.statistic, curve.value]];
  if (curve.low.length) columns.push([curve.band.startsWith("95") ? "interval from" : "quartile from", curve.low], ["to", curve.high]);
  for (const one of curve.beside) columns.push([one.title, one.value]);
  const other = ofOther(curve);
  if (other) columns.push([`beside: ${link.other.title}`, curve.value.map((_, i) => ofOtherAt(other, i, curve.value.length))]);
  if (selection.rows.size && curve.samples) columns.push(["mean over the selection", ofSelection(curve)]);
  const names = curve.axis === "path" ? ["whole path"] : placesOf(curve.axis).map(place => place.label);
  return { headings: [inOwnWords(curve.axis), ...columns.map(([title]) => title)], rows: names.map((name, i) => [name, ...columns.map(([, values]) => number(values[i], 5))]) };
}

function drawCurveNumbers(curve, place) {
  const details = byId("curve-numbers");
  if (!details.open) return;
  const { headings, rows } = curveTable(curve);
  details.lastElementChild.replaceChildren(table(curve.title, headings, rows, place));
}

function listenToCurves() {
  fill(byId("curve"), run.curves.map(curve => [curve.name, `${curve.panel ? `${curve.panel} · ` : ""}${curve.title}`, curve.panel || curve.paper.length ? "Figure 1" : curve.axis === "path" ? "Whole paths" : "Beyond it"]).sort((a, b) => ["Figure 1", "Beyond it", "Whole paths"].indexOf(a[2]) - ["Figure 1", "Beyond it", "Whole paths"].indexOf(b[2])));
  byId("curve").addEventListener("change", event => set({ curve: event.target.value, beside: "" }));
  byId("curve-numbers").addEventListener("toggle", drawCurve);
  listening(byId("curve-chart"), () => (shownCurve().axis === "path" ? null : curveScale), at => {
    const curve = shownCurve(), places = placesOf(curve.axis), place = Math.round(at);
    if (!places[place]) return null;
    const parts = [make("span", "meta", places[place].label), `${withInterval(curve, place)}`];
    for (const line of curveLines(curve)) if (!line.dots && !line.even) parts.push(make("br"), `${line.title}: ${number(line.values[place])}`);
    return parts;
  }, at => set({ depth: Math.max(0, Math.min(run.sublayers.length - 1, Math.round(at))) }));
}

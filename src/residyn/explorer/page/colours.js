// Colours that people see apart whatever their colour vision: Okabe & Ito 2008, cividis (Nuñez et al. 2018).

const CATEGORIES = [[0, 114, 178], [230, 159, 0], [0, 158, 115], [204, 121, 167], [86, 180, 233], [213, 94, 0], [240, 228, 66]];
const OTHER = [140, 136, 128];
const CIVIDIS = [[0, 34, 78], [35, 62, 108], [87, 93, 109], [124, 123, 120], [165, 156, 116], [211, 193, 100], [254, 232, 56]];
const DIVERGING = [[36, 64, 142], [120, 150, 214], [232, 230, 224], [226, 150, 92], [168, 66, 0]];

const isDark = () => matchMedia("(prefers-color-scheme: dark)").matches;
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const rgb = colour => `rgb(${colour.map(Math.round).join(",")})`;

function along(stops, share) {
  const place = Math.max(0, Math.min(1, share)) * (stops.length - 1), i = Math.min(stops.length - 2, Math.floor(place));
  return [0, 1, 2].map(k => stops[i][k] + (stops[i + 1][k] - stops[i][k]) * (place - i));
}

/** The end of the ramp that would be lost on the ground is left out. */
const ramp = share => along(CIVIDIS, isDark() ? 0.3 + 0.7 * share : 0.86 * share);

const category = number => CATEGORIES[number] || OTHER;

/** Ends between which a ramp goes: all but the outermost hundredths. */
function ends(values) {
  const known = Float64Array.from([...values].filter(Number.isFinite)).sort();
  if (!known.length) return [0, 1];
  const at = share => known[Math.round(share * (known.length - 1))];
  return at(0.01) < at(0.99) ? [at(0.01), at(0.99)] : [known[0], known[known.length - 1] || known[0] + 1];
}

/** The ways to colour: a name, its words, and for each sample a number. */
function colourings() {
  const { samples, curves } = run, found = [];
  if (samples.tokens.length > 1) found.push({ name: "token", title: "last token", numbers: samples.token, names: samples.tokens });
  if (samples.documents.length > 1) found.push({ name: "document", title: "document", numbers: samples.document, names: samples.documents });
  if (samples.length.length) found.push({ name: "length", title: "length (tokens)", values: () => samples.length });
  if (samples.position.length) found.push({ name: "position", title: "position (token)", values: () => samples.position });
  found.push({ name: "depth", title: "depth", depth: true });
  if (samples.oddness.some(Number.isFinite)) found.push({ name: "odd", title: "distance from the mean path", values: () => samples.oddness });
  if (isServed()) found.push({ name: "unit", title: "activation of the unit", values: activations, moves: true, ofUnit: true });
  for (const curve of curves) {
    if (curve.samples) found.push({ name: `q.${curve.name}`, title: curve.title, group: "At this depth", values: depth => curve.samples.row(placeOf(curve, depth)), moves: curve.axis !== "path" });
  }
  return found;
}

/** The place of a curve that belongs to a sublayer: itself, or the transition from it. */
const placeOf = (curve, depth) => (curve.axis === "path" ? 0 : Math.min(depth, (curve.axis === "sublayer" ? run.sublayers : run.transitions).length - 1));

/** For each sample three bytes, and what the legend says of them. */
function painted(colouring, depth) {
  const n = run.samples.label.length, colours = new Uint8Array(3 * n);
  if (colouring.depth) return { colours, legend: { title: "depth", ramp: true, ends: [run.sublayers[0].label, run.sublayers[run.sublayers.length - 1].label] } };
  if (colouring.numbers) {
    for (let i = 0; i < n; i++) colours.set(category(colouring.numbers[i]), 3 * i);
    const shown = colouring.names.slice(0, CATEGORIES.length).map((name, number) => ({ name, number, colour: category(number) }));
    if (colouring.names.length > CATEGORIES.length) shown.push({ name: `${colouring.names.length - CATEGORIES.length} others`, number: CATEGORIES.length, others: true, colour: OTHER });
    return { colours, legend: { title: colouring.title, categories: shown, numbers: colouring.numbers } };
  }
  const values = colouring.values(depth), [low, high] = ends(values);
  for (let i = 0; i < n; i++) colours.set(Number.isFinite(values[i]) ? ramp((values[i] - low) / (high - low || 1)) : OTHER, 3 * i);
  return { colours, legend: { title: colouring.title, ramp: true, ends: [number(low), number(high)] } };
}

// Units: maps of all of them over depth, and curves and the phase portrait of one.

const shownMap = () => run.units.maps.find(one => one.name === view.map) || run.units.maps[0];
const unitAt = [];

/** Units in the order of their mean in the last sublayer, as panel B has them. */
function unitOrder() {
  if (!unitAt.length) run.units.rank.forEach((rank, unit) => { unitAt[rank] = unit; });
  return unitAt;
}

const unitCurve = (map, unit) => Array.from({ length: map.values.rows }, (_, place) => map.values.row(place)[unit]);

/** The change a sublayer makes, as numpy's gradient: half the difference of both neighbours, whole at the ends. */
function gradient(values) {
  const last = values.length - 1;
  return values.map((value, i) => (last < 1 ? NaN : i === 0 ? values[1] - value : i === last ? value - values[last - 1] : (values[i + 1] - values[i - 1]) / 2));
}

/** Colours of a map's row: diverging about 0 where numbers have both signs, else from low to high. */
function mapColours(map) {
  if (map.colours) return map.colours;
  const some = [];
  for (let place = 0; place < map.values.rows; place++) some.push(...map.values.row(place).filter((_, i) => i % Math.max(1, Math.floor(map.values.n / 200)) === 0));
  const [low, high] = ends(some);
  const signed = low < 0 && high > 0 && Math.min(-low, high) > 0.02 * Math.max(-low, high), most = Math.max(-low, high);
  map.colours = signed ? { of: value => along(DIVERGING, 0.5 + (0.5 * value) / most), ends: [-most, most] } : { of: value => along(CIVIDIS, (value - low) / (high - low || 1)), ends: [low, high] };
  return map.colours;
}

const MAP = { left: 56, right: 8, top: 6, bottom: 30 };

function drawMapOn(context, width, height) {
  const map = shownMap(), colours = mapColours(map), places = map.values.rows, order = unitOrder(), n = run.units.n;
  const wide = Math.min(n, Math.max(1, Math.round((width - MAP.left - MAP.right) * 2))), image = new ImageData(wide, places);
  for (let place = 0; place < places; place++) {
    const row = map.values.row(place);
    for (let column = 0; column < wide; column++) {
      const value = row[order[Math.floor((column * n) / wide)]], colour = Number.isFinite(value) ? colours.of(value) : OTHER;
      image.data.set([...colour.map(Math.round), 255], 4 * (place * wide + column));
    }
  }
  const small = document.createElement("canvas");
  small.width = wide; small.height = places;
  small.getContext("2d").putImageData(image, 0, 0);
  const right = width - MAP.right, bottom = height - MAP.bottom, tall = (bottom - MAP.top) / places;
  context.imageSmoothingEnabled = false;
  context.drawImage(small, MAP.left, MAP.top, right - MAP.left, bottom - MAP.top);
  context.font = font(11); context.fillStyle = css("--muted"); context.textAlign = "right"; context.textBaseline = "middle";
  for (const [place, text] of layerTicks(placesOf(map.axis), (bottom - MAP.top) * 1.6)) context.fillText(text, MAP.left - 7, MAP.top + (place + 0.5) * tall);
  context.save(); context.translate(12, (MAP.top + bottom) / 2); context.rotate(-Math.PI / 2); context.textAlign = "center"; context.fillText(inOwnWords("layer"), 0, 0); context.restore();
  context.textAlign = "center"; context.textBaseline = "top";
  context.fillText(inOwnWords(width > 420 ? "units, in the order of their mean in the last sublayer" : "units, by their last mean"), (MAP.left + right) / 2, bottom + 9);
  context.strokeStyle = css("--accent"); context.lineWidth = 1.5;
  const x = MAP.left + ((run.units.rank[view.unit] + 0.5) / n) * (right - MAP.left), y = MAP.top + placeOf(map, view.depth) * tall;
  context.beginPath(); context.moveTo(x, MAP.top); context.lineTo(x, bottom); context.stroke();
  context.strokeRect(MAP.left + 0.5, y, right - MAP.left - 1, tall);
  return { left: MAP.left, right, place: pixel => order[Math.max(0, Math.min(n - 1, Math.floor(((pixel - MAP.left) / (right - MAP.left)) * n)))], depth: pixel => Math.max(0, Math.min(places - 1, Math.floor((pixel - MAP.top) / tall))) };
}

let mapScale = null;

/** The charts of one unit: the map that is shown, then mean, correlation and information, and the portrait. */
function unitCharts() {
  const named = ["mean_activation", "unit_correlation", "mutual_information"], maps = [shownMap()];
  for (const name of named) { const map = run.units.maps.find(one => one.name === name); if (map && !maps.includes(map)) maps.push(map); }
  const charts = maps.map(map => ({ title: map.title, units: map.units, draw: (context, width, height) => drawUnitCurve(context, width, height, map) }));
  const mean = run.units.maps.find(one => one.name === "mean_activation");
  if (mean) {
    charts.splice(1, 0, { title: "Phase portrait, from ring to dot", units: "", draw: (context, width, height) => {
      const x = unitCurve(mean, view.unit);
      drawPortrait(context, width, height, { x, y: gradient(x), marker: placeOf(mean, view.depth), xLabel: "mean activation", yLabel: "its gradient" });
    } });
  }
  return charts;
}

function drawUnitCurve(context, width, height, map) {
  const curve = run.curves.find(one => one.name === map.name || one.name.startsWith(`${map.name}.`)), values = unitCurve(map, view.unit);
  const lines = [];
  if (curve) lines.push({ values: curve.value, colour: css("--null"), width: 1.2, dash: [4, 3] });
  lines.push({ values, colour: css("--rule"), width: 1, dots: true });
  const ofThese = map.name === "mean_activation" ? activationsOfSelection() : null;
  if (ofThese) lines.push({ values: ofThese, colour: css("--accent"), width: 2 });
  return drawCurves(context, width, height, { places: placesOf(map.axis), lines, marker: placeOf(map, view.depth), label: map.units === "1" ? "" : map.units });
}

function drawUnits() {
  if (!run.units.maps.length) { byId("map-said").textContent = inOwnWords("The run holds nothing of single units."); return; }
  const map = shownMap(), canvas = byId("map-chart"), { context, width, height } = fitted(canvas), place = placeOf(map, view.depth);
  byId("map").value = map.name;
  byId("unit").value = view.unit;
  mapScale = drawMapOn(context, width, height);
  const here = `${inOwnWords("unit")} ${view.unit}, ${placesOf(map.axis)[place].label}: ${number(map.values.row(place)[view.unit])}`;
  canvas.setAttribute("aria-label", `${map.title} of all ${inOwnWords("units")} over depth. ${here}`);
  const [low, high] = mapColours(map).ends;
  byId("map-said").textContent = `${map.title} from ${number(low)} (dark${low < 0 ? " blue" : ""}) to ${number(high)} (${low < 0 ? "dark orange" : "yellow"}) · ${here} · click to choose a ${inOwnWords("unit")} and a depth. ${map.definition}`;
  const grid = byId("unit-charts"), charts = unitCharts();
  if (grid.children.length !== charts.length) grid.replaceChildren(...charts.map(() => make("figure", "", make("figcaption"), make("canvas", "chart"))));
  charts.forEach((chart, i) => {
    const figure = grid.children[i], drawn = fitted(figure.lastElementChild);
    figure.firstElementChild.textContent = chart.title;
    figure.lastElementChild.setAttribute("role", "img");
    figure.lastElementChild.setAttribute("aria-label", `${chart.title} of ${inOwnWords("unit")} ${view.unit}`);
    chart.draw(drawn.context, drawn.width, drawn.height);
  });
  const facts = run.units.facts.map(([title, values]) => `${title}: ${number(values[view.unit])}`);
  const left = run.units.left_out.length ? ` Not on this page for its size: ${run.units.left_out.join(", ")}.` : "";
  byId("unit-said").textContent = `${inOwnWords("Dashed: over all units.")} ${facts.join(" · ")}${left}`;
  drawUnitNumbers(place);
}

function drawUnitNumbers(place) {
  const details = byId("unit-numbers"), axis = shownMap().axis;
  if (!details.open) return;
  const maps = run.units.maps.filter(map => map.axis === axis), columns = maps.map(map => unitCurve(map, view.unit));
  const rows = placesOf(axis).map((one, i) => [one.label, ...columns.map(values => number(values[i], 4))]);
  details.lastElementChild.replaceChildren(table(`${inOwnWords("Unit")} ${view.unit}`, [inOwnWords(axis), ...maps.map(map => map.title)], rows, place));
}

function listenToUnits() {
  fill(byId("map"), run.units.maps.map(map => [map.name, map.title]));
  byId("unit").max = run.units.n - 1;
  byId("map").addEventListener("change", event => set({ map: event.target.value }));
  byId("unit").addEventListener("change", event => set({ unit: Math.max(0, Math.min(run.units.n - 1, Math.round(Number(event.target.value)) || 0)) }));
  byId("unit-numbers").addEventListener("toggle", drawUnits);
  listening(byId("map-chart"), () => mapScale, (unit, event) => {
    const map = shownMap(), place = mapScale.depth(event.offsetY);
    return [make("span", "meta", `${inOwnWords("unit")} ${unit}, ${placesOf(map.axis)[place].label}`), number(map.values.row(place)[unit])];
  }, (unit, event) => set({ unit, depth: Math.min(run.sublayers.length - 1, mapScale.depth(event.offsetY)) }));
}

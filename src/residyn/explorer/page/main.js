// Beginning: read the data, listen, draw what changed.

let run = null;
const TABS = ["samples", "curves", "units", "field", "maps", "verdicts"];

/** What the fragment says, within what the run holds. */
function limited(read) {
  const within = (value, n) => Math.max(0, Math.min(n - 1, Math.round(value) || 0));
  const components = run.scores ? run.scores.values.shape[0] : 3, n = run.samples.label.length;
  for (const axis of ["x", "y", "z"]) read[axis] = within(read[axis], components);
  read.depth = within(read.depth, run.sublayers.length);
  read.dims = read.dims === 3 && components > 2 ? 3 : 2;
  read.picked = read.picked >= 0 && read.picked < n ? Math.round(read.picked) : -1;
  read.unit = within(read.unit, run.units.n);
  read.tab = TABS.includes(read.tab) ? read.tab : "samples";
  read.zoom = zoomed(read.zoom || 1);
  if (run.field) { read.host = within(read.host, run.field.hosts.length); read.place = within(read.place, run.field.place.length); }
  read.network = run.maps ? within(read.network, run.maps.networks.length) : 0;
  read.step = run.field ? within(read.step, run.field.steps[read.place].filter(place => place >= 0).length) : 0;
  return read;
}

function start() {
  const components = run.scores ? run.scores.values.shape[0] : 0, ways = colourings();
  for (const axis of ["x", "y", "z"]) {
    const select = byId(`axis-${axis}`);
    fill(select, Array.from({ length: components }, (_, i) => [i, nameOf(i)]));
    select.addEventListener("change", event => set({ [axis]: Number(event.target.value), left: 0, down: 0 }));
  }
  fill(byId("by"), ways.map(one => [one.name, one.title, one.group]));
  byId("depth").max = Math.max(0, run.sublayers.length - 1);
  if (run.scores) paths.paint = painterOrWord(run.samples.label.length, run.sublayers.length);
  else noPaths("The run holds no principal components, and so no trajectories.");
  if (!run.names.of_a_model) sayInOwnWords();
  listenToPage();
  listenToPaths(); listenToSamples(); listenToCurves(); listenToUnits(); listenToField(); listenToMaps(); listenToHolder();
  onChange(changed => draw(changed, ways));
  const last = run.sublayers.length - 1, first = run.curves.find(curve => curve.name === "velocity") || run.curves[0];
  begin({ depth: last, by: ways[0].name, curve: first ? first.name : "", unit: run.units.rank.indexOf(run.units.n - 1), map: run.units.maps.length ? run.units.maps[0].name : "", y: Math.min(1, components - 1), z: Math.min(2, components - 1) }, limited);
  new ResizeObserver(refresh).observe(byId("picture"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
}

function painterOrWord(n, places) {
  try {
    const made = painter(byId("gl"), n, places);
    if (made) return made;
  } catch (error) { /* a driver that compiles no shader is as good as none */ }
  noPaths("This browser has no WebGL2, with which the paths are drawn. Here they stand still; everything else works.");
  return null;
}

function noPaths(why) {
  byId("picture").hidden = true;
  byId("no-gl").hidden = false;
  byId("why-no-gl").textContent = why;
}

function draw(changed, ways) {
  const any = (...names) => names.some(name => changed.has(name));
  if (!paths.playing) paths.shown = view.depth;
  if (!moved.playing) moved.shown = view.step;
  const colouring = ways.find(one => one.name === view.by) || ways[0];
  if (any("x", "y", "z", "same")) place();
  if (any("by", "picked", "chosen") || (changed.has("depth") && colouring.moves) || (changed.has("unit") && colouring.ofUnit)) recolour(ways);
  drawPaths();
  drawLegend();
  if (any("tab")) showTab();
  if (view.tab === "samples") { if (any("tab", "sort", "find", "picked", "chosen") || (any("by", "depth") && ["high", "low"].includes(view.sort))) drawList(ways); if (any("tab", "picked", "chosen")) drawText(); drawLargest(); }
  if (view.tab === "curves") drawCurve();
  if (view.tab === "units") drawUnits();
  if (view.tab === "field") drawField();
  if (view.tab === "maps") drawMaps();
  if (view.tab === "verdicts" && any("tab", "claim")) { drawVerdicts(); scrollToClaim(); }
  tellControls();
  document.documentElement.dataset.ready = "yes";
}

function tellControls() {
  const pressed = (id, on) => byId(id).setAttribute("aria-pressed", String(Boolean(on)));
  pressed("flat", view.dims === 2); pressed("deep", view.dims === 3); pressed("move", !view.brush); pressed("brush", view.brush);
  byId("z-label").hidden = view.dims === 2;
  for (const axis of ["x", "y", "z"]) byId(`axis-${axis}`).value = view[axis];
  byId("by").value = view.by; byId("sort").value = view.sort; byId("same").checked = Boolean(view.same);
  if (byId("find").value !== view.find) byId("find").value = view.find;
  byId("gl").classList.toggle("brushing", Boolean(view.brush));
  byId("depth").value = view.depth;
  const place = run.sublayers[view.depth], said = place ? `${place.label} · ${view.depth + 1}/${run.sublayers.length}` : "";
  byId("where").textContent = said;
  byId("depth").setAttribute("aria-valuetext", said);
  const told = summaryText();
  if (byId("said").textContent !== told) byId("said").textContent = told;
}

function showTab() {
  for (const name of TABS) {
    const tab = byId(`tab-${name}`), here = name === view.tab;
    byId(name).hidden = !here;
    tab.setAttribute("aria-selected", String(here));
    tab.tabIndex = here ? 0 : -1;
  }
}

function listenToPage() {
  byId("flat").addEventListener("click", () => set({ dims: 2, zoom: 1, left: 0, down: 0 }));
  byId("deep").addEventListener("click", () => set({ dims: 3, zoom: 1, left: 0, down: 0 }));
  byId("deep").disabled = !run.scores || run.scores.values.shape[0] < 3;
  byId("move").addEventListener("click", () => set({ brush: 0 }));
  byId("brush").addEventListener("click", () => set({ brush: 1 }));
  byId("fit").addEventListener("click", everything);
  byId("near").addEventListener("click", nearer);
  byId("same").addEventListener("change", event => set({ same: event.target.checked ? 1 : 0 }));
  byId("by").addEventListener("change", event => set({ by: event.target.value }));
  byId("depth").addEventListener("input", event => set({ depth: Number(event.target.value) }));
  byId("play").addEventListener("click", play);
  byId("keys").addEventListener("click", () => { const help = byId("help"); help.hidden = !help.hidden; byId("keys").setAttribute("aria-expanded", String(!help.hidden)); });
  byId("copy").hidden = holder() === "notebook";
  byId("copy").addEventListener("click", copyLink);
  byId("save").addEventListener("click", savePicture);
  TABS.forEach((name, i) => {
    byId(`tab-${name}`).addEventListener("click", () => set({ tab: name }));
    byId(`tab-${name}`).addEventListener("keydown", event => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = TABS[(i + step + TABS.length) % TABS.length];
      set({ tab: next });
      byId(`tab-${next}`).focus();
      event.preventDefault();
    });
  });
  document.addEventListener("keydown", event => {
    const typing = event.target.closest && event.target.closest("input:not([type=checkbox]):not([type=range]), select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const pressed = event.target.closest && event.target.closest("button, summary, a, input[type=checkbox]");
    if (event.key === " " && pressed) return;
    const last = run.sublayers.length - 1, act = {
      ",": () => set({ depth: Math.max(0, view.depth - 1) }), ".": () => set({ depth: Math.min(last, view.depth + 1) }), " ": play,
      n: () => nextText(1), p: () => nextText(-1), s: () => { if (view.picked >= 0) selection.toggle(view.picked); },
      Escape: () => { selection.write(new Set()); set({ picked: -1 }); },
    }[event.key];
    const tab = TABS[Number(event.key) - 1];
    if (act) act(); else if (tab) set({ tab }); else return;
    event.preventDefault();
  });
}

async function copyLink() {
  spell();
  let told = "Copied";
  try { await navigator.clipboard.writeText(holder() === "pair" ? parent.location.href : location.href); } catch { told = "It is in the address bar"; }
  const button = byId("copy"), before = "Copy link to this view";
  button.textContent = told;
  setTimeout(() => { button.textContent = before; }, 1600);
}

read().then(found => { run = found; start(); }, error => {
  noPaths(`The data of this page cannot be read (${error.message}). A browser of 2023 or later is needed.`);
});

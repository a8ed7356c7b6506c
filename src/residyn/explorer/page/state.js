// The view: everything that can be chosen, in one record that the URL's fragment spells.

const DEFAULTS = {
  tab: "samples", depth: 0, dims: 2, x: 0, y: 1, z: 2, by: "token", same: 0, brush: 0,
  yaw: 0.6, pitch: 0.35, zoom: 1, left: 0, down: 0,
  picked: -1, chosen: "", sort: "odd", find: "",
  curve: "", beside: "", map: "", unit: 0, host: 0, place: 0, step: 0, network: 0, claim: "",
};
const view = { ...DEFAULTS };
const listeners = [];
let changed = new Set(), waiting = false, starting = {}, show = () => {};

/** Call `draw(changed names)` after changes, once a frame. */
function onChange(draw) { listeners.push(draw); }

function set(changes) {
  for (const [name, value] of Object.entries(changes)) {
    if (view[name] !== value) { view[name] = value; changed.add(name); }
  }
  if (changed.size && !waiting) { waiting = true; requestAnimationFrame(tell); }
}

function tell() {
  waiting = false;
  const names = changed;
  changed = new Set();
  for (const draw of listeners) draw(names);
  spell();
}

/** Everything is to be drawn anew. */
function refresh() { set({}); for (const name of Object.keys(view)) changed.add(name); if (!waiting) { waiting = true; requestAnimationFrame(tell); } }

const rounded = value => (typeof value === "number" ? Math.round(value * 1000) / 1000 : value);

/** These choices, spelled. */
const spelled = names => new URLSearchParams(names.map(name => [name, rounded(view[name])])).toString();

const fragment = () => spelled(Object.keys(DEFAULTS).filter(name => rounded(view[name]) !== rounded(starting[name])));

function spell() {
  const now = fragment();
  if (now === location.hash.slice(1)) return;
  try { history.replaceState(null, "", now ? `#${now}` : location.pathname + location.search); } catch { /* a page inside another has no address of its own */ }
}

/** The view that a fragment spells; whatever it does not spell well stays as it is in `read`. */
function parsed(text, read) {
  for (const [name, value] of new URLSearchParams(text)) {
    if (!(name in DEFAULTS)) continue;
    if (typeof DEFAULTS[name] === "string") read[name] = value;
    else if (Number.isFinite(Number(value))) read[name] = Number(value);
  }
  return read;
}

/** Begin with the run's own first view, or the one that the fragment spells. */
function begin(own, limited) {
  starting = { ...DEFAULTS, ...own };
  show = text => { Object.assign(view, limited(parsed(text, { ...starting }))); selection.read(view.chosen); refresh(); };
  const load = () => show(location.hash.slice(1));
  window.addEventListener("hashchange", load);
  load();
}

/** The samples that are selected: rows of the page's arrays. */
const selection = {
  rows: new Set(),
  read(text) {
    this.rows = new Set();
    for (const part of text.split(".")) {
      const [first, last] = part.split("-").map(word => parseInt(word, 36));
      if (!Number.isInteger(first)) continue;
      for (let row = first; row <= (Number.isInteger(last) ? last : first) && row < run.samples.label.length; row++) this.rows.add(row);
    }
  },
  /** Ranges of rows, base 36: "0-5.a" are the rows 0 to 5 and 10. */
  write(rows) {
    this.rows = rows;
    const sorted = [...rows].sort((a, b) => a - b), parts = [];
    for (let i = 0; i < sorted.length; ) {
      let j = i;
      while (sorted[j + 1] === sorted[j] + 1) j++;
      parts.push(i === j ? sorted[i].toString(36) : `${sorted[i].toString(36)}-${sorted[j].toString(36)}`);
      i = j + 1;
    }
    set({ chosen: parts.join(".") });
  },
  toggle(row) {
    const rows = new Set(this.rows);
    if (!rows.delete(row)) rows.add(row);
    this.write(rows);
  },
};

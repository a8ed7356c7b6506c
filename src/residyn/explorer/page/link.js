// Held by a page with another run beside it, or by a notebook: what is seen is told, and what is told is followed.

const holder = () => { const found = document.querySelector("meta[name=residyn-holder]"); return found ? found.content : ""; };
const FOLLOWED = ["tab", "dims", "x", "y", "z", "by", "same", "brush", "yaw", "pitch", "sort", "find", "curve", "beside", "map", "claim"];
const CHOSEN_IN = { by: "by", curve: "curve", map: "map" };
const link = { told: "", fragment: "", other: null, digest: "", waiting: new Map() };

/** To whoever holds this page: a page of the same address, or a notebook, whose address this page cannot know. */
const tellHolder = message => parent.postMessage({ residyn: true, ...message }, holder() === "pair" ? location.origin : "*");

/** A number that texts and labels of two runs share where they are the same. */
function digestOfTexts() {
  const { label, text } = run.samples, rows = label.map((_, row) => row).sort((a, b) => label[a] - label[b]);
  let found = 2166136261;
  for (const row of rows) for (const letter of `${label[row]}:${text[row]}\n`) found = Math.imul(found ^ letter.codePointAt(0), 16777619);
  return `${rows.length}.${found >>> 0}`;
}

/** What another run can follow: choices, the share of the depth, and which texts, by their labels. */
function followed() {
  const last = run.sublayers.length - 1;
  return {
    choices: spelled(FOLLOWED),
    depth: last > 0 ? view.depth / last : 0,
    texts: link.digest,
    picked: view.picked < 0 ? null : run.samples.label[view.picked],
    selected: [...selection.rows].map(row => run.samples.label[row]),
  };
}

function follow({ choices, depth, texts, picked, selected }) {
  const read = limited(parsed(String(choices), { ...view })), changes = {};
  for (const name of FOLLOWED) {
    const select = CHOSEN_IN[name] && byId(CHOSEN_IN[name]);
    if (!select || [...select.options].some(one => one.value === read[name])) changes[name] = read[name];
  }
  if (Number.isFinite(depth)) changes.depth = Math.round(Math.max(0, Math.min(1, depth)) * (run.sublayers.length - 1));
  if (texts === link.digest && Array.isArray(selected)) {
    const wanted = new Set(selected), { label } = run.samples;
    changes.picked = picked === null ? -1 : label.indexOf(picked);
    selection.write(new Set(label.flatMap((one, row) => (wanted.has(one) ? [row] : []))));
  }
  set(changes);
  link.told = JSON.stringify(followed());
}

/** Tell what is seen, where it is something else than what was told, or followed, last. */
function tellView(first) {
  const now = followed(), said = JSON.stringify(now), place = run.sublayers[view.depth];
  if (!first && said === link.told && fragment() === link.fragment) return;
  tellHolder({ kind: "view", first, fragment: fragment(), sublayer: place ? place.label : "", unit: view.unit, follow: first || said === link.told ? null : now, picked: now.picked, selected: now.selected });
  link.told = said;
  link.fragment = fragment();
}

function listenToHolder() {
  if (!holder()) return;
  document.documentElement.classList.add("held");
  link.digest = digestOfTexts();
  let first = true;
  onChange(() => { tellView(first); first = false; });
  window.addEventListener("message", event => {
    const told = event.data;
    if (event.source !== parent || !told || told.residyn !== true) return;
    if (told.kind === "follow") follow(told.follow);
    if (told.kind === "show") show(String(told.fragment));
    if (told.kind === "curves") { link.other = told; refresh(); }
    if (told.kind === "answer" && link.waiting.has(told.path)) { link.waiting.get(told.path)(told); link.waiting.delete(told.path); }
  });
  const curves = run.curves.filter(curve => curve.axis !== "path").map(curve => [curve.name, curve.value]);
  tellHolder({ kind: "curves", title: run.title.replace(/^The residual stream of /, ""), curves: Object.fromEntries(curves) });
}

/** The other run's values of a curve, over its own depth; null without another run, or where it has none. */
const ofOther = curve => (link.other && curve.axis !== "path" && link.other.curves[curve.name]) || null;

/** The other run's value at the place of the same share of the depth. */
const ofOtherAt = (values, place, places) => values[Math.round((places > 1 ? place / (places - 1) : 0) * (values.length - 1))];

/** Bytes that a notebook holds. */
const askHolder = path => new Promise((found, failed) => {
  link.waiting.set(path, told => (told.failed ? failed(new Error(told.failed)) : found(told.bytes)));
  tellHolder({ kind: "ask", path });
});

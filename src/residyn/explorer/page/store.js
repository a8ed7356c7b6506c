// What a viewer, or a notebook, reads out of the states on demand: activations of one unit, and of one sample.

const isServed = () => document.querySelector("meta[name=residyn-viewer]") !== null;
const LARGEST = 8;
const fetched = new Map();

/** Numbers that the viewer has, in rows of n; null until they are there. `told` of a failure stands in their place. */
function asked(path, n) {
  if (!fetched.has(path)) {
    fetched.set(path, null);
    (holder() === "notebook" ? askHolder(path) : fetchBytes(path)).then(bytes => {
      const values = new Float32Array(bytes);
      fetched.set(path, { row: place => values.subarray(place * n, (place + 1) * n) });
    }).catch(error => fetched.set(path, { failed: error.message, row: () => new Float32Array(n).fill(NaN) })).then(refresh);
  }
  return fetched.get(path);
}

async function fetchBytes(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.arrayBuffer();
}

/** The activation of the unit in every text, at a depth; NaN until it is there. */
function activations(depth) {
  const n = run.samples.label.length, found = isServed() ? asked(`unit/${view.unit}`, n) : null;
  return found ? found.row(depth) : new Float32Array(n).fill(NaN);
}

/** The mean activation of the unit over the selection at each sublayer; null where nothing is selected, or not yet there. */
function activationsOfSelection() {
  const found = isServed() && selection.rows.size ? asked(`unit/${view.unit}`, run.samples.label.length) : null;
  return found && run.sublayers.map((_, place) => { const values = found.row(place); return meanOf([...selection.rows].map(row => values[row])); });
}

/** The units that are largest in the shown text at this depth, each a way to its curves. */
function drawLargest() {
  const box = byId("largest"), here = isServed() && view.picked >= 0;
  box.hidden = !here;
  if (!here) return;
  const found = asked(`sample/${run.samples.label[view.picked]}`, run.units.n);
  if (!found || found.failed) { box.replaceChildren(make("span", "small", found ? found.failed : "Reading the states …")); return; }
  const values = found.row(view.depth), units = Array.from(values, (_, unit) => unit).sort((a, b) => Math.abs(values[b]) - Math.abs(values[a])).slice(0, LARGEST);
  box.replaceChildren(make("span", "small", `${inOwnWords("Largest units of this text")} at ${run.sublayers[view.depth].label}:`), ...units.map(unit => {
    const button = make("button", "", `${unit}: ${number(values[unit])}`);
    button.type = "button";
    button.addEventListener("click", () => set({ unit, tab: "units" }));
    return button;
  }));
}

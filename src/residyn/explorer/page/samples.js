// The texts: the one that is shown, and lists of them.

const SHOWN_IN_LIST = 60;
const SORTS = [
  ["odd", "Oddest trajectories"], ["typical", "Most typical trajectories"], ["long", "Longest texts"],
  ["short", "Shortest texts"], ["high", "Highest by colour"], ["low", "Lowest by colour"], ["order", "Order of the texts"],
];

function sortedRows(colourings) {
  const { label, length, oddness, text } = run.samples, wanted = view.find.trim().toLowerCase();
  const rows = label.map((_, row) => row).filter(row => !wanted || text[row].toLowerCase().includes(wanted) || String(label[row]) === wanted);
  const colouring = colourings.find(one => one.name === view.by), shade = colouring && (colouring.values ? colouring.values(view.depth) : colouring.numbers);
  const by = {
    odd: row => -oddness[row], typical: row => oddness[row], long: row => -length[row], short: row => length[row],
    high: row => -(shade ? shade[row] : 0), low: row => (shade ? shade[row] : 0), order: row => label[row],
  }[view.sort] || (row => -oddness[row]);
  const last = value => (Number.isFinite(value) ? value : Infinity);
  return rows.sort((a, b) => last(by(a)) - last(by(b)) || a - b);
}

let listed = [];

function drawList(colourings) {
  listed = sortedRows(colourings);
  const list = byId("list"), colouring = colourings.find(one => one.name === view.by);
  const told = row => {
    if (view.sort === "long" || view.sort === "short") return many(run.samples.length[row], "token");
    if ((view.sort === "high" || view.sort === "low") && colouring && colouring.values) return number(colouring.values(view.depth)[row]);
    return Number.isFinite(run.samples.oddness[row]) ? `${number(run.samples.oddness[row], 2)} ×` : "";
  };
  list.replaceChildren(...listed.slice(0, SHOWN_IN_LIST).map(row => {
    const chosen = selection.rows.has(row);
    const button = make("button", "", make("span", chosen ? "id in" : "id", `${chosen ? "● " : ""}${run.samples.label[row]}`), make("span", "end", make("bdi", "", ending(row, 110))), make("span", "score", told(row)));
    button.type = "button";
    if (row === view.picked) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => pick(row));
    const item = make("li");
    item.append(button);
    return item;
  }));
  byId("more").textContent = listed.length > SHOWN_IN_LIST ? `The first ${SHOWN_IN_LIST} of ${many(listed.length, "text")}.` : many(listed.length, "text");
  byId("take").disabled = !listed.length || listed.length === run.samples.label.length;
  byId("clear").disabled = !selection.rows.size;
}

function drawText() {
  const row = view.picked, article = byId("text");
  if (row < 0) {
    article.replaceChildren(make("p", "meta", inOwnWords("No text is shown. Click a path or a line of the list. × is how far a path lies from the mean path: 1 is the typical distance.")));
    return;
  }
  const text = run.samples.text[row], last = run.samples.tokens[run.samples.token[row]] || "";
  const tail = last.startsWith("“") && text.endsWith(last.slice(1, -1)) ? last.slice(1, -1) : "";
  const words = make("p", "words", text.slice(0, text.length - tail.length));
  if (tail) words.append(make("span", "last", tail));
  if (!text && run.names.of_a_model) words.append("The run does not hold the texts.");
  const button = make("button", "", selection.rows.has(row) ? "Take out of the selection" : "Put into the selection");
  button.type = "button";
  button.addEventListener("click", () => selection.toggle(row));
  article.replaceChildren(make("p", "meta", metaOf(row)), words, make("p", "small", button));
}

function listenToSamples() {
  fill(byId("sort"), SORTS.map(([name, words]) => [name, inOwnWords(words)]));
  byId("sort").addEventListener("change", event => set({ sort: event.target.value }));
  byId("find").addEventListener("input", event => set({ find: event.target.value }));
  byId("take").addEventListener("click", () => selection.write(new Set(listed)));
  byId("clear").addEventListener("click", () => selection.write(new Set()));
}

/** The next text of the list, or the one before. */
function nextText(step) {
  if (!listed.length) return;
  const at = listed.indexOf(view.picked);
  set({ picked: listed[at < 0 ? 0 : (at + step + listed.length) % listed.length] });
}

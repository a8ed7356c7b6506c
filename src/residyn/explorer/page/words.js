// Numbers, summaries and tables in words.

function number(value, digits = 3) {
  if (!Number.isFinite(value)) return value === Infinity ? "∞" : value === -Infinity ? "−∞" : "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  let text;
  if (size >= 10 ** digits - 0.5) text = size < 1e7 ? Math.round(value).toLocaleString("en-GB") : value.toExponential(2);
  else text = size < 1e-4 ? value.toExponential(digits - 1) : String(Number(value.toPrecision(digits)));
  return text.replace("-", "−");
}

const percent = share => (Number.isFinite(share) ? `${number(100 * share, 2)} %` : "");
/** Words of a model in the run's own: a recording has neither layers nor texts. */
function inOwnWords(words) {
  if (run.names.of_a_model) return words;
  const own = { sublayer: run.names.depth, layer: run.names.depth, unit: run.names.unit, text: "sample" };
  return words.replace(/\b(sublayer|layer|unit|text)(s?)\b/gi, (found, one, more) => {
    const word = own[one.toLowerCase()] + more;
    return one[0] === one[0].toUpperCase() ? word[0].toUpperCase() + word.slice(1) : word;
  });
}

/** The page's own words, before anything of the run stands among them. */
function sayInOwnWords() {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT, node => (node.parentElement.closest(".head > :not(.tools), script, style, .notes") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT));
  while (walk.nextNode()) walk.currentNode.nodeValue = inOwnWords(walk.currentNode.nodeValue);
  byId("find").placeholder = inOwnWords(byId("find").placeholder);
}

const many = (n, one) => `${n.toLocaleString("en-GB")} ${inOwnWords(one)}${n === 1 ? "" : "s"}`;

/** An element with a class, and texts or elements in it. Texts are text, whatever they hold. */
function make(kind, name, ...parts) {
  const element = document.createElement(kind);
  if (name) element.className = name;
  element.append(...parts);
  return element;
}

function option(value, text) {
  const made = make("option", "", text);
  made.value = value;
  return made;
}

/** Fill a select with [value, text, group]. */
function fill(select, entries) {
  select.replaceChildren();
  let group = null, into = select;
  for (const [value, text, label] of entries) {
    if (label !== group) {
      group = label;
      into = select;
      if (label) { into = make("optgroup"); into.label = label; select.append(into); }
    }
    into.append(option(value, text));
  }
}

/** A table; rows are arrays whose first cell names them. `current` is the row to mark. */
function table(caption, headings, rows, current = -1) {
  const made = make("table"), head = make("tr"), body = make("tbody");
  made.append(make("caption", "hidden", caption));
  for (const heading of headings) { const cell = make("th", "", heading); cell.scope = "col"; head.append(cell); }
  rows.forEach((row, i) => {
    const line = make("tr");
    row.forEach((cell, k) => { const made = make(k ? "td" : "th", "", cell); if (!k) made.scope = "row"; line.append(made); });
    if (i === current) line.setAttribute("aria-current", "true");
    body.append(line);
  });
  const top = make("thead");
  top.append(head);
  made.append(top, body);
  return made;
}

/** The end of a text, where it is read. */
const ending = (row, length) => {
  const text = run.samples.text[row];
  return text.length > length ? `…${text.slice(-length)}` : text || `sample ${run.samples.label[row]}`;
};

function metaOf(row) {
  const { label, length, token, tokens, document, documents, oddness } = run.samples, said = [`sample ${label[row]}`];
  if (length.length) said.push(many(length[row], "token"));
  if (tokens.length) said.push(`ends in ${tokens[token[row]]}`);
  if (documents.length > 1) said.push(documents[document[row]]);
  if (Number.isFinite(oddness[row])) said.push(`${number(oddness[row], 2)} × the typical distance from the mean path`);
  return said.join(" · ");
}

/** What is seen, in a few sentences. */
function summaryText() {
  const n = run.samples.label.length, chosen = selection.rows, parts = [];
  parts.push(chosen.size ? `${chosen.size.toLocaleString("en-GB")} of ${many(n, "text")} selected` : `${many(n, "text")}, none selected`);
  if (run.sublayers.length) parts.push(`state ${run.sublayers[view.depth].label}`);
  const told = [parts.join(", ") + "."];
  const curve = run.curves.find(one => one.name === view.curve);
  if (curve && curve.axis !== "path" && run.sublayers.length) {
    const place = placeOf(curve, view.depth), value = curve.value[place];
    let said = `${curve.title} here: ${number(value)}`;
    if (curve.low.length) said += ` (${number(curve.low[place])} to ${number(curve.high[place])})`;
    if (chosen.size && curve.samples) said += `; of the selection: ${number(ofSelection(curve)[place])}`;
    told.push(said + ".");
  }
  if (view.picked >= 0) told.push(`Shown: sample ${run.samples.label[view.picked]}, “${ending(view.picked, 60)}”.`);
  if (run.samples.note) told.push(`${run.samples.note}.`);
  if (run.scores && run.scores.note) told.push(run.scores.note);
  return told.join(" ");
}

/** The mean over the selection at each place of a curve that has a value for each sample. */
function ofSelection(curve) {
  const rows = [...selection.rows], made = [];
  for (let place = 0; place < curve.samples.rows; place++) {
    const values = curve.samples.row(place);
    made.push(meanOf(rows.map(row => values[row])));
  }
  return made;
}

// Claims: their verdicts, and the way to the panel that each rests on.

function drawVerdicts() {
  const list = byId("claims");
  if (!run.verdicts.length) { list.replaceChildren(make("li", "small", "The paper’s claims were not judged.")); return; }
  list.replaceChildren(...run.verdicts.map(claim => {
    const line = make("div", "head-line", make("span", `mark ${claim.verdict.replaceAll(" ", "-")}`, claim.mark), make("span", "", make("span", "name", `${claim.label}. ${claim.claim}`), make("span", "said-of", ` — ${claim.said}`)));
    const item = make("li", "", line, make("p", "sentence", claim.sentence), waysTo(claim));
    if (claim.label === view.claim) item.setAttribute("aria-current", "true");
    return item;
  }));
}

/** Buttons to the curves, the teleports or the local maps that a claim's statistics are of. */
function waysTo(claim) {
  const ways = make("p", "where"), curves = [...new Set(claim.criteria.map(one => one.curve).filter(Boolean))];
  const add = (text, go) => { const button = make("button", "", text); button.type = "button"; button.addEventListener("click", go); ways.append(button); };
  for (const name of curves) {
    const curve = run.curves.find(one => one.name === name);
    if (curve) add(`${claim.letter ? `Panel ${claim.letter}: ` : ""}${curve.title}`, () => set({ tab: "curves", curve: name, beside: "", claim: claim.label }));
  }
  if (claim.shown_in === "teleports") add("Panel L: teleports", () => set({ tab: "field", claim: claim.label }));
  if (claim.shown_in === "maps") add("Local maps", () => set({ tab: "maps", claim: claim.label }));
  return ways;
}

function scrollToClaim() {
  const item = byId("claims").querySelector("[aria-current]");
  if (item) item.scrollIntoView({ block: "nearest" });
}

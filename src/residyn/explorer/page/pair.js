// Two runs beside each other, each in a frame; the whole view is in the fragment.

const frames = [...document.querySelectorAll("iframe")], linkedBox = document.getElementById("linked");
const said = new URLSearchParams(location.hash.slice(1)), seen = frames.map((_, i) => said.get(String(i)) || "");
linkedBox.checked = said.get("linked") !== "0";

function spell() {
  const now = new URLSearchParams();
  seen.forEach((fragment, i) => { if (fragment) now.set(String(i), fragment); });
  if (!linkedBox.checked) now.set("linked", "0");
  history.replaceState(null, "", now.toString() ? `#${now}` : location.pathname);
}

const held = hold(frames, location.origin, {
  linked: () => linkedBox.checked,
  onView: (i, told) => { seen[i] = told.fragment; spell(); },
});
linkedBox.addEventListener("change", spell);
window.addEventListener("hashchange", () => {
  const told = new URLSearchParams(location.hash.slice(1));
  linkedBox.checked = told.get("linked") !== "0";
  frames.forEach((_, i) => held.show(i, told.get(String(i)) || ""));
});
frames.forEach((frame, i) => { frame.src = `${i}/${seen[i] ? `#${seen[i]}` : ""}`; });

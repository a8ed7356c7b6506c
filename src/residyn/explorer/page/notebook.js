// One or two explorers in the output of a notebook's cell: what is seen stands in the model, and what is set there is shown.

function render({ model, el }) {
  const pages = model.get("pages"), box = document.createElement("div");
  box.style.display = "grid";
  box.style.gridTemplateColumns = `repeat(auto-fit, minmax(min(100%, 34rem), 1fr))`;
  const frames = pages.map((page, i) => {
    const frame = document.createElement("iframe");
    frame.title = `residyn explorer: ${model.get("names")[i]}`;
    // Its own script and saving its picture: neither the notebook nor the network.
    frame.setAttribute("sandbox", "allow-scripts allow-downloads");
    Object.assign(frame.style, { width: "100%", height: `${model.get("height")}px`, border: "0" });
    return frame;
  });
  box.append(...frames);
  el.append(box);
  // What each page said last: a view that comes back from the model is not shown again over a newer one.
  const seen = pages.map(() => null);
  const held = hold(frames, "*", {
    linked: () => true,
    onView: (i, told) => {
      // A page is there: what was set before it was, it shows now.
      const wanted = model.get("views")[i], begins = seen[i] === null;
      seen[i] = told.fragment;
      if (begins && wanted && wanted !== told.fragment) { held.show(i, wanted); return; }
      const put = (name, value) => model.set(name, model.get(name).map((old, k) => (k === i ? value : old)));
      put("views", told.fragment);
      if (i === 0) { model.set("sublayer", told.sublayer); model.set("unit", told.unit); model.set("picked", told.picked); model.set("selected", told.selected); }
      model.save_changes();
    },
    onAsk: (i, path) => model.send({ ask: path, of: i }),
  });
  const changed = () => model.get("views").forEach((fragment, i) => { if (seen[i] !== null && fragment !== seen[i]) held.show(i, fragment); });
  const answered = (told, buffers) => {
    if (told.answer === undefined) return;
    const view = buffers[0], bytes = view && view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
    held.answer(told.of, told.answer, told.failed ? { failed: told.failed } : { bytes });
  };
  model.on("change:views", changed);
  model.on("msg:custom", answered);
  frames.forEach((frame, i) => { frame.srcdoc = pages[i]; });
  return () => { held.stop(); model.off("change:views", changed); model.off("msg:custom", answered); };
}

export default { render };

// Whoever holds pages of runs: which says what, and which follows.

/**
 * Listen to the pages in these frames. `options.linked()` says whether one follows another, `onView(i, told)` hears what
 * is seen in a frame, `onAsk(i, path)` what it asks for. `show(i, fragment)` and `answer(i, path, told)` speak to one.
 */
function hold(frames, origin, { linked, onView, onAsk }) {
  const curves = frames.map(() => null);
  const say = (i, message, moved) => frames[i].contentWindow && frames[i].contentWindow.postMessage({ residyn: true, ...message }, origin, moved || []);
  const others = i => frames.map((_, k) => k).filter(k => k !== i);
  const heard = event => {
    const i = frames.findIndex(frame => frame.contentWindow === event.source), told = event.data;
    if (i < 0 || !told || told.residyn !== true) return;
    if (told.kind === "curves") {
      curves[i] = { kind: "curves", title: told.title, curves: told.curves };
      for (const k of others(i)) if (curves[k]) { say(i, curves[k]); say(k, curves[i]); }
    }
    if (told.kind === "view") {
      if (told.follow && linked()) for (const k of others(i)) say(k, { kind: "follow", follow: told.follow });
      onView(i, told);
    }
    if (told.kind === "ask" && onAsk) onAsk(i, told.path);
  };
  window.addEventListener("message", heard);
  return {
    show: (i, fragment) => say(i, { kind: "show", fragment }),
    answer: (i, path, told) => say(i, { kind: "answer", path, ...told }),
    stop: () => window.removeEventListener("message", heard),
  };
}

// A picture of the view: the trajectories, the chart of the open panel, and what is seen, as one PNG.

const SHARP = 2;

/** The open panel's chart: how it is drawn, and its size on the page; null for panels of words. */
function openChart() {
  const charts = { curves: ["curve-chart", drawCurveOn, () => shownCurve().title], units: ["map-chart", drawMapOn, () => `${shownMap().title}, ${inOwnWords("unit")} ${view.unit} marked`], field: ["field-chart", drawFieldOn, () => byId("field-said").textContent], maps: ["maps-chart", drawMapsOn, () => byId("maps-said").textContent] };
  const found = charts[view.tab], canvas = found && byId(found[0]);
  if (!canvas || canvas.hidden || !canvas.clientWidth) return null;
  return { draw: found[1], title: found[2](), width: canvas.clientWidth, height: canvas.clientHeight };
}

function wrapped(context, text, width) {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const longer = lines[lines.length - 1] ? `${lines[lines.length - 1]} ${word}` : word;
    if (context.measureText(longer).width <= width || !lines[lines.length - 1]) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** The picture on a canvas of its own. */
function pictureOfView() {
  const over = byId("over"), chart = openChart(), hasPaths = Boolean(paths.paint) && over.clientWidth > 0;
  const wide = hasPaths ? over.clientWidth : 0, tall = Math.max(hasPaths ? over.clientHeight : 0, chart ? chart.height + 24 : 0, 60), gap = hasPaths && chart ? 24 : 0;
  const room = 24, width = Math.max(520, wide + gap + (chart ? chart.width : 0)) + 2 * room, canvas = document.createElement("canvas"), context = canvas.getContext("2d");
  context.font = font(12);
  const said = wrapped(context, byId("said").textContent, width - 2 * room), legend = wrapped(context, byId("legend").textContent.replace(/:/g, ": "), width - 2 * room);
  const top = 66, height = top + tall + 18 + 17 * (said.length + (paths.legend && paths.legend.categories ? 1 : legend.length)) + room;
  canvas.width = width * SHARP; canvas.height = height * SHARP;
  context.setTransform(SHARP, 0, 0, SHARP, 0, 0);
  context.fillStyle = css("--paper"); context.fillRect(0, 0, width, height);
  context.fillStyle = css("--ink"); context.textBaseline = "alphabetic"; context.font = `500 21px ${css("--serif")}`;
  context.fillText(document.querySelector("h1").textContent, room, 34);
  context.fillStyle = css("--muted"); context.font = `italic 14px ${css("--serif")}`;
  context.fillText(document.querySelector(".subtitle").textContent, room, 54);
  if (hasPaths) {
    context.fillStyle = css("--field"); context.fillRect(room, top, wide, over.clientHeight);
    for (const layer of [byId("gl"), over]) context.drawImage(layer, room, top, wide, over.clientHeight);
  }
  if (chart) {
    context.save();
    context.translate(room + wide + gap, top);
    context.fillStyle = css("--ink"); context.font = font(13, 600); context.textAlign = "left"; context.textBaseline = "top";
    context.fillText(shortened(context, chart.title, chart.width), 0, 0);
    context.translate(0, 24);
    chart.draw(context, chart.width, chart.height);
    context.restore();
  }
  context.textAlign = "left"; context.textBaseline = "alphabetic"; context.font = font(12);
  let y = top + tall + 26;
  y = drawLegendOn(context, room, y, legend);
  context.fillStyle = css("--muted"); context.font = font(12);
  for (const line of said) { context.fillText(line, room, y); y += 17; }
  return canvas;
}

function drawLegendOn(context, x, y, lines) {
  const told = paths.legend;
  if (!told || !told.categories) {
    context.fillStyle = css("--muted");
    for (const line of lines) { context.fillText(line, x, y); y += 17; }
    return y;
  }
  context.fillStyle = css("--muted");
  context.fillText(`${told.title}:`, x, y);
  x += context.measureText(`${told.title}:`).width + 10;
  for (const one of told.categories) {
    context.fillStyle = rgb(one.colour);
    context.beginPath(); context.arc(x + 5, y - 4, 4.5, 0, 7); context.fill();
    context.fillStyle = css("--ink");
    context.fillText(one.name, x + 14, y);
    x += 14 + context.measureText(one.name).width + 14;
  }
  return y + 17;
}

function savePicture() {
  pictureOfView().toBlob(blob => {
    const link = make("a");
    link.href = URL.createObjectURL(blob);
    link.download = "explorer.png";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }, "image/png");
}

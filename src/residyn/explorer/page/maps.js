// Local linear maps: their eigenvalues in the complex plane at one sublayer, and how large they are over depth.

const shownNetwork = () => run.maps.networks[view.network];

/** Real and imaginary parts of a network's eigenvalues at a sublayer, those that are known. */
function eigenvaluesAt(network, place) {
  const [re, im] = [network.eigenvalues.row(place), network.eigenvalues.row(run.sublayers.length + place)], found = [];
  for (let i = 0; i < re.length; i++) if (Number.isFinite(re[i]) && Number.isFinite(im[i])) found.push([re[i], im[i]]);
  return found;
}

/** Largest and median modulus of a network's eigenvalues at each sublayer; NaN where there is no map. */
function sizesOf(network) {
  if (!network.sizes) {
    const all = run.sublayers.map((_, place) => Float64Array.from(eigenvaluesAt(network, place).map(one => Math.hypot(...one))).sort());
    const median = sorted => (sorted.length % 2 ? sorted[(sorted.length - 1) / 2] : (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2);
    network.sizes = { largest: all.map(sorted => (sorted.length ? sorted[sorted.length - 1] : NaN)), median: all.map(sorted => (sorted.length ? median(sorted) : NaN)) };
  }
  return network.sizes;
}

function drawMapsOn(context, width, height) {
  const network = shownNetwork(), points = eigenvaluesAt(network, view.depth), radius = network.disc[view.depth];
  const known = Math.max(Number.isFinite(radius) ? radius : 0, ...points.map(([re, im]) => Math.max(Math.abs(re), Math.abs(im))));
  if (!points.length || !known) {
    context.fillStyle = css("--muted"); context.font = font(13); context.textAlign = "center";
    context.fillText("no map at this sublayer", width / 2, height / 2);
    return;
  }
  // One unit is as long on both axes: the wider axis shows more.
  const high = 1.06 * known, wide = high * Math.max(1, (width - 68) / (height - 48)), tall = (wide * (height - 48)) / (width - 68);
  const scale = axes(context, width, height, [-wide, wide, "Re λ"], [-tall, tall, "Im λ"]);
  context.strokeStyle = css("--muted"); context.lineWidth = 1;
  context.beginPath(); context.moveTo(scale.x(0), scale.top); context.lineTo(scale.x(0), scale.bottom); context.moveTo(scale.left, scale.y(0)); context.lineTo(scale.right, scale.y(0)); context.stroke();
  context.fillStyle = css("--line"); context.globalAlpha = points.length > 1500 ? 0.4 : 0.7;
  for (const [re, im] of points) { context.beginPath(); context.arc(scale.x(re), scale.y(im), 1.7, 0, 7); context.fill(); }
  context.globalAlpha = 1; context.strokeStyle = css("--accent"); context.lineWidth = 1.6;
  context.beginPath(); context.arc(scale.x(0), scale.y(0), scale.x(radius) - scale.x(0), 0, 7); context.stroke();
}

function drawMapSizesOn(context, width, height) {
  const { largest, median } = sizesOf(shownNetwork()), { disc } = shownNetwork();
  const logged = values => values.map(value => (value > 0 ? Math.log10(value) : NaN));
  return drawCurves(context, width, height, { places: run.sublayers, lines: [{ values: logged(disc), colour: css("--accent"), width: 1.4, dash: [5, 3] }, { values: logged(median), colour: css("--null"), width: 1.4 }, { values: logged(largest), colour: css("--rule"), width: 1, dots: true }], marker: view.depth, label: "log₁₀ |λ|" });
}

let sizesScale = null;

function drawMaps() {
  if (!run.maps) { byId("maps").replaceChildren(make("p", "small", "The run holds no local maps: residyn jacobians takes them.")); return; }
  const network = shownNetwork(), canvas = byId("maps-chart"), over = byId("sizes-chart"), place = run.sublayers[view.depth].label, sizes = sizesOf(network);
  byId("network").value = view.network;
  const plane = fitted(canvas), line = fitted(over);
  drawMapsOn(plane.context, plane.width, plane.height);
  sizesScale = drawMapSizesOn(line.context, line.width, line.height);
  const texts = network.n_samples < network.n_all ? `${network.n_samples} of ${many(network.n_all, "text")}` : many(network.n_all, "text");
  const told = `Eigenvalues of the Jacobian of ${place} minus the identity, ${network.title}, ${texts}: largest |λ| ${number(sizes.largest[view.depth])}, median ${number(sizes.median[view.depth])}, ring: radius ${number(network.disc[view.depth])}, the disc that a random matrix of the same Frobenius norm fills.`;
  byId("maps-said").textContent = told;
  canvas.setAttribute("aria-label", told);
  over.setAttribute("aria-label", `Largest and median modulus over depth. ${told}`);
  drawMapNumbers(sizes, network);
}

function drawMapNumbers({ largest, median }, { disc }) {
  const details = byId("maps-numbers");
  if (!details.open) return;
  details.lastElementChild.replaceChildren(table("Eigenvalues", ["sublayer", "largest |λ|", "median |λ|", "random disc"], run.sublayers.map((one, i) => [one.label, number(largest[i], 4), number(median[i], 4), number(disc[i], 4)]), view.depth));
}

function listenToMaps() {
  if (!run.maps) return;
  fill(byId("network"), run.maps.networks.map((network, i) => [i, network.title]));
  byId("network").addEventListener("change", event => set({ network: Number(event.target.value) }));
  byId("maps-numbers").addEventListener("toggle", drawMaps);
  listening(byId("sizes-chart"), () => sizesScale, at => {
    const place = Math.round(at), sizes = sizesOf(shownNetwork());
    return run.sublayers[place] ? [make("span", "meta", run.sublayers[place].label), `largest |λ| ${number(sizes.largest[place])}, median ${number(sizes.median[place])}, random disc ${number(shownNetwork().disc[place])}`] : null;
  }, at => set({ depth: Math.max(0, Math.min(run.sublayers.length - 1, Math.round(at))) }));
}

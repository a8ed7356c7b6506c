"""The explorer in a real browser: what it draws, tells and selects, and what it asks for."""

from __future__ import annotations

import io
import json
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

import residyn as rd
from report.devtools import Browser
from residyn.explorer.notebook import Frame
from residyn.explorer.serve import Viewer
from residyn.runs.results import open_results
from residyn.schema import SAMPLE

from .conftest import HOSTILE, N_TEXTS

pytestmark = pytest.mark.browser

WIDTH, HEIGHT = 1280, 860
READY = "document.documentElement.dataset.ready === 'yes'"
TABS = ("samples", "curves", "units", "field", "maps", "verdicts")
DRIVER = "GPU stall due to ReadPixels"
"""What the software driver says of its own speed: no line of the page's."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def page(run) -> Path:
    return run / "explorer.html"


def opened(browser: Browser, page: Path, fragment: str = "", width: int = WIDTH, **how) -> None:
    # Elsewhere first: a new fragment alone would not load the page anew.
    browser.call("Page.navigate", url="about:blank")
    browser.open(f"{page.resolve().as_uri()}{'#' if fragment else ''}{fragment}", width, HEIGHT, **how)
    browser.until(READY)
    settled(browser)


def settled(browser: Browser) -> None:
    """Wait for two frames, in which what was changed is drawn."""
    browser.evaluate(
        "window.frames_ = 0; requestAnimationFrame(() => requestAnimationFrame(() => { window.frames_ = 1; }))"
    )
    browser.until("window.frames_ === 1")


def choose(browser: Browser, element: str, value: object) -> None:
    browser.evaluate(
        f"(() => {{ const one = document.getElementById('{element}'); one.value = {json.dumps(str(value))};"
        " one.dispatchEvent(new Event('input')); one.dispatchEvent(new Event('change')); })()"
    )
    settled(browser)


def drawn(browser: Browser) -> str:
    return browser.evaluate("document.getElementById('gl').toDataURL()")


def text(browser: Browser, element: str) -> str:
    return browser.evaluate(f"document.getElementById('{element}').textContent")


def said_by(browser: Browser) -> list[str]:
    """Every line on the console: errors, warnings, what scripts wrote."""
    lines = []
    for event in browser.events:
        if event.get("method") == "Log.entryAdded" and DRIVER not in event["params"]["entry"]["text"]:
            lines.append(event["params"]["entry"]["text"])
        if event.get("method") in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
            lines.append(json.dumps(event["params"]))
    return lines


def place_of(explored, row: int, depth: int, canvas: dict[str, float]) -> tuple[float, float]:
    """Where a sample's point is in the window in the first view: all of two components, in the margins."""
    at = []
    for component, (low_edge, high_edge, size) in enumerate(
        ((58, 14, canvas["width"]), (38, 14, canvas["height"]))
    ):
        values = explored.scores.values.values()[component]
        known = np.sort(values[np.isfinite(values)])
        low, high = known[0], known[-1]
        inner = [known[round(share * (len(known) - 1))] for share in (0.005, 0.995)]
        if high - low > 1.5 * (inner[1] - inner[0]):
            low, high = inner
        room = 0.07 * (high - low)
        share = (values[depth, row] - low + room) / (high - low + 2 * room)
        at.append(low_edge + share * (size - low_edge - high_edge))
    return canvas["x"] + at[0], canvas["y"] + canvas["height"] - at[1]


def canvas_of(browser: Browser) -> dict[str, float]:
    box = browser.evaluate(
        "(() => { const box = document.getElementById('gl').getBoundingClientRect();"
        " return [box.left, box.top, box.width, box.height]; })()"
    )
    return dict(zip(("x", "y", "width", "height"), box, strict=True))


def alone(explored, depth: int) -> int:
    """The row of the sample whose point lies furthest from all others."""
    points = explored.scores.values.values()[:2, depth]
    points = points / np.ptp(points, axis=1, keepdims=True)
    away = np.hypot(*(points[:, :, None] - points[:, None, :])) + np.diag(np.full(points.shape[1], np.inf))
    return int(away.min(axis=1).argmax())


def test_it_asks_for_nothing_and_says_nothing(browser, page):
    opened(browser, page)
    for tab in TABS:
        browser.click(f"#tab-{tab}")
        settled(browser)
    browser.click("#deep")
    settled(browser)
    sent = [
        e["params"]["request"]["url"] for e in browser.events if e.get("method") == "Network.requestWillBeSent"
    ]
    assert sent[0] == page.resolve().as_uri()
    assert all(url.startswith("data:image/") for url in sent[1:])
    assert said_by(browser) == []
    assert browser.evaluate("document.scripts.length") == 2


def test_the_policy_is_in_force(browser, page, tmp_path):
    bad = tmp_path / "bad.html"
    told = page.read_text(encoding="utf-8")
    more = '<script>document.title = "ran"</script><img src="https://example.org/x.png"></main>'
    bad.write_text(told.replace("</main>", more), encoding="utf-8")
    opened(browser, bad)
    assert browser.evaluate("document.title").startswith("The residual stream")
    assert sum("Content Security Policy" in line for line in said_by(browser)) == 2


def test_hostile_texts_are_shown_as_text_and_do_nothing(browser, page, explored):
    row = alone(explored, 0)
    opened(browser, page, f"picked={row}")
    assert HOSTILE.replace("\u2028", " ")[:20] in text(browser, "text").replace("\u2028", " ")
    assert "<img src=x" in text(browser, "list")
    assert browser.evaluate("document.querySelectorAll('img[src=x], #side img, #side b, #side i').length") == 0
    assert browser.evaluate("document.title") == f"{explored.title}, explored"
    assert said_by(browser) == []


def test_pixels_change_with_depth_colour_axes_and_turning(browser, page):
    opened(browser, page)
    pictures = [drawn(browser)]
    for element, value in (("depth", 2), ("by", "depth"), ("axis-y", 2)):
        choose(browser, element, value)
        pictures.append(drawn(browser))
    browser.click("#deep")
    settled(browser)
    pictures.append(drawn(browser))
    browser.evaluate("document.getElementById('gl').focus()")
    for key in ("ArrowLeft", "+"):
        browser.press(key)
        settled(browser)
        pictures.append(drawn(browser))
    assert len(set(pictures)) == len(pictures)


@pytest.mark.parametrize("depth", [1, 5])
def test_hover_shows_the_text_of_the_point_under_the_pointer(browser, page, explored, depth):
    opened(browser, page, f"depth={depth}" if depth < 5 else "")
    row = alone(explored, depth)
    browser.point(*place_of(explored, row, depth, canvas_of(browser)))
    settled(browser)
    assert browser.evaluate("!document.getElementById('tip').hidden")
    told = text(browser, "tip")
    assert told.startswith(f"sample {explored.samples.label[row]} ")
    assert told.endswith(explored.samples.text[row][-100:])
    browser.drag(*(2 * [place_of(explored, row, depth, canvas_of(browser))]))
    settled(browser)
    assert f"sample {explored.samples.label[row]} " in text(browser, "text")


def table_of(browser: Browser, element: str) -> pd.DataFrame:
    browser.evaluate(f"document.querySelector('#{element}').open = true")
    browser.until(f"document.querySelector('#{element} table') !== null")
    settled(browser)
    rows = browser.evaluate(
        f"[...document.querySelectorAll('#{element} tr')].map(row => [...row.cells].map(one => one.textContent))"
    )
    return pd.DataFrame(rows[1:], columns=rows[0])


def numbers(column: pd.Series) -> np.ndarray:
    return column.str.replace("−", "-").str.replace(",", "").replace("–", "nan").astype(float).to_numpy()


@pytest.mark.parametrize("name", ["velocity", "kurtosis", "turning_angle", "cosine"])
def test_the_mean_of_a_selection_is_that_of_the_table(browser, page, run, name):
    opened(browser, page, f"tab=curves&curve={name}")
    box = canvas_of(browser)
    browser.drag(
        (box["x"] + 2, box["y"] + 2), (box["x"] + box["width"] - 2, box["y"] + box["height"] - 2), modifiers=8
    )
    settled(browser)
    assert f"{N_TEXTS} of {N_TEXTS} texts selected" in text(browser, "said")
    shown = table_of(browser, "curve-numbers")
    table = pd.read_csv(run / "tables" / f"{name}.csv")
    spread = table["sd"].max()
    np.testing.assert_allclose(
        numbers(shown["mean over the selection"]), table["mean"], rtol=2e-4, atol=1e-3 * spread
    )
    np.testing.assert_allclose(numbers(shown["mean over samples"]), table["mean"], rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(numbers(shown["interval from"]), table["ci_low"], rtol=1e-4, atol=1e-9)


def test_the_mean_of_a_few_is_theirs(browser, page, run):
    opened(browser, page, "tab=curves&curve=norm&chosen=1-3.7")
    results = open_results(run / "results.zarr")
    wanted = results["norm"].isel({SAMPLE: [1, 2, 3, 7]}).mean(SAMPLE).values
    shown = numbers(table_of(browser, "curve-numbers")["mean over the selection"])
    np.testing.assert_allclose(shown, wanted, rtol=3e-4)
    other = results["norm"].mean(SAMPLE).values
    assert (np.abs(shown - other) > 3e-4 * other).any(), "the selection is told from all"
    assert "4 of 26 texts selected" in text(browser, "said")


def test_the_text_of_the_oddest_path_is_two_clicks_away(browser, page, explored):
    opened(browser, page, "tab=verdicts")
    browser.click("#tab-samples")
    settled(browser)
    browser.click("#list button")
    settled(browser)
    row = int(np.argmax(explored.samples.oddness))
    assert f"sample {explored.samples.label[row]} " in text(browser, "text")
    assert explored.samples.text[row][-60:] in text(browser, "text")


def test_the_whole_view_is_in_the_fragment(browser, page):
    opened(browser, page)
    assert browser.evaluate("location.hash") == ""
    browser.click("#deep")
    choose(browser, "depth", 3)
    choose(browser, "by", "length")
    browser.click("#tab-units")
    settled(browser)
    choose(browser, "unit", 7)
    fragment = browser.evaluate("location.hash.slice(1)")
    said = dict(part.split("=") for part in fragment.split("&"))
    assert said == {"tab": "units", "depth": "3", "dims": "3", "by": "length", "unit": "7"}
    before = drawn(browser)
    opened(browser, page, fragment)
    assert drawn(browser) == before
    assert browser.evaluate("document.getElementById('unit').value") == "7"
    assert browser.evaluate("!document.getElementById('units').hidden")


def test_a_fragment_of_nonsense_is_a_view_all_the_same(browser, page):
    opened(browser, page, "depth=1e9&x=-5&unit=zz&tab=no&chosen=!!.zzz-3&picked=99999&zoom=NaN&by=<b>&__proto__=1")
    assert browser.evaluate("document.getElementById('depth').value") == "5"
    assert "none selected" in text(browser, "said")
    assert said_by(browser) == []


def test_every_part_is_reached_by_keys(browser, page):
    opened(browser, page, "depth=2")
    for key, wanted in ((".", "3"), (",", "2"), (",", "1")):
        browser.press(key)
        settled(browser)
        assert browser.evaluate("document.getElementById('depth').value") == wanted
    for number, tab in enumerate(TABS, start=1):
        browser.press(str(number))
        settled(browser)
        assert browser.evaluate(f"!document.getElementById('{tab}').hidden")
    browser.press("1")
    browser.press("n")
    settled(browser)
    first = text(browser, "text")
    browser.press("n")
    settled(browser)
    assert text(browser, "text") != first
    browser.press("s")
    settled(browser)
    assert "1 of 26 texts selected" in text(browser, "said")
    browser.press("Escape")
    settled(browser)
    assert "none selected" in text(browser, "said")
    focusable = "[...document.querySelectorAll('button, select, input, [tabindex=\"0\"]')]"
    assert browser.evaluate(
        f"{focusable}.every(one => one.textContent.trim() || one.ariaLabel || one.labels?.length"
        " || one.getAttribute('aria-labelledby'))"
    )


@pytest.mark.parametrize("still", [False, True])
def test_it_plays_over_depth(browser, page, still):
    opened(browser, page, "depth=0", still=still)
    places = set()
    browser.click("#play")
    ends = time.monotonic() + 20
    while browser.evaluate("document.getElementById('depth').value") != "5":
        places.add(drawn(browser))
        assert time.monotonic() < ends
    # Points glide, so that there are more pictures than sublayers; not so where motion is not wanted.
    assert (len(places) <= 6) if still else (len(places) > 3)
    browser.until("document.getElementById('play').getAttribute('aria-label') === 'Play over depth'")


def test_a_claim_leads_to_its_panel(browser, page, explored):
    opened(browser, page, "tab=verdicts")
    claim = next(one for one in explored.verdicts if one.criteria[0].curve)
    browser.click("#claims .where button")
    settled(browser)
    assert browser.evaluate("!document.getElementById('curves').hidden")
    assert browser.evaluate("document.getElementById('curve').value") == claim.criteria[0].curve
    assert claim.claim in text(browser, "curve-claims")


def test_the_unit_view_tells_the_results_numbers(browser, page, run):
    opened(browser, page, "tab=units&unit=5")
    shown = table_of(browser, "unit-numbers")
    results = open_results(run / "results.zarr")
    mean = results["mean_activation"].sel(unit=5).values
    np.testing.assert_allclose(numbers(shown["Mean activation"]), mean, rtol=2e-3, atol=1e-6)
    before = browser.evaluate("document.querySelector('#unit-charts canvas').toDataURL()")
    choose(browser, "unit", 6)
    assert browser.evaluate("document.querySelector('#unit-charts canvas').toDataURL()") != before


def test_teleports_are_followed(browser, page, run):
    opened(browser, page, "tab=field")
    flow = open_results(run / "teleports" / "flow.zarr").isel(target=slice(9))
    rho = numbers(table_of(browser, "field-numbers")["mean ρ"])
    wanted = flow["rho"].isel(host=0, injected=0).mean("target").values
    np.testing.assert_allclose(rho, wanted[: len(rho)], rtol=2e-3, atol=2e-3)
    before = browser.evaluate("document.getElementById('field-chart').toDataURL()")
    choose(browser, "step", 1)
    after = browser.evaluate("document.getElementById('field-chart').toDataURL()")
    assert before != after
    choose(browser, "host", 1)
    assert browser.evaluate("document.getElementById('field-chart').toDataURL()") != after


def test_eigenvalues_of_local_maps_go_with_the_depth_and_the_network(browser, page, run):
    def plane() -> str:
        return browser.evaluate("document.getElementById('maps-chart').toDataURL()")

    opened(browser, page, "tab=maps&depth=1")
    shown = numbers(table_of(browser, "maps-numbers")["largest |λ|"])
    maps = rd.open_run(run).jacobians["model"]
    modulus = np.hypot(maps["eigenvalue_real"], maps["eigenvalue_imag"])
    np.testing.assert_allclose(shown, modulus.max(("sample", "eigenvalue")).values, rtol=2e-3)
    drawings = [plane()]
    choose(browser, "depth", 4)
    drawings.append(plane())
    choose(browser, "network", 1)
    drawings.append(plane())
    assert len(set(drawings)) == 3
    assert "permuted weights" in text(browser, "maps-said")
    assert "permuted weights, 2 texts" in text(browser, "maps-said")


def test_outputs_are_curves_like_any_quantity(browser, page, run):
    opened(browser, page, "tab=curves&curve=outputs.lens_kl&depth=2")
    found = rd.open_run(run).outputs["model"]
    shown = table_of(browser, "curve-numbers")
    np.testing.assert_allclose(numbers(shown["mean over 4 texts"]), found["lens_kl"].mean("sample"), rtol=1e-4)
    exchanged = found["lens_exchanged_kl"].mean("sample")
    np.testing.assert_allclose(numbers(shown["words of the head exchanged"]), exchanged, rtol=1e-4)
    assert "null (words of the head exchanged)" in text(browser, "curve-value")
    first = browser.evaluate("document.getElementById('curve-chart').toDataURL()")
    choose(browser, "curve", "outputs.skip_kl")
    assert browser.evaluate("document.getElementById('curve-chart').toDataURL()") != first
    skipped = numbers(table_of(browser, "curve-numbers")["mean over 2 texts"])
    np.testing.assert_allclose(skipped, np.repeat(found["skip_kl"].mean("sample"), 2), rtol=1e-4)
    opened(browser, page, "tab=curves&curve=outputs.settling_depth")
    assert "of the whole path" in text(browser, "curve-value")


@pytest.mark.parametrize("width", [1280, 768, 390, 320])
def test_no_view_is_wider_than_its_window(browser, page, width):
    for tab in TABS:
        opened(browser, page, f"tab={tab}&picked=2", width)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width, tab


def test_dark_is_dark(browser, page):
    opened(browser, page)
    light = drawn(browser)
    opened(browser, page, dark=True)
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 22, 20)"
    assert drawn(browser) != "" != light


def test_a_picture_is_saved(browser, page, tmp_path):
    opened(browser, page, "tab=curves")
    browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.click("#save")
    ends = time.monotonic() + 20
    while not list(tmp_path.glob("*.png")):
        assert time.monotonic() < ends
        time.sleep(0.05)
    content = next(tmp_path.glob("*.png")).read_bytes()
    assert content.startswith(b"\x89PNG")
    assert int.from_bytes(content[16:20]) > 2000
    assert said_by(browser) == []


def test_without_webgl_a_message_and_the_figure_stand_there(page, tmp_path):
    browser = Browser(tmp_path / "profile", "--disable-3d-apis")
    try:
        opened(browser, page, "tab=curves")
        assert "no WebGL2" in text(browser, "why-no-gl")
        assert browser.evaluate("document.querySelector('#no-gl img').naturalWidth > 200")
        assert browser.evaluate("document.getElementById('picture').hidden")
        assert "Velocity" in text(browser, "said")
        opened(browser, page, "tab=units&depth=2")
        assert browser.evaluate("document.getElementById('map-chart').width > 100")
        assert "third" not in text(browser, "said")
    finally:
        browser.close()


def test_a_run_of_results_alone_has_a_page(browser, copied):
    from residyn.explorer import write_explorer

    for name in ("states.zarr", "commits", "teleports", "teleport.zarr", "jacobians"):
        shutil.rmtree(copied / name)
    for name in (
        "manifest.json",
        "samples.jsonl",
        "claims.json",
        "stages/teleports.json",
        "stages/jacobians.json",
    ):
        (copied / name).unlink()
    opened(browser, write_explorer(copied))
    for tab in TABS:
        browser.click(f"#tab-{tab}")
        settled(browser)
    assert "not judged" in text(browser, "claims")
    assert "no teleports" in text(browser, "field")
    assert "no local maps" in text(browser, "maps")
    assert said_by(browser) == []


def test_in_a_notebook_it_works_in_its_frame(browser, run, tmp_path):
    cell = tmp_path / "cell.html"
    shown = Frame(run / "explorer.html")._repr_html_()
    cell.write_text(f"<!doctype html><meta charset=utf-8><body>{shown}</body>", encoding="utf-8")
    browser.call("Page.navigate", url="about:blank")
    browser.open(cell, WIDTH, HEIGHT)
    assert browser.evaluate("document.querySelectorAll('iframe').length") == 1
    ends = time.monotonic() + 60
    while _colours(browser) < 60:
        assert time.monotonic() < ends, "the frame draws no paths"
        time.sleep(0.2)
    assert said_by(browser) == []


FRAMES = "[...document.querySelectorAll('iframe')]"
BOTH_READY = f"{FRAMES}.every(one => one.contentDocument?.documentElement.dataset.ready === 'yes')"


def in_frame(browser: Browser, which: int, expression: str):
    """The value of an expression in which `page` is a frame's document."""
    return browser.evaluate(f"(page => {expression})({FRAMES}[{which}].contentDocument)")


def slide(browser: Browser, which: int, depth: int) -> None:
    """Move the slider of depth in a frame."""
    change = f"one => {{ one.value = {depth}; one.dispatchEvent(new Event('input')); }}"
    in_frame(browser, which, f"({change})(page.getElementById('depth'))")


def until_in_frame(browser: Browser, which: int, expression: str) -> None:
    browser.until(f"(page => {expression})({FRAMES}[{which}].contentDocument)")


def test_two_runs_stand_beside_each_other_with_linked_depth(browser, run, other_run):
    with Viewer(run, other_run) as viewer:
        threading.Thread(target=viewer.serve_forever, daemon=True).start()
        browser.call("Page.navigate", url="about:blank")
        browser.open(f"{viewer.url}#0=tab%3Dcurves%26curve%3Dnorm", 1400, HEIGHT)
        browser.until(BOTH_READY)
        # The one has six states and the other ten: the slider of either moves both to the same share of the depth.
        for moved, value, other, wanted in ((0, 0, 1, "0"), (1, 9, 0, "5"), (0, 3, 1, "5")):
            slide(browser, moved, value)
            until_in_frame(browser, other, f"page.getElementById('depth').value === '{wanted}'")
        in_frame(browser, 0, "page.getElementById('tab-curves').click()")
        until_in_frame(browser, 1, "!page.getElementById('curves').hidden")
        # The other run's curve stands in the table of each, at the same share of the depth.
        in_frame(browser, 0, "page.getElementById('curve-numbers').setAttribute('open', '')")
        until_in_frame(browser, 0, "page.querySelector('#curve-numbers table') !== null")
        rows = "[...page.querySelectorAll('#curve-numbers tr')]"
        cells = in_frame(browser, 0, f"{rows}.map(row => [...row.cells].map(one => one.textContent))")
        shown = pd.DataFrame(cells[1:], columns=cells[0])
        beside = next(name for name in shown.columns if name.startswith("beside: "))
        norms = open_results(other_run / "results.zarr")["norm"].mean(SAMPLE).values
        wanted = norms[[round(place / 5 * 9 + 1e-9) for place in range(6)]]
        np.testing.assert_allclose(numbers(shown[beside]), wanted, rtol=1e-4)
        # Unlinked, each goes its own way, and the address says so.
        browser.click("#linked")
        slide(browser, 0, 0)
        until_in_frame(browser, 0, "page.getElementById('where').textContent.endsWith('1/6')")
        browser.until("location.hash.includes('linked=0') && decodeURIComponent(location.hash).includes('depth')")
        settled(browser)
        assert in_frame(browser, 1, "page.getElementById('depth').value") == "5"
        assert said_by(browser) == []
        viewer.shutdown()


def test_texts_that_both_runs_have_are_picked_and_selected_in_both(browser, run):
    with Viewer(run, run) as viewer:
        threading.Thread(target=viewer.serve_forever, daemon=True).start()
        browser.call("Page.navigate", url="about:blank")
        browser.open(f"{viewer.url}#0=picked%3D4%26chosen%3D1-3&1=picked%3D4%26chosen%3D1-3", 1400, HEIGHT)
        browser.until(BOTH_READY)
        until_in_frame(browser, 1, "page.getElementById('said').textContent.startsWith('3 of 26 texts selected')")
        in_frame(browser, 1, "page.querySelector('#list button').click()")
        first = in_frame(browser, 1, "page.querySelector('#list button .id').textContent")
        until_in_frame(browser, 0, f"page.getElementById('text').textContent.startsWith('sample {first} ')")
        in_frame(browser, 0, "page.getElementById('clear').click()")
        until_in_frame(browser, 1, "page.getElementById('said').textContent.includes('none selected')")
        assert said_by(browser) == []
        viewer.shutdown()


@pytest.mark.parametrize("width", [1280, 390])
def test_two_runs_are_no_wider_than_the_window(browser, run, width):
    with Viewer(run, run) as viewer:
        threading.Thread(target=viewer.serve_forever, daemon=True).start()
        browser.call("Page.navigate", url="about:blank")
        browser.open(viewer.url, width, HEIGHT)
        browser.until(BOTH_READY)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        for which in (0, 1):
            own, room = in_frame(browser, which, "[page.documentElement.scrollWidth, page.defaultView.innerWidth]")
            assert own <= room
        viewer.shutdown()


def test_a_notebooks_widget_knows_what_is_seen_and_shows_what_is_set(browser, run, tmp_path):
    pytest.importorskip("anywidget")
    from residyn.explorer.page import notebook_module
    from residyn.explorer.widget import ExplorerWidget

    widget, sent = ExplorerWidget(run), []
    widget.send = lambda content, buffers=None: sent.append((content, buffers))
    # The model of the widget's front end, as anywidget hands it to a module's render.
    state = {name: getattr(widget, name) for name in ("pages", "names", "height", "views", "picked", "selected")}
    model = """const told = JSON.parse(document.getElementById('state').textContent), heard = {};
    window.state = told; window.asked = [];
    const model = { get: name => told[name], save_changes: () => {}, send: message => window.asked.push(message),
      set: (name, value) => { told[name] = value; for (const one of heard['change:' + name] || []) one(); },
      on: (name, one) => { (heard[name] ||= []).push(one); }, off: () => {} };
    window.model = model;
    const viewed = bytes => new DataView(Uint8Array.from(bytes).buffer);
    window.answer = (message, bytes) => heard['msg:custom'][0](message, [viewed(bytes)]);
    window.stop = module_.render({ model, el: document.body });"""
    script = notebook_module().replace("export default { render };", "const module_ = { render };") + model
    cell = tmp_path / "cell.html"
    escaped = json.dumps(state).replace("<", "\\u003c")
    cell.write_text(
        f"<!doctype html><meta charset=utf-8><body><script type=application/json id=state>{escaped}</script>"
        f"<script type=module>{script}</script></body>",
        encoding="utf-8",
    )
    browser.call("Page.navigate", url="about:blank")
    browser.open(cell, WIDTH, HEIGHT)
    browser.until("window.state && window.state.sublayer === '2.mlp'")
    # Python sets a view; the page shows it, and says what is in it.
    browser.evaluate("model.set('views', ['depth=1&picked=2&chosen=0-3&unit=5'])")
    browser.until("window.state.sublayer === '0.mlp' && window.state.selected.length === 4")
    labels = open_results(run / "results.zarr")[SAMPLE].values
    assert browser.evaluate("window.state.selected") == labels[:4].tolist()
    assert browser.evaluate("window.state.picked") == labels[2]
    assert browser.evaluate("window.state.unit") == 5
    # The text's units are asked for, and are those of the states.
    browser.until("window.asked.length > 0")
    asked = browser.evaluate("window.asked[0]")
    assert asked == {"ask": f"sample/{labels[2]}", "of": 0}
    widget._asked(widget, asked, [])
    ((answer, (content,)),) = sent
    wanted = rd.open_states(run).sel(sample=labels[2]).values
    np.testing.assert_array_equal(np.frombuffer(content, "<f4").reshape(wanted.shape), wanted)
    browser.evaluate(f"window.answer({json.dumps(answer)}, {list(content)})")
    settled(browser)
    widget._asked(widget, {"ask": "../run.json", "of": 0}, [])
    assert sent[-1] == ({"answer": "../run.json", "of": 0, "failed": "There is no ../run.json."}, None)
    assert said_by(browser) == []


def _colours(browser: Browser) -> int:
    """How many colours the window has."""
    pixels = imread(io.BytesIO(browser.picture()))[..., :3]
    return len(np.unique((pixels * 255).astype(np.uint8).reshape(-1, 3), axis=0))


def test_a_viewer_reads_units_and_texts_on_demand(browser, run):
    with Viewer(run) as viewer:
        threading.Thread(target=viewer.serve_forever, daemon=True).start()
        browser.call("Page.navigate", url="about:blank")
        browser.open(f"{viewer.url}#picked=2&unit=5&chosen=0-3", WIDTH, HEIGHT)
        browser.until(READY)
        browser.until("document.querySelectorAll('#largest button').length === 8")
        states = rd.open_states(run)
        last = states.isel(sample=2, sublayer=-1).values
        first = browser.evaluate("document.querySelector('#largest button').textContent")
        assert int(first.split(":")[0]) == int(np.abs(last).argmax())
        before = drawn(browser)
        choose(browser, "by", "unit")
        values = states.isel(sublayer=-1).sel(unit=5).values
        wanted = f"{np.sort(values)[round(0.01 * (len(values) - 1))]:.3g}".replace("-", "−")
        browser.until(f"document.getElementById('legend').textContent.includes({json.dumps(wanted)})")
        settled(browser)
        assert drawn(browser) != before
        chart = "document.querySelector('#unit-charts canvas').toDataURL()"
        browser.click("#tab-units")
        settled(browser)
        selected = browser.evaluate(chart)
        browser.press("Escape")
        settled(browser)
        assert browser.evaluate(chart) != selected
        assert said_by(browser) == []
        viewer.shutdown()

"""The page as a parser reads it: structure, policy, escaping, access."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import re
from collections import Counter
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest

from claims_record import old_record
from residyn.axis_names import AxisNames
from residyn.claims import ConditionRecord
from residyn.report.claims import anchor_of, claim_rows
from residyn.report.page import render
from residyn.report.record import Picture
from residyn.runs.verdicts import read_verdicts
from residyn.words import interval, mark, number, with_origin

from .conftest import HOSTILE

SHEETS = ("tokens.css", "style.css")
STYLE = "".join(files("residyn.report").joinpath(name).read_text(encoding="utf-8") for name in SHEETS)
VOID = {"meta", "img", "link", "br", "hr"}


class Parsed(HTMLParser):
    """Tags in order, with attributes, and the text inside each."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[tuple[str, str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"an attribute stands twice on {tag}"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append((self.open[-1] if self.open else "", data))

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag in names]

    def words(self, tag: str) -> str:
        return "".join(data for inside, data in self.text if inside == tag)


@pytest.fixture(scope="module")
def parsed(page) -> Parsed:
    return Parsed(page)


CLOSED = ("verdict", "origin", "address", "name", "names", "role")
NAMED = ("reproduced_in", "passes_in", "abolished_by")
"""Names of conditions: of one that is not described nothing is said."""


def poisoned(value: Any, poison: str, keep: tuple[str, ...] = CLOSED) -> Any:
    """A record with poison at the end of each text that is there and not one of a closed set."""
    if isinstance(value, str):
        return value + poison if value else value
    if isinstance(value, tuple):
        return tuple(poisoned(item, poison, keep) for item in value)
    if isinstance(value, dict):
        return {key: poisoned(item, poison, keep) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        free = {
            field.name: poisoned(getattr(value, field.name), poison, keep)
            for field in fields(value)
            if field.name not in keep
        }
        if isinstance(value, ConditionRecord):
            free["name"] = value.name
        return replace(value, **free)
    return value


def shape_of(parsed: Parsed) -> list[tuple[str, tuple[str, ...]]]:
    return [(tag, tuple(attrs)) for tag, attrs in parsed.tags]


def test_a_recording_is_told_in_its_own_words_and_hostile_ones_are_only_text(report, parsed):
    own = replace(report, names=AxisNames("area", "neuron", ("V1", "V4")))
    page, hostile = render(own), Parsed(render(replace(own, names=poisoned(own.names, HOSTILE))))
    assert "Areas stand where a model has layers, and neurons where it has units" in page
    assert "the state at the first of them, V1." in " ".join(page.split())
    assert "before attention of layer 0" not in page
    assert shape_of(hostile) == shape_of(Parsed(page))


def test_hostile_text_changes_nothing_but_text(report, parsed):
    hostile = Parsed(render(poisoned(report, HOSTILE, (*CLOSED, *NAMED))))
    assert shape_of(hostile) == shape_of(parsed)
    assert not hostile.open
    assert hostile.words("h1").startswith(
        "The residual stream of tiny<script>alert(1)</script> </script> </style>"
    )
    for text in ("{{7*7}}", "{% raw %}", "$\\frac{1$", "\" ' onload=x", "javascript:alert(1)", "��evil"):
        assert text in hostile.words("h1") + hostile.words("dd") + hostile.words("p")


def test_poison_reaches_every_part_of_the_page(report):
    page = render(poisoned(report, "<b>POISON"))
    assert "<b>" not in page
    inside = {tag for tag, text in Parsed(page).text if "POISON" in text}
    assert {"h1", "title", "p", "dt", "dd", "td", "th", "caption", "li", "pre", "h3", "span"} <= inside
    assert all("POISON" in (attrs["alt"] or "") for attrs in Parsed(page).all("img"))


def test_no_character_that_breaks_a_page(report):
    page = render(poisoned(report, HOSTILE))
    page.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page)


def test_nothing_runs_and_nothing_is_fetched(parsed, page):
    found = Counter(tag for tag, _ in parsed.tags)
    for tag in ("script", "iframe", "object", "embed", "form", "base", "link", "svg", "video", "input", "button"):
        assert found[tag] == 0
    assert found["style"] == 1
    for tag, attrs in parsed.tags:
        assert not [name for name in attrs if name.startswith("on") or name == "style"]
        for name in ("src", "href", "action", "srcset", "data", "poster", "background", "ping"):
            value = attrs.get(name)
            assert (
                value is None
                or (tag == "a" and value.startswith("#"))
                or (tag == "img" and value.startswith("data:image/"))
            )
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    assert not re.search(r"(?:https?:)?//\w", re.sub(r"data:[^\"]*", "", page))


def test_the_policy_allows_this_style_and_nothing_else(parsed):
    policy = next(
        attrs["content"] for attrs in parsed.all("meta") if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    digest = base64.b64encode(hashlib.sha256(parsed.words("style").encode("utf-8")).digest()).decode()
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert parsed.words("style") == STYLE
    order = [tag for tag, _ in parsed.tags]
    head = [attrs for _, attrs in parsed.tags[: order.index("style")]]
    assert any("http-equiv" in attrs for attrs in head)


def test_pictures_are_whole_and_described(parsed, report):
    pictures = parsed.all("img")
    assert len(pictures) == len(report.panels) + len(report.dynamics) + len(report.further)
    for attrs in pictures:
        head, content = (attrs["src"] or "").split(",", 1)
        raw = base64.b64decode(content, validate=True)
        assert head in {"data:image/svg+xml;base64", "data:image/png;base64"}
        assert raw.startswith(b"\x89PNG") or (b"<svg" in raw[:800] and b"<script" not in raw)
        assert len(attrs["alt"] or "") > 30
        assert int(attrs["width"] or 0) > 300
        assert int(attrs["height"] or 0) > 150


def test_headings_and_landmarks_are_in_order(parsed):
    levels = [int(tag[1]) for tag, _ in parsed.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert parsed.all("html")[0]["lang"] == "en"
    assert len(parsed.all("main")) == 1


def test_references_lead_somewhere(parsed, report):
    ids = [attrs["id"] for _, attrs in parsed.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    links = [attrs["href"] or "" for attrs in parsed.all("a")]
    wanted = {link[1:] for link in links}
    wanted |= {attrs["aria-labelledby"] for _, attrs in parsed.tags if "aria-labelledby" in attrs}
    assert wanted <= set(ids)
    # Each claim is led to from the strip and from its panel.
    claims = [anchor_of(claim) for claim in report.verdicts.claims]
    assert sorted(link[1:] for link in links if link.startswith("#claim-")) == sorted(claims * 2)
    assert len(links) == 6 + bool(report.figure) + bool(report.dynamics) + 2 * len(claims)


def test_heads_of_tables_have_a_scope(parsed):
    assert {attrs.get("scope") for attrs in parsed.all("th")} == {"col", "row", "rowgroup"}


def test_verdicts_are_words_and_marks(page, report):
    rows = re.findall(r'class="verdict".*?</td>', page, re.DOTALL)
    told = [re.sub(r"<[^>]*>|^[^>]*>", "", row).split(maxsplit=1) for row in rows]
    marks = {"holds": "●", "does not hold": "○", "undecided": "◐"}
    assert [(sign, " ".join(words.split())) for sign, words in told] == [
        (marks[claim.verdict], f"{claim.verdict} {claim.origin}".strip()) for claim in report.verdicts.claims
    ]


def test_the_strip_has_every_verdict_before_anything_else(page, report):
    strip = page[page.index('<ol class="strip"') : page.index("</ol>")]
    assert page.index('<ol class="strip"') < page.index('<dl class="key"') < page.index("<table")
    words = re.findall(r'class="word">(.*?)</span>', strip)
    assert words == [with_origin(claim.verdict, claim.origin) for claim in report.verdicts.claims]
    assert all(claim.claim in html.unescape(strip) for claim in report.verdicts.claims)


def test_files_are_linked_by_their_names_from_the_page(report):
    page = render(replace(report, tables=("tables/a b#c.csv",), drawings=("figures/figure1.pdf",)))
    assert 'href="tables/a%20b%23c.csv"' in page
    assert 'href="figures/figure1.pdf"' in page
    assert 'href="#files"' in page


def test_the_matrix_says_where_each_claim_passes(page, report):
    matrix = page[page.index('class="matrix"') :]
    matrix = matrix[: matrix.index("</table>")]
    for claim, row in zip(report.verdicts.claims, matrix.split("<tr>")[2:], strict=True):
        said = re.findall(r'<td class="(passes|fails|untried)">', row)
        wanted = [claim.passes(one.name) for one in report.verdicts.conditions]
        assert said == [{True: "passes", False: "fails", None: "untried"}[passes] for passes in wanted]


def test_what_else_shows_a_claim_is_told_in_its_row(page):
    told = re.findall(r'class="also[^>]*><span>(.*?)</span>', page)
    assert told[:6] == [
        "untrained; less in permuted weights",
        "–",
        "permuted weights",
        "less in shuffled tokens",
        "skip path, random walk; less in shuffled tokens",
        "less in shuffled tokens; lost: random positions",
    ]


def test_an_artefact_is_not_marked_as_what_holds_in_the_matrix(page, report):
    matrix = page[page.index('class="matrix"') :]
    found = re.findall(r'<td class="model"><span[^>]*>(.)</span><span class="hidden">(.*?)</span>', matrix)
    assert found == [
        (mark(claim.verdict, claim.origin), with_origin(claim.verdict, claim.origin))
        for claim in report.verdicts.claims
    ]
    assert ("⊗", "holds (artefact)") in found


def test_rows_of_the_claims_table_are_full(page, report):
    table = Parsed(page[page.index('<table class="claims"') : page.index("</table>") + 8])
    bodies = [i for i, (tag, _) in enumerate(table.tags) if tag == "tbody"]
    for claim, start, end in zip(claim_rows(report.verdicts), bodies, [*bodies[1:], None], strict=True):
        cells = [attrs for tag, attrs in table.tags[start:end] if tag in {"td", "th"}]
        area = sum(int(a.get("rowspan") or 1) * int(a.get("colspan") or 1) for a in cells)
        assert area == 6 * (len(claim.result.criteria) + bool(claim.remarks))


def test_a_bare_report_has_neither_claims_nor_empty_lists(report):
    bare = replace(
        report, verdicts=None, abstract=(), dynamics=(), further=(), massive=None, warnings=(), limits=(),
        command="", licences=(), missing=("Teleports were not made: residyn teleport DIR",),
    )  # fmt: skip
    page = render(bare)
    parsed = Parsed(page)
    assert "has not been judged" in page
    assert 'href="#claims"' not in page
    assert "Teleports were not made: residyn teleport DIR" in parsed.words("li")
    assert not re.search(r"<(ul|ol|dl|table|tbody)[^>]*>\s*</\1>", page)


def test_a_claim_without_criteria_is_still_a_row(report):
    claim = replace(report.verdicts.claims[0], criteria=())
    page = render(replace(report, verdicts=replace(report.verdicts, claims=(claim,))))
    assert "not measured" in page


def asides(page: str, name: str) -> list[str]:
    """The lines of a kind in the table of claims."""
    return re.findall(f'<span class="{name}">(.*?)</span>', page)


def test_a_statistic_stands_with_its_second_estimate_the_papers_value_and_if_it_is_a_premise(page, report):
    criteria = [one for claim in report.verdicts.claims for one in claim.criteria]
    seconds = [one.second for one in criteria if one.second is not None]
    assert asides(page, "second") == [f"{one.title}: {interval(one.value, one.low, one.high)}" for one in seconds]
    papers = [one.paper for one in criteria if not math.isnan(one.paper)]
    assert asides(page, "paper") == [f"the paper’s curve: {number(value)}" for value in papers]
    assert asides(page, "premise") == ["a premise of the claim"] * sum(one.premise for one in criteria)
    assert min(len(seconds), len(papers), len(asides(page, "premise"))) > 2
    (rule,) = re.findall(r"\.second, \.paper, \.premise, \.beyond \{(.*?)\}", STYLE)
    assert "display: block" in rule
    assert "var(--muted)" in rule


def test_a_claim_that_the_paper_does_not_make_says_so(page, report):
    ours = sum(not claim.paper for claim in report.verdicts.claims)
    assert asides(page, "beyond") == ["not a claim of the paper"] * ours
    first, *others = report.verdicts.claims
    verdicts = replace(report.verdicts, claims=(replace(first, paper=False), *others))
    one_more = ["not a claim of the paper"] * (ours + 1)
    assert asides(render(replace(report, verdicts=verdicts)), "beyond") == one_more


def test_what_chance_gives_is_said_once(page):
    assert page.count("by chance") == 1


def test_verdicts_of_format_1_have_a_page(report, tmp_path):
    (tmp_path / "claims.json").write_text(json.dumps(old_record()))
    verdicts = read_verdicts(tmp_path / "claims.json")
    page = render(replace(report, verdicts=verdicts))
    assert not Parsed(page).open
    assert asides(page, "second") == asides(page, "paper") == asides(page, "premise") == []
    for claim in verdicts.claims:
        assert claim.claim in page
    assert all(f'<span class="upright">{one.name}</span>' in page for one in verdicts.conditions)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))


def test_text_stands_out_in_light_dark_and_print():
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    schemes = [dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6});", block)) for block in blocks]
    assert len(schemes) == 3
    for scheme in schemes:
        long = {name: c if len(c) == 7 else "#" + "".join(2 * x for x in c[1:]) for name, c in scheme.items()}
        for ground in ("paper", "faint"):
            for ink in ("ink", "muted", "holds", "fails", "undecided", "link"):
                bright, dark = sorted((_luminance(long[ground]), _luminance(long[ink])), reverse=True)
                assert (bright + 0.05) / (dark + 0.05) >= 4.5, (ground, ink, scheme)


def test_the_style_is_plain_text_for_a_style_element():
    assert "</" not in STYLE
    assert "\r" not in STYLE


def test_a_picture_cannot_leave_its_attribute(report):
    panel = replace(report.panels[0], picture=Picture('data:,"><script>', 1, 1, '"><script>'))
    assert not Parsed(render(replace(report, panels=(panel,)))).all("script")


def test_one_sample_in_one_group_is_said_in_the_singular(report):
    verdicts = replace(report.verdicts, n_samples=1, n_groups=1, conditions=())
    said = " ".join(render(replace(report, verdicts=verdicts)).split())
    assert "The intervals are over 1 sample, resampled in 1 group" in said
    condition = replace(report.verdicts.conditions[0], n_samples=1, draws=1)
    said = render(replace(report, verdicts=replace(verdicts, conditions=(condition,))))
    assert '<span class="n">1 sample</span>' in said

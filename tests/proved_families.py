"""The table of docs/models.md: how each family that the tests try is read. `python -m proved_families` writes it.

Every family in it is a tiny random model; `tests/model/test_sites.py` proves the sites of each on its weights, and
`tests/model/test_family_table.py` that the page says what is found.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path

from families import BY_STRUCTURE, FAMILIES, HYBRIDS, REFUSED, build, like_loaded
from residyn.model.check import check_model
from residyn.sitemap import Site, SiteMap

PAGE = Path(__file__).parents[1] / "docs" / "models.md"
START, END = "<!-- families: python -m proved_families -->", "<!-- end of families -->"


def rows() -> list[str]:
    """A row for all families that are read in one way, and a row for all that are refused for one reason."""
    alike: dict[tuple[str, str], list[str]] = {}
    for name, entry in (FAMILIES | HYBRIDS | BY_STRUCTURE).items():
        check = check_model(like_loaded(build(name), name))
        assert check.passed, (name, check.probes)
        how = {"table": "in the table", "structure": "by structure"}[check.how]
        alike.setdefault((how, _layers(check.sites)), []).append(entry.model_type)
    for entry, why in REFUSED.values():
        alike.setdefault(("**refused**", f"“{why}”"), []).append(entry.model_type)
    lines = [f"| {', '.join(dict.fromkeys(names))} | {how} | {said} |" for (how, said), names in alike.items()]
    return ["| model types | found | what becomes of the states of a layer |", "|---|---|---|", *lines]


def page() -> str:
    """The page with the table of today."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    return "\n".join([f"{before}{START}", *rows(), f"{END}{rest.partition(END)[2]}"])


def _layers(sites: SiteMap) -> str:
    """Every form of layer that the model has, once."""
    layers: dict[int, list[Site]] = {}
    for site in sites.sites:
        layers.setdefault(site.layer, []).append(site)
    said = list(dict.fromkeys("; ".join(_site(sites, site) for site in own) for own in layers.values()))
    # A last layer has no next one whose norm its sum would pass through.
    return "<br>".join(one for one in said if not any(other != one and other.startswith(one) for other in said))


def _site(sites: SiteMap, site: Site) -> str:
    block = f"{sites.blocks}.{site.layer}"

    def inside(path: str) -> str:
        return f"`{re.sub(rf'^{re.escape(sites.blocks)}[.][0-9]+[.]', '', path)}`"

    read = "" if site.module == block else f" ({site.where} of {inside(site.module)})"
    parts = [f"+ {inside(path)}" + ("" if factor == 1.0 else " × factor") for path, factor in site.added]
    kept = "" if site.kept == 1.0 else "× factor "
    norm = f", then {inside(site.norm)}" if site.norm else ""
    return f"**{site.site}**{read} {kept}{' '.join(parts)}{norm}"


if __name__ == "__main__":
    with contextlib.redirect_stderr(io.StringIO()):
        text = page()
    PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{PAGE} is written.\n")

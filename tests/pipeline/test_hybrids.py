"""Whole runs of models with other mixers than attention: every stage, and what each calls them."""

from __future__ import annotations

import pytest

import residyn as rd
from families import HYBRIDS, LAYERS, build, spelling_tokenizer

pytestmark = pytest.mark.slow
FEW = {"min_chars": 0, "n": 30, "components": 6, "hosts": 1, "grid": 3, "resamples": 20, "null_draws": 1}


@pytest.fixture(scope="module", params=["jamba", "falcon-h1", "nemotron-h", "zamba2", "minimax"])
def made(request, tmp_path_factory):
    """The name of a family, and a whole run of a tiny model of it in a folder."""
    folder = tmp_path_factory.mktemp(request.param)
    build(request.param).save_pretrained(folder / "tiny")
    spelling_tokenizer().save_pretrained(folder / "tiny")
    lines = [f"{'abc defg hij ' * (1 + i % 3)}number {i}" for i in range(35)]
    (folder / "lines.txt").write_text("\n".join(lines), encoding="utf-8")
    return request.param, rd.run(str(folder / "tiny"), str(folder / "lines.txt"), out=folder / "run", **FEW)


def test_every_stage_is_made_and_names_the_mixers(made):
    name, run = made
    labels = HYBRIDS[name].labels
    assert list(run.states["sublayer"].values) == [f"{layer}.{site}" for layer, site in labels]
    kinds = set(run.results["kind"].values.tolist())
    two_writes = len(labels) == 2 * LAYERS
    assert kinds == (
        {"within", "cross"} if two_writes else {"block", "cross"} if name == "nemotron-h" else {"block"}
    )
    for made_file in ("figures/figure1.png", "report.html", "tables/summary.csv"):
        assert (run.directory / made_file).is_file()
    page = (run.directory / "report.html").read_text(encoding="utf-8")
    assert "By what they enter" in page

import json
import shutil

import numpy as np
import pytest
import xarray as xr

from claims_record import example_claims, old_record
from residyn.errors import DataError, StoreError
from residyn.quantities.registry import quantities
from residyn.report import content
from residyn.report.content import gather
from residyn.report.record import Picture
from residyn.runs.contents import figures_stage
from residyn.runs.results import open_results, save_results
from residyn.settings import FigureSettings

from .conftest import HOSTILE, RUN, make_results, write_run

BESIDE = {"dynamics-population-skew"}
"""Panels that are neither of a composite nor of a quantity in the generic drawing."""
FIRST = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "I", "J", "K", "L"]


def test_everything_that_is_there_is_told(report):
    assert report.title == "The residual stream of tiny"
    assert report.subtitle == "Over depth, in 40 texts of wikitext-2-raw-v1 train, read at the last token"
    assert report.missing == ()
    assert [panel.letter for panel in report.panels] == FIRST
    beside = [panel.name for panel in report.further]
    last = beside.index("panel-l-pull")
    of_teleports = ["panel-l-pull", "panel-l-retention", "panel-l-return", "panel-l-nearby"]
    assert beside[last : last + 4] == of_teleports
    of_maps = ["map-skew-share", "map-henrici", "map-effective-rank", "map-exponents", "map-eigenvalues"]
    moving = [panel.name for panel in report.dynamics]
    assert [name for name in moving if name.startswith("map-")] == of_maps
    assert not {*moving} & {*beside}
    generic = {f"control-{name.replace('_', '-')}" for name, one in quantities().items() if one.drawing == "curve"}
    # One panel of the population's flow stands beside the second composite, and not in it.
    assert set(beside[last + 4 :]) - generic <= BESIDE
    assert not set(beside[:last]) & generic
    assert [panel.name for panel in report.panels if panel.wide] == ["panel-l"]
    assert [panel.name for panel in (*report.further, *report.dynamics) if panel.wide] == [
        "panel-l-nearby",
        "map-eigenvalues",
    ]
    quantised, uncovered = report.warnings
    assert quantised == "the weights are quantised"
    # These results were saved by hand, and no stage says what it wrote.
    assert uncovered.startswith(
        "What analyze and teleport and jacobians and outputs and claims left in DIR is covered by no hashes"
    )
    assert report.command == "residyn run tiny --texts 'my texts.txt' --n 40"
    assert report.licences == ("Texts: wikitext-2-raw-v1 train, CC BY-SA 3.0.",)
    assert report.massive is not None
    assert len(report.massive.rows) == 10
    assert "The samples end in 11 distinct tokens; 75\u00a0% of them share theirs" in report.limits[0]
    assert "Fernando, Jesseba" in report.citation
    assert "@software{residyn" in report.citation


def test_the_largest_massive_unit_comes_first(report, results):
    ratio = results["massive_ratio"]
    peak = ratio.max("sublayer").values
    unit = int(peak.argmax())
    where = str(ratio["sublayer"].values[int(ratio.values[:, unit].argmax())])
    assert report.massive.rows[0][:3] == (str(unit), f"{peak.max():.3g}", where)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("panel-a", "The residual stream of"),
        ("panel-b", "From 0.attn to 7.mlp the mean magnitude"),
        ("panel-c", "The median r over units and transitions"),
        ("panel-d", "A unit's r is above 0.8"),
        ("panel-e", "The mean cosine is"),
        ("panel-f", "Over the depth the mean step"),
        ("panel-g", "By the Gaussian copula estimator the median"),
        ("panel-h", "By the Gaussian copula estimator the mean"),
        ("panel-i", "Paths of 40 samples along the first 2"),
        ("panel-i-3d", "Paths of 40 samples along the first 3"),
        ("panel-j", "The first 8 components hold"),
        ("panel-k", "Over the depth the explained share"),
        ("panel-l", "The last token's state is moved"),
        ("panel-l-pull", "Beyond what being carried along does"),
        ("panel-l-retention", "Of a displacement of 1 σ in the plane"),
        ("panel-l-return", "Moved by 1 σ in the plane"),
        ("control-correlation-excess", "The median r is"),
        ("control-angular-velocity", "The turn of the direction"),
        ("control-relative-velocity", "A step over the state's length"),
        ("control-radial-tangential", "The part of a step along the state"),
        ("control-turning-angle", "Successive steps make"),
        ("control-information-excess", "The information's median distance"),
        ("control-kurtosis", "Over the depth the mean kurtosis"),
        ("control-orbits", "The 12 units turn"),
        ("control-phase-portraits", "Paths of a few of the 12 units"),
        ("dynamics-write-cosine", "The cosine of a write with the state is"),
        ("dynamics-successive-writes", "The cosine of the writes to and from a state is"),
        ("dynamics-earlier-writes", "Of a write's squared length"),
    ],
)
def test_each_panel_is_told_in_words_of_its_own(report, name, words):
    seen = {panel.name: panel.seen for panel in (*report.panels, *report.dynamics, *report.further)}
    assert seen[name][0].startswith(words)


def test_each_curve_of_a_panel_is_defined(report, results):
    found = {panel.name: panel.definition for panel in report.further}
    for panel, names in {
        "control-correlation-excess": ("unit_correlation", "skip_correlation"),
        "control-radial-tangential": ("radial_step", "tangential_step"),
        "control-kurtosis": ("kurtosis", "kurtosis_rotated"),
    }.items():
        for name in names:
            words = results[name].attrs["definition"].replace(" | ", "; ")
            assert f"{name.replace('_', ' ')}: {words}" in found[panel], name
    assert "turns" not in found.get("control-phase-portraits", "against its gradient")
    assert found["control-phase-portraits"].startswith("A unit's mean activation")
    assert found["panel-l-pull"].endswith("minus that of a displacement that is merely carried along.")


def test_claims_stand_under_their_panel_once(report):
    panels = (*report.panels, *report.dynamics)
    said = {panel.name: [claim.label for claim in panel.claims] for panel in panels}
    assert said["dynamics-write-cosine"] == ["22"]
    assert said["panel-i"] == ["13"]
    assert said["panel-l"] == ["14 CCN", "14 arXiv"]
    assert said["panel-i-3d"] == said["panel-a"] == said["panel-g"] == said["panel-j"] == []
    told = [label for labels in said.values() for label in labels]
    assert sorted(told) == sorted(claim.label for claim in report.verdicts.claims)
    assert all(not panel.claims for panel in report.further)


def test_the_files_of_the_run_are_linked_from_its_folder(results, tmp_path):
    run = write_run(tmp_path, results)
    for name in ("tables/summary.csv", "figures/figure1.pdf", "figures/figure1.png"):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_text("")
    found = gather(run)
    assert (found.tables, found.drawings) == (("tables/summary.csv",), ("figures/figure1.pdf",))


@pytest.mark.usefixtures("undrawn")
def test_what_is_missing_is_named_with_its_command(results, tmp_path):
    bare = gather(write_run(tmp_path, results))
    assert bare.missing == (
        "The paper's claims were not judged: residyn claims DIR",
        "Teleports were not made: residyn teleport DIR",
        "Local linear maps were not taken: residyn jacobians DIR",
        "Predictions along depth were not taken: residyn outputs DIR",
        "There is no run.json: where the states come from is known only as far as the results say.",
    )
    assert bare.verdicts is None
    assert bare.abstract == ()
    assert bare.command == ""
    assert [panel.letter for panel in bare.panels] == FIRST[:-1]
    assert not {panel.name for panel in bare.further if not panel.name.startswith("control-")} - BESIDE
    assert [fact.title for fact in bare.provenance] == ["States and results"]


@pytest.mark.usefixtures("undrawn")
def test_an_unfinished_analysis_is_named(results, tmp_path):
    early = [
        name
        for name in results
        if name in {"mean_activation", "unit_correlation", "correlation_density", "cosine"}
    ]
    part = gather(write_run(tmp_path, results[[*early, "velocity"]]))
    assert part.missing[4] == "The analysis is not finished: residyn analyze DIR"
    assert [panel.letter for panel in part.panels] == ["A", "B", "C", "D", "E", "F"]
    assert part.massive is None


def test_without_results_there_is_no_report(tmp_path):
    with pytest.raises(StoreError, match=r"has no results\.zarr.*residyn analyze "):
        gather(tmp_path)


def test_results_without_the_first_panels_are_refused(results, tmp_path):
    with pytest.raises(DataError, match=r"missing in .*: unit_correlation, velocity.*residyn analyze "):
        gather(write_run(tmp_path, results.drop_vars(["unit_correlation", "velocity"])))


def test_damaged_records_are_refused(copied):
    (copied / "claims.json").write_text("{}")
    with pytest.raises(StoreError, match="the field format is missing"):
        gather(copied)
    (copied / "claims.json").unlink()
    (copied / "run.json").write_text("[1]")
    with pytest.raises(StoreError, match=r"run\.json is damaged"):
        gather(copied)


@pytest.mark.usefixtures("undrawn")
def test_verdicts_of_other_states_are_said_to_be(copied):
    (copied / "claims.json").write_text(json.dumps(example_claims(states_hash="of another run")))
    assert gather(copied).warnings[-1] == (
        "The verdicts are of other states than the results: judge the claims again (residyn claims DIR)."
    )


@pytest.mark.usefixtures("undrawn")
def test_only_a_summary_of_teleports_may_be_missing(copied):
    shutil.rmtree(copied / "teleports" / "summary.zarr")
    shutil.rmtree(copied / "teleports" / "return_fraction.zarr")
    found = gather(copied)
    assert found.panels[-1].letter == "L"
    names = [panel.name for panel in found.further]
    assert "panel-l-nearby" in names
    assert {name for name in names if not name.startswith("control-")} - BESIDE == {"panel-l-nearby"}


@pytest.mark.usefixtures("undrawn")
def test_a_result_that_no_panel_knows_has_one_by_its_attributes(results, tmp_path):
    asked = {
        "quantity": "anisotropy",
        "units": "1",
        "definition": "made up",
        "source": "a test",
        "generic_panel": 1,
    }
    made = results["magnitude"].rename("anisotropy").assign_attrs(asked)
    found = gather(write_run(tmp_path, results.drop_vars("anisotropy_curve").assign(anisotropy=made)))
    (panel,) = (panel for panel in found.further if panel.name == "control-anisotropy")
    assert (panel.name, panel.title, panel.letter) == ("control-anisotropy", "Anisotropy", "")
    assert panel.definition == "made up (a test)"
    assert panel.seen[0].startswith("Anisotropy: from ")


@pytest.mark.usefixtures("undrawn")
def test_strange_records_break_nothing(copied):
    for run in (
        {"model": "text", "texts": [1], "warnings": "one", "timings": {"capture_s": "x"}, "machine": None},
        {"model": {"files": ["a"], "n_parameters": "many"}, "texts": {"tokens": {"statistics": 3}, "counts": 1}},
        {"warnings": None},
        {"texts": {"source": {"name": {"a": 1}}}, "versions": {"python": [HOSTILE]}, "request": {"model": 3}},
    ):
        (copied / "run.json").write_text(json.dumps(run))
        assert gather(copied).title == "The residual stream of tiny"


@pytest.mark.usefixtures("undrawn")
def test_what_cannot_be_computed_is_no_work_left_undone(results, tmp_path):
    few = results.drop_vars("explained_variance").assign_attrs(
        not_computed="principal components: too few samples"
    )
    missing = gather(write_run(tmp_path, few)).missing
    assert "Not computed: principal components: too few samples" in missing
    assert not any("not finished" in said or "Teleports" in said for said in missing)
    undone = gather(write_run(tmp_path / "other", few.assign_attrs(not_computed=""))).missing
    assert any("not finished" in said for said in undone)
    assert any("Teleports" in said for said in undone)


@pytest.mark.usefixtures("undrawn")
def test_the_noise_of_the_arithmetic_is_said_where_it_was_measured(results, tmp_path):
    noise = xr.Dataset({"state_noise": ("sublayer", [1e-7] * 15 + [2.5e-7])})
    save_results(noise, tmp_path / "controls" / "noise_floor.zarr")
    said = gather(write_run(tmp_path, results)).limits
    assert said[-1] == (
        "Read in other batches, the same texts give states that differ by up to 2.5 × 10⁻⁷ of their length: what "
        "is "
        "smaller is noise of the arithmetic."
    )


@pytest.mark.usefixtures("undrawn")
def test_panels_are_drawn_with_the_noise_that_was_measured(results, tmp_path, monkeypatch):
    noise = xr.Dataset({"velocity_noise": ("transition", np.full(results.sizes["transition"], 0.25))})
    save_results(noise, tmp_path / "controls" / "noise_floor.zarr")
    given = []

    def watched(panel, inputs, alt, file):
        given.append(inputs.noise)
        return Picture("data:,", 10, 10, alt)

    monkeypatch.setattr(content, "picture", watched)
    gather(write_run(tmp_path, results))
    np.testing.assert_array_equal(given[0]["velocity_noise"], noise["velocity_noise"])


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("section", "asked"),
    [({"reference": True, "formats": ["png"]}, True), ({"reference": False}, False), (None, False), ([1], False)],
)
def test_panels_are_drawn_as_the_runs_own_figures(results, tmp_path, monkeypatch, section, asked):
    given = []

    def watched(panel, inputs, alt, file):
        given.append(inputs.reference)
        return Picture("data:,", 10, 10, alt)

    monkeypatch.setattr(content, "picture", watched)
    found = gather(write_run(tmp_path, results, run={**RUN, "figure": section}))
    assert set(given) == {asked}
    said = {panel.letter for panel in found.panels if any("Dashed is the paper's" in line for line in panel.seen)}
    assert said == ({"E", "F", "H"} if asked else set())


@pytest.mark.usefixtures("undrawn")
def test_settings_of_figures_that_cannot_be_read_are_those_by_default(results, tmp_path):
    found = gather(write_run(tmp_path, results, run={"figure": {"reference": "perhaps"}}))
    assert not any("Dashed" in line for panel in found.panels for line in panel.seen)


def test_pictures_of_the_figures_stage_are_taken_as_long_as_it_would_draw_the_same(copied, monkeypatch):
    given = {}

    def watched(panel, inputs, alt, file):
        given[panel.stem] = file
        return Picture("data:,", 10, 10, alt)

    monkeypatch.setattr(content, "picture", watched)
    gather(copied)
    assert set(given.values()) == {None}
    files = {stem: copied / "figures" / f"{stem}.png" for stem in given}
    (copied / "figures").mkdir()
    for stem, path in files.items():
        path.write_bytes(stem.encode())
    stage = figures_stage(copied, FigureSettings())
    stage.begin(copied)
    stage.finish(copied, list(files.values()))
    gather(copied)
    assert given == files
    # The paper's curves are asked for now.
    write_run(copied, run={**RUN, "figure": {"reference": True}})
    gather(copied)
    assert set(given.values()) == {None}
    write_run(copied, run=RUN)
    files["panel_e"].write_bytes(b"another")
    gather(copied)
    assert set(given.values()) == {None}
    files["panel_e"].write_bytes(b"panel_e")
    gather(copied)
    assert given == files
    (copied / "results.zarr").rename(copied / "earlier.zarr")
    save_results(make_results(position="random"), copied / "results.zarr")
    gather(copied)
    assert set(given.values()) == {None}


@pytest.mark.slow
def test_the_papers_curves_are_in_the_pictures(results, tmp_path):
    pages = {
        asked: gather(write_run(tmp_path / str(asked), results, run={"figure": {"reference": asked}}))
        for asked in (False, True)
    }
    drawn = {
        asked: {panel.letter + panel.name: panel.picture.address for panel in page.panels}
        for asked, page in pages.items()
    }
    changed = {name[0] for name in drawn[True] if drawn[True][name] != drawn[False][name]}
    assert changed == {"E", "F", "H"}


@pytest.mark.usefixtures("undrawn")
def test_verdicts_of_format_1_are_reported(copied):
    record = old_record()
    (copied / "claims.json").write_text(json.dumps(record))
    found = gather(copied)
    assert [one.verdict for one in found.verdicts.claims] == [one["verdict"] for one in record["claims"]]
    assert found.abstract
    assert any(panel.claims for panel in found.panels)


@pytest.mark.usefixtures("undrawn")
def test_no_noise_is_said_to_be_none(results, tmp_path):
    noise = xr.Dataset({"state_noise": ("sublayer", [0.0] * 16)})
    save_results(noise, tmp_path / "controls" / "noise_floor.zarr")
    said = gather(write_run(tmp_path, results)).limits
    assert said[-1] == "Read in other batches, the same texts give the same bits."


@pytest.mark.slow
def test_a_hostile_run_is_drawn_and_told(tmp_path, moved):
    results = make_results(model=HOSTILE, texts=HOSTILE, position=HOSTILE)
    save_results(results, tmp_path / "results.zarr")
    assert open_results(tmp_path / "results.zarr").attrs["model"] == results.attrs["model"]
    run = {**RUN, "warnings": [HOSTILE], "request": {"model": HOSTILE, "texts": HOSTILE}}
    report = gather(write_run(tmp_path, None, moved, example_claims(model=HOSTILE), run))
    assert HOSTILE in report.warnings
    assert "alert(1)" in report.title
    assert len(report.panels) == len(FIRST)

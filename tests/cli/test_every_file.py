"""Whatever happens to whichever file of a finished run: `verify` names it, no reader shows it, a run mends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import residyn as rd
from residyn.errors import StoreError
from residyn.pipeline.verification import Verification, verified
from residyn.runs.stages import read_stage
from residyn.store.layout import LOCK, MANIFEST, RUN, SAMPLES, marker_path, shard_path
from whole_runs import FEW, differing

pytestmark = pytest.mark.slow

UNTOLD = (LOCK, RUN)
"""Files that say nothing of a number, wherever they stand; of the run's own run.json, see below."""


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def link(path: Path) -> None:
    """To a file of somebody else."""
    path.rename(other(path))
    flip(other(path))
    path.symlink_to(other(path))


def other(path: Path) -> Path:
    """Beside the run, so that it is none of its files."""
    run = next(folder for folder in path.parents if folder.name == "run")
    return run.with_name(f"{path.relative_to(run).as_posix().replace('/', ' in ')} of somebody else")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


HARM: dict[str, Callable[[Path], None]] = {
    "flip": flip,
    "cut": cut,
    "delete": Path.unlink,
    "empty": empty,
    "link": link,
    "folder": folder,
}


def files(run: Path) -> list[str]:
    """Every file of a run that says something."""
    found = (path for path in run.rglob("*") if path.is_file() and path.name not in UNTOLD)
    return sorted(path.relative_to(run).as_posix() for path in found)


def is_key(name: str) -> bool:
    """Whether a file says what others are: where it is harmed, these are not looked at any more."""
    at = Path(name)
    owner = at.parts[2:] if at.parts[0] == "controls" else at.parts
    return owner[0] in (MANIFEST, SAMPLES, "stages") or (owner[0] == "states.zarr" and at.name == "zarr.json")


def named(found: Verification, run: Path) -> set[str]:
    """The files that verifying named; a shard, and the marker that says what it is, by one another."""
    names = {one.file for one in found.outputs.differences}
    states = {"": found.states, **{f"controls/{name}/": of for name, of in found.controls.items()}}
    for within, report in states.items():
        if not isinstance(report, str):
            # Where both are gone, it is said to be missing.
            for shard in (*(damage.shard for damage in report.damaged), *report.pending):
                both = shard_path(run, shard), marker_path(run, shard)
                names |= {f"{within}{path.relative_to(run).as_posix()}" for path in both}
    return names


@pytest.mark.parametrize("harm", HARM)
def test_every_file_that_was_harmed_is_named(small, tmp_path, harm):
    run = shutil.copytree(small, tmp_path / "run")
    hurt = [name for name in files(run) if not is_key(name)]
    assert len(hurt) > 600
    for name in hurt:
        HARM[harm](run / name)
    assert sorted(set(hurt) - named(verified(run), run)) == []


@pytest.mark.parametrize("harm", HARM)
def test_every_file_that_says_what_others_are_is_named(small, tmp_path, harm):
    """Manifests, samples, the arrays' metadata, markers, records of stages: one at a time."""
    run = shutil.copytree(small, tmp_path / "run")
    hurt = [name for name in files(run) if is_key(name)]
    assert len(hurt) > 30
    if harm == "delete":
        # Controls have ledgers of their own, which cover them without it: it is made again and not missed.
        hurt.remove("stages/controls.json")
    silent = []
    for name in hurt:
        whole = (run / name).read_bytes()
        HARM[harm](run / name)
        try:
            found = verified(run)
            # Where a record is gone, what its stage left is told to be covered by nothing, or known to nobody.
            gone = harm == "delete" and name.startswith("stages/") and (found.note or found.outputs.unknown)
            told = not found.ok and f"/{name}" in str(found.controls)
            silent += [] if name in named(found, run) or gone or told else [name]
        except StoreError as error:
            silent += [] if str(run) in str(error) and Path(name).name in str(error) else [name]
        restore(run / name, whole)
    assert silent == []


def restore(path: Path, content: bytes) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    path.unlink(missing_ok=True)
    other(path).unlink(missing_ok=True)
    path.write_bytes(content)


FOREIGN: dict[str, Callable[[bytes], bytes]] = {
    "null": lambda _: b"null",
    "a number": lambda _: b"7",
    "a text": lambda _: b'"residyn run"',
    "a list": lambda _: b"[]",
    "nothing": lambda _: b"{}",
    "other fields": lambda _: b'{"format": "residyn run", "format_version": 1}',
    "a later version": lambda _: b'{"format": "residyn run", "format_version": 999}',
    "deep": lambda _: b'{"a": ' * 70 + b"1" + b"}" * 70,
    "infinite": lambda content: content.replace(b": 1", b": 1e999", 1) if b": 1" in content else b"Infinity",
    "no text": lambda content: content[:-3] + b"\xff\xfe" + content[-1:],
    "UTF-16": lambda content: content.decode().encode("utf-16"),
    "a key twice": lambda content: content.rstrip()[:-1] + b', "format": 1, "format": 1}',
    "a value more": lambda content: content.rstrip() + b"\n{}",
}
"""JSON in the place of a record, made of that record."""


def is_record(name: str) -> bool:
    """Whether a file is a JSON record that says what other files are: of the run, or of a control."""
    return is_key(name) and name.endswith(".json")


@pytest.mark.parametrize("foreign", FOREIGN)
def test_other_json_in_the_place_of_a_record_is_named(small, tmp_path, foreign):
    run = shutil.copytree(small, tmp_path / "run")
    hurt = [name for name in files(run) if is_record(name)]
    assert len(hurt) > 20
    silent = []
    for name in hurt:
        whole = (run / name).read_bytes()
        (run / name).write_bytes(FOREIGN[foreign](whole))
        silent += [] if is_told(run, name) else [name]
        (run / name).write_bytes(whole)
    assert silent == []


def is_told(run: Path, name: str) -> bool:
    """Whether verifying a run says that this file is not what it was, or that it and the samples do not agree."""
    try:
        found = verified(run)
    except StoreError as error:
        return str(run) in str(error) and any(one in str(error) for one in (Path(name).name, SAMPLES))
    return name in named(found, run) or (not found.ok and f"/{name}" in str(found.controls))


def test_files_of_another_run_are_named(small, tmp_path):
    """A control is a run too: each of its files in the place of the run's own, one at a time."""
    run = shutil.copytree(small, tmp_path / "run")
    taken = []
    for path in sorted((run / "controls" / "shuffled-tokens").rglob("*")):
        name = path.relative_to(run / "controls" / "shuffled-tokens").as_posix()
        if not path.is_file() or path.name in UNTOLD or not (run / name).is_file():
            continue
        whole = (run / name).read_bytes()
        assert path.read_bytes() != whole or name.endswith("zarr.json"), name
        (run / name).write_bytes(path.read_bytes())
        taken += [name] if path.read_bytes() != whole and not is_told(run, name) else []
        (run / name).write_bytes(whole)
    assert taken == []


PARTS = {
    "analysis": lambda name: "tables" if name.startswith("tables/") else "results",
    "controls": lambda _: "controls",
    "noise_floor": lambda _: "noise_floor",
    "teleports": lambda name: "tables" if name.startswith("tables/") else "teleports",
    "jacobians": lambda name: "tables" if name.startswith("tables/") else "jacobians",
    "outputs": lambda name: "tables" if name.startswith("tables/") else "outputs",
    "claims": lambda _: "claims",
    "figures": lambda _: "pictures",
}
"""What Python gives of the files of a stage."""


def test_python_is_given_nothing_of_a_file_that_was_harmed(small, tmp_path):
    """Each file in one way, the ways in turn."""
    run = shutil.copytree(small, tmp_path / "run")
    shown = []
    for stage, part in PARTS.items():
        record = read_stage(run, stage)
        assert record is not None
        apart = ("teleport.zarr/", "untrained/", "jacobians/parts/", "outputs/parts/")
        read = [name for name in record.files if not name.startswith(apart)]
        for i, name in enumerate(read):
            whole = (run / name).read_bytes()
            list(HARM.values())[i % len(HARM)](run / name)
            try:
                getattr(rd.open_run(run), part(name))
            except StoreError as error:
                shown += [] if "again: residyn" in str(error) else [f"{name}: {error}"]
            else:
                shown.append(name)
            restore(run / name, whole)
    assert shown == []


def test_a_record_of_controls_that_is_lost_is_made_again(residyn, small, tmp_path):
    run = shutil.copytree(small, tmp_path / "run")
    (run / "stages" / "controls.json").unlink()
    code, _, errors = residyn("controls", run, "-q")
    assert code == 0, errors
    assert differing(run, small) == []


@pytest.mark.parametrize("mend", ["verify", "run"])
def test_every_file_that_was_harmed_is_mended(residyn, asked, small, tmp_path, mend):
    """All at once, each in one way, the ways in turn: but for the four files that nobody makes again.

    States are mended by `verify --repair` alone, which reads them all; it goes by the records of stages. A run
    makes most of these anew, but without a record it does not take a folder for its own whose manifest is damaged.
    """
    ways = [harm for name, harm in HARM.items() if name != "folder"]
    run = shutil.copytree(small, tmp_path / "run")
    left = {
        "verify": (MANIFEST, SAMPLES, "states.zarr/zarr.json", "states.zarr/states/zarr.json", "stages/"),
        "run": (MANIFEST, SAMPLES, "states.zarr/", "commits/", "stages/controls.json", "stages/teleports.json"),
    }
    hurt = [name for name in files(run) if not name.startswith(left[mend])]
    for i, name in enumerate(hurt):
        ways[(i + (mend == "run")) % len(ways)](run / name)
    command = ("verify", run, "--repair", "-q") if mend == "verify" else ("run", *asked, *FEW, "--out", run)
    code, _, errors = residyn(*command)
    assert code == 0, errors
    assert differing(run, small) == []


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        ("states.zarr/states/c.1.0.0", "capture"),
        ("commits/000001.json", "capture"),
        ("tables/cosine.csv", "analyze"),
        ("controls/untrained-0/commits/000000.json", "controls"),
        ("teleport.zarr/host-00000.zip", "teleport"),
        ("claims.json", "claims"),
        ("figures/figure1.png", "figure"),
        ("report.html", "report"),
        ("stages/report.json", "report"),
    ],
)
def test_a_folder_in_the_place_of_a_file_is_named_and_left(residyn, small, tmp_path, name, verb):
    """Nobody but its owner knows what is in it."""
    run = shutil.copytree(small, tmp_path / "run")
    folder(run / name)
    (run / name / "mine").write_text("mine")
    code, _, errors = residyn(verb, run, "-q")
    said = " ".join(errors.split())
    assert (code, str(run / name) in said, "Move it away" in said) == (5, True, True), said
    assert (run / name / "mine").read_text() == "mine"
    shutil.rmtree(run / name)
    code, _, errors = residyn(verb, run, "-q")
    assert code == 0, errors
    assert differing(run, small) == []

"""States to analyze, random walks over depth labelled as a model's; and a finished run of a tiny model."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import xarray as xr

from residyn.schema import Sublayer, label_states
from whole_runs import FEW


@pytest.fixture(scope="session")
def make_states() -> Callable[..., xr.DataArray]:
    return walking_states


def walking_states(
    n: int = 40,
    layers: int = 3,
    units: int = 12,
    *,
    seed: int = 0,
    sites: Sequence[str] = ("attn", "mlp"),
    data: np.ndarray | None = None,
    **attrs: object,
) -> xr.DataArray:
    sublayers = [Sublayer(layer, site) for layer in range(layers) for site in sites]
    rng = np.random.default_rng(seed)
    if data is None:
        data = np.cumsum(rng.standard_normal((n, len(sublayers), units)), axis=1).astype(np.float32)
        data += rng.normal(0, 2, units).astype(np.float32)
    n = len(data)
    return label_states(
        data,
        sublayers,
        sample=np.arange(100, 100 + n),
        sample_coords={
            "text_id": np.array([f"text-{i}" for i in range(n)], dtype=object),
            "n_tokens": np.arange(n) + 3,
            "last_token": np.arange(n) % 5,
        },
        attrs={"model": "walk", "states_hash": "0f" * 8, "distinct_last_tokens": np.int64(min(n, 5)), **attrs},
    )


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """A tiny Llama as a user has it: a folder with safetensors, config, tokenizer; its head is its embedding."""
    from families import build, spelling_tokenizer

    folder = tmp_path_factory.mktemp("model") / "tiny-llama"
    model = build("llama")
    model.config.tie_word_embeddings = True
    model.save_pretrained(folder)
    spelling_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def texts_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "lines.txt"
    path.write_text("\n".join(f"{'abc defg hij ' * (1 + i % 4)}number {i}" for i in range(45)), encoding="utf-8")
    return path


@pytest.fixture
def residyn(capsys):
    """Run a command line in this process: (exit code, standard output, standard error)."""
    from residyn.cli.running import run_command

    def command(*arguments) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run_command([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return command


@pytest.fixture(scope="session")
def asked(model_folder, texts_file):
    """The options of a small run."""
    return (model_folder, "--texts", texts_file, "--min-chars", 0, "--n", 40, "-q")


@pytest.fixture(scope="session")
def finished(asked, tmp_path_factory):
    """A finished run, not to be touched."""
    from residyn.cli.running import run_command

    out = tmp_path_factory.mktemp("runs") / "finished"
    assert run_command([str(argument) for argument in ("run", *asked, "--out", out)]) == 0
    return out


@pytest.fixture(scope="session")
def small(asked, tmp_path_factory):
    """A finished run of few numbers, not to be touched."""
    from residyn.cli.running import run_command

    out = tmp_path_factory.mktemp("runs") / "small"
    assert run_command([str(argument) for argument in ("run", *asked, *FEW, "--out", out)]) == 0
    return out


@pytest.fixture
def copied(finished, tmp_path):
    """A finished run of the test's own."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Give all files that need a finished run to one process, which makes it once; every other file to any."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    needing = {item.path for item in items if "finished" in getattr(item, "fixturenames", ())}
    for item in items:
        group = "finished" if item.path in needing else item.nodeid.split("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))

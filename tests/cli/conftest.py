from __future__ import annotations

import shutil

import pytest

from families import build, spelling_tokenizer
from residyn.cli.main import run_command


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """A tiny Llama as a user has it: a folder with safetensors, config and tokenizer."""
    folder = tmp_path_factory.mktemp("model") / "tiny-llama"
    build("llama").save_pretrained(folder)
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
    out = tmp_path_factory.mktemp("runs") / "finished"
    assert run_command([str(argument) for argument in ("run", *asked, "--out", out)]) == 0
    return out


@pytest.fixture
def copied(finished, tmp_path):
    """A finished run of the test's own."""
    return shutil.copytree(finished, tmp_path / "run")

"""Wheel and sdist hold what residyn needs to run, and nothing of the machine that built them."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "residyn"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the sdist, and the wheel that is built out of it."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    return folder


def test_the_wheel_holds_every_file_of_the_package(built):
    (wheel,) = built.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    files = {path.relative_to(PACKAGE.parent).as_posix() for path in PACKAGE.rglob("*") if path.is_file()}
    wanted = {name for name in files if "__pycache__" not in name}
    assert wanted <= held
    assert {name.split("/")[0] for name in held} == {"residyn", f"{wheel.name.split('-py3')[0]}.dist-info"}


def test_the_sdist_holds_what_builds_and_tests_it(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert {"Makefile", "constraints.txt", "pyproject.toml", "docs/conf.py", "tests/conftest.py"} <= held
    assert not [name for name in held if "_generated" in name or name.startswith(("build/", "runs/", ".venv"))]


def test_the_wheel_runs_alone(built, tmp_path, small):
    """Installed into a folder of its own, without the checkout, it opens a run and writes its pages."""
    (wheel,) = built.glob("*.whl")
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel]
    subprocess.run(install, check=True, capture_output=True)
    program = (
        f"import sys; sys.path.insert(0, {str(site)!r}); import shutil; import residyn as rd; "
        f"assert rd.__file__.startswith({str(site)!r}), rd.__file__; shutil.copytree({str(small)!r}, 'run'); "
        "print(rd.write_report('run'), rd.write_explorer('run'))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "explorer.html").stat().st_size > 10_000

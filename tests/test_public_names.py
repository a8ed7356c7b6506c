from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import residyn as rd


def test_importing_residyn_is_light():
    """`import residyn` loads neither torch nor matplotlib; and the check itself can fail."""
    program = (
        "import sys; import residyn; "
        "heavy = {'torch', 'transformers', 'matplotlib', 'dask', 'zarr'} & sys.modules.keys(); "
        "assert not heavy, heavy; "
        "residyn.load_model; assert 'torch' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_there_and_says_what_it_is():
    for name in rd.__all__:
        assert getattr(rd, name).__doc__, name


def test_types_and_names_agree():
    """What a type checker sees is what is imported at run time."""
    tree = ast.parse(Path(rd.__file__).read_text(encoding="utf-8"))
    typed = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("residyn"):
            typed |= {alias.asname or alias.name: node.module for alias in node.names}
    assert typed.pop("plot") == "residyn.figures"
    homes = dict(rd._HOMES)
    assert homes.pop("plot") == "residyn.figures.panels"
    assert typed == homes
    assert sorted(rd.__all__) == sorted(rd._HOMES)


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(rd, "no_such_quantity")

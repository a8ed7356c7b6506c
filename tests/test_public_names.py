from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import residyn as rd
from residyn.quantities.registry import quantities


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


def test_every_quantity_is_a_public_name():
    for name, quantity in quantities().items():
        assert getattr(rd, name) is quantity
        assert name in dir(rd)
    assert not set(quantities()) & set(rd.__all__)


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(rd, "no_such_quantity")
    with pytest.raises(AttributeError, match="Did you mean 'velocity'"):
        rd.velocty  # noqa: B018 - it is the looking up that is tried


def test_completion_shows_public_names_only():
    for place in (rd, rd.plot, rd.targets):
        for name in dir(place):
            found = getattr(place, name)
            if name.startswith("__") or found in (rd.plot, rd.targets):
                continue
            assert not inspect.ismodule(found), name
            assert str(getattr(found, "__module__", "residyn")).startswith("residyn"), name
    assert "velocity" in dir(rd.plot)
    assert "grid" in dir(rd.targets)

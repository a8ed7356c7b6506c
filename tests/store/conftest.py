import multiprocessing
import shutil

import pytest

from store.producer import complete


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    return complete(tmp_path_factory.mktemp("template") / "run")


@pytest.fixture
def run(template, tmp_path):
    """A complete run of 11 samples × 5 sublayers × 7 units in 6 shards, the last of one row."""
    return shutil.copytree(template, tmp_path / "run")


@pytest.fixture(scope="session")
def processes():
    """Child processes that start in milliseconds: forked from a server that has imported the store."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["zarr", "zarr.codecs", "zarr.storage", "residyn.store", "store.producer"])
    return context

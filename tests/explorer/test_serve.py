"""A run served to this machine alone: what is given, to whom, and that it is what the states hold."""

from __future__ import annotations

import http.client
import re
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest

import residyn as rd
from residyn.errors import ResourceError, StoreError
from residyn.explorer.serve import ADDRESS, Viewer


@pytest.fixture(scope="module")
def viewer(run):
    with Viewer(run) as opened:
        thread = threading.Thread(target=opened.serve_forever, daemon=True)
        thread.start()
        yield opened
        opened.shutdown()


def ask(
    viewer: Viewer, path: str, method: str = "GET", host: str | None = None
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection(ADDRESS, viewer.port, timeout=60)
    connection.request(method, path, headers={"Host": host or f"{ADDRESS}:{viewer.port}"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, dict(answer.headers)


def test_the_page_is_the_explorer_which_may_ask_its_viewer(viewer, run):
    status, content, headers = ask(viewer, f"/{viewer.token}/")
    assert status == 200
    page = content.decode("utf-8")
    assert "connect-src 'self'" in headers["Content-Security-Policy"]
    assert "connect-src" in page
    assert "connect-src" not in (run / "explorer.html").read_text(encoding="utf-8")
    data = re.compile(r'id="data">([^<]*)<')
    assert data.search(page)[1] == data.search((run / "explorer.html").read_text(encoding="utf-8"))[1]
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


def test_units_and_samples_are_those_of_the_states(viewer, run):
    states = rd.open_states(run)
    status, content, _ = ask(viewer, f"/{viewer.token}/unit/7")
    assert status == 200
    wanted = states.sel(unit=7).transpose("sublayer", "sample").values
    np.testing.assert_array_equal(np.frombuffer(content, "<f4").reshape(wanted.shape), wanted)
    label = viewer.runs[0].explorer.samples.label[3]
    _, content, _ = ask(viewer, f"/{viewer.token}/sample/{label}")
    wanted = states.sel(sample=label).values
    np.testing.assert_array_equal(np.frombuffer(content, "<f4").reshape(wanted.shape), wanted)


@pytest.mark.parametrize(
    "path",
    [
        "/", "/unit/7", "/{token}", "/{token}x/", "/x{token}/", "/{token}/unit/99999", "/{token}/unit/-1",
        "/{token}/unit/7/", "/{token}/unit/", "/{token}/unit/%C2%B2", "/{token}/sample/1e3",
        "/{token}/../run.json", "/{token}/run.json", "/{token}/unit/%2e%2e",
        "/{token}//etc/passwd", "/{token}/unit/" + "9" * 400,
    ],
)  # fmt: skip
def test_nothing_else_is_given(viewer, path):
    status, content, _ = ask(viewer, path.format(token=viewer.token))
    assert status == 404
    assert content == b"Not Found"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1"])
def test_another_host_is_refused(viewer, host):
    assert ask(viewer, f"/{viewer.token}/", host=host.format(port=viewer.port))[0] == 403
    assert ask(viewer, f"/{viewer.token}/", host=f"localhost:{viewer.port}")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_written(viewer, method):
    assert ask(viewer, f"/{viewer.token}/", method)[0] == 501


def test_it_listens_to_this_machine_alone_and_tokens_differ(viewer, run):
    assert viewer.server_address[0] == "127.0.0.1"
    assert len(viewer.token) >= 32
    with pytest.raises(ResourceError, match="--port"), Viewer(run, port=viewer.port):
        pass


def test_a_run_without_states_is_not_served(copied):
    (copied / "manifest.json").unlink()
    with pytest.raises(StoreError, match=r"explorer\.html"):
        Viewer(copied)


def test_a_damaged_shard_is_told(copied):
    shard = next((copied / "states.zarr" / "states").glob("c.*"))
    with Viewer(copied) as opened:
        threading.Thread(target=opened.serve_forever, daemon=True).start()
        content = bytearray(shard.read_bytes())
        content[20:60] = bytes(40)
        shard.write_bytes(content)
        status, told, _ = ask(opened, f"/{opened.token}/unit/3")
        opened.shutdown()
    assert status == 500
    assert b"damaged" in told


def test_the_command_names_its_address_and_ends_when_asked(run):
    # Whoever starts the tests in the background has them ignore what Ctrl-C sends, and so do their children.
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{heeding}; from residyn.cli import main; main()"
    command = [sys.executable, "-c", program, "view", str(run), "-q"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    url = process.stdout.readline().strip()
    port, token = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/([\w-]+)/", url).groups()
    connection = http.client.HTTPConnection(ADDRESS, int(port), timeout=60)
    connection.request("GET", f"/{token}/")
    assert connection.getresponse().status == 200
    process.send_signal(2)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((ADDRESS, int(port)), timeout=5)

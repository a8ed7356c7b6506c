"""The explorer served to this machine alone, with what a page has no room for read out of the states on demand."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from functools import cached_property, lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import xarray as xr

from residyn import store
from residyn.errors import ResidynError, ResourceError, StoreError
from residyn.explorer.content import gather
from residyn.explorer.page import policy_of, render
from residyn.explorer.record import Explorer
from residyn.schema import SAMPLE, SUBLAYER, UNIT

ADDRESS = "127.0.0.1"
_KEPT = 64
"""Units and samples that are kept in memory once they were read."""


class Viewer(ThreadingHTTPServer):
    """A server of one run on 127.0.0.1; `url` holds the token without which nothing is given.

    GET URL gives the explorer; below it unit/N gives the activations of unit N, (sublayer, sample), and
    sample/LABEL those of one sample, (sublayer, unit), as float32, little-endian. Nothing can be written, and a
    request that names another host, as of a page elsewhere that was pointed here, is refused.
    """

    daemon_threads = True

    def __init__(self, directory: Path, port: int = 0) -> None:
        self.directory, self.token = directory, secrets.token_urlsafe(24)
        self.explorer: Explorer = gather(directory)
        self.states = _states(directory)
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise ResourceError(
                f"The explorer is served on port {port} of {ADDRESS}, which cannot be used ({error.strerror}). "
                "Name another one (--port), or none: a free one is found."
            ) from error
        self.unit = lru_cache(_KEPT)(self._unit)
        self.sample = lru_cache(_KEPT)(self._sample)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.port}/{self.token}/"

    @cached_property
    def page(self) -> bytes:
        return render(self.explorer, served=True).encode("utf-8")

    def _unit(self, name: str) -> bytes:
        """Raises KeyError where there is no such unit."""
        chosen = self.states.sel({UNIT: _whole(name), SAMPLE: list(self.explorer.samples.label)})
        return _bytes(chosen.transpose(SUBLAYER, SAMPLE))

    def _sample(self, name: str) -> bytes:
        """Raises KeyError where there is no such sample."""
        return _bytes(self.states.sel({SAMPLE: _whole(name)}).transpose(SUBLAYER, UNIT))


class _Handler(BaseHTTPRequestHandler):
    server_version, sys_version = "residyn", ""
    protocol_version = "HTTP/1.1"

    @property
    def viewer(self) -> Viewer:
        assert isinstance(self.server, Viewer)
        return self.server

    def do_GET(self) -> None:
        here = {f"{name}:{self.viewer.port}" for name in (ADDRESS, "localhost")}
        if self.headers.get("Host") not in here:
            self._say(HTTPStatus.FORBIDDEN)
            return
        try:
            content, kind = self._asked()
        except KeyError:
            self._say(HTTPStatus.NOT_FOUND)
        except ResidynError as error:
            self._say(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        else:
            self._give(content, kind)

    def _asked(self) -> tuple[bytes, str]:
        """What a path asks for, and its kind. Raises KeyError where there is no such thing."""
        _, token, *path = self.path.split("/")
        if not hmac.compare_digest(token.encode(), self.viewer.token.encode()):
            raise KeyError(token)
        if path == [""]:
            return self.viewer.page, "text/html; charset=utf-8"
        if len(path) != 2:
            raise KeyError(self.path)
        readers: dict[str, Callable[[str], bytes]] = {"unit": self.viewer.unit, "sample": self.viewer.sample}
        return readers[path[0]](path[1]), "application/octet-stream"

    def _say(self, status: HTTPStatus, words: str = "") -> None:
        self._give((words or status.phrase).encode("utf-8"), "text/plain; charset=utf-8", status)

    def _give(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": policy_of(served=True),
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are nobody's business."""


def _states(directory: Path) -> xr.DataArray:
    """The run's states. Raises StoreError where it holds none, or not whole."""
    if not store.has_manifest(directory):
        raise StoreError(
            f"What a view reads on demand are the states, and {directory} holds none. "
            f"Open {directory}/explorer.html instead, or capture them: residyn capture {directory}"
        )
    return store.open_states(directory)


def _whole(name: str) -> int:
    """A label that is a whole number. Raises KeyError for anything else."""
    if not name.isascii() or not name.isdigit() or len(name) > 18:
        raise KeyError(name)
    return int(name)


def _bytes(values: xr.DataArray) -> bytes:
    return np.ascontiguousarray(values.values, dtype="<f4").tobytes()

"""The explorer served to this machine alone, with what a page has no room for read out of the states on demand."""

from __future__ import annotations

import hmac
import secrets
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from residyn.errors import ResidynError, ResourceError
from residyn.explorer.content import gather
from residyn.explorer.on_demand import OnDemand
from residyn.explorer.page import Holder, pair, pair_policy, policy_of, render
from residyn.explorer.record import Explorer

ADDRESS = "127.0.0.1"
_HTML = "text/html; charset=utf-8"


class Answer(NamedTuple):
    """What is given to a request, its kind, and the content security policy that it is given with."""

    content: bytes
    kind: str
    policy: str


class _Shown:
    """One run that is served: its page, and what is read out of its states."""

    def __init__(self, directory: Path, holder: Holder) -> None:
        self.explorer: Explorer = gather(directory)
        self.states = OnDemand(directory, self.explorer)
        self._holder: Holder = holder

    @cached_property
    def page(self) -> bytes:
        return render(self.explorer, served=True, holder=self._holder).encode("utf-8")

    def answer(self, path: str) -> tuple[bytes, str]:
        """What a path asks for, and its kind. Raises KeyError where there is no such thing."""
        return (self.page, _HTML) if path == "" else (self.states.read(path), "application/octet-stream")


class Viewer(ThreadingHTTPServer):
    """A server of one run, or of two beside each other, on 127.0.0.1; nothing is given without the token in `url`.

    GET URL gives the explorer; below it unit/N gives the activations of unit N, (sublayer, sample), and
    sample/LABEL those of one sample, (sublayer, unit), as float32, little-endian. Of two runs URL gives a page
    that holds both, and 0/ and 1/ below it are the two. Nothing can be written, and a request that names another
    host, as of a page elsewhere that was pointed here, is refused.
    """

    daemon_threads = True

    def __init__(self, directory: Path, beside: Path | None = None, *, port: int = 0) -> None:
        self.token = secrets.token_urlsafe(24)
        both = [directory] if beside is None else [directory, beside]
        self._pair = None if beside is None else pair([str(one) for one in both])
        holder: Holder = "" if beside is None else "pair"
        self.runs = [_Shown(one, holder) for one in both]
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise ResourceError(
                f"The explorer is served on port {port} of {ADDRESS}, which cannot be used ({error.strerror}). "
                "Name another one (--port), or none: a free one is found."
            ) from error

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.port}/{self.token}/"

    def answer(self, path: str) -> Answer:
        """What a path below the token asks for. Raises KeyError where there is no such thing."""
        if self._pair is None:
            return Answer(*self.runs[0].answer(path), policy_of(served=True))
        if path == "":
            return Answer(self._pair.encode("utf-8"), _HTML, pair_policy())
        which, slash, rest = path.partition("/")
        if which not in ("0", "1") or not slash:
            raise KeyError(path)
        return Answer(*self.runs[int(which)].answer(rest), policy_of(served=True))


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
            found = self._asked()
        except KeyError:
            self._say(HTTPStatus.NOT_FOUND)
        except ResidynError as error:
            self._say(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        else:
            self._give(found)

    def _asked(self) -> Answer:
        """What a path asks for. Raises KeyError where there is no such thing."""
        _, token, *path = self.path.split("/", 2)
        if not hmac.compare_digest(token.encode(), self.viewer.token.encode()):
            raise KeyError(token)
        if not path:
            raise KeyError(self.path)
        return self.viewer.answer(path[0])

    def _say(self, status: HTTPStatus, words: str = "") -> None:
        said = (words or status.phrase).encode("utf-8")
        self._give(Answer(said, "text/plain; charset=utf-8", policy_of(served=True)), status)

    def _give(self, answer: Answer, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": answer.kind,
            "Content-Length": str(len(answer.content)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": f"{answer.policy}; frame-ancestors 'self'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are nobody's business."""

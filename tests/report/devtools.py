"""A headless browser spoken to over a pipe, by the DevTools protocol: enough to measure and picture a page."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_LONGEST_WAIT_S = 60.0


def executable() -> str:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise RuntimeError(f"No browser on PATH: looked for {', '.join(NAMES)}.")
    return found


class Browser:
    """One browser with one page; `events` are all that it has said, in order."""

    def __init__(self, profile: Path, *flags: str) -> None:
        (theirs_in, ours_out), (ours_in, theirs_out) = (_high_pipe() for _ in range(2))
        command = (
            executable(), "--headless", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader",
            "--remote-debugging-pipe", "--hide-scrollbars", f"--user-data-dir={profile}", *flags, "about:blank",
        )  # fmt: skip
        # The protocol's pipe is file descriptors 3 and 4 of the browser.
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "browser", *command],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out, self._rest, self._n = ours_in, ours_out, b"", 0
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Log", "Network", "Runtime"):
            self.call(f"{domain}.enable")

    _session: str | None = None

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._n += 1
        message = {"id": self._n, "method": method, "params": params}
        if self._session and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._n:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(
        self, page: Path | str, width: int, height: int = 900, *, dark: bool = False, still: bool = False
    ) -> None:
        """Load a page, a file or an address, at a width of the window; `still` asks for reduced motion."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        motion = {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}
        self.call("Emulation.setEmulatedMedia", features=[scheme, motion])
        self.events.clear()
        self.call("Page.navigate", url=page if isinstance(page, str) else page.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def evaluate(self, expression: str) -> Any:
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def until(self, expression: str) -> Any:
        """The value of an expression, once it is true."""
        ends = time.monotonic() + _LONGEST_WAIT_S
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < ends, f"never true: {expression}"
            time.sleep(0.02)
        return value

    def press(self, key: str) -> None:
        """Press a key, and let go of it."""
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def point(self, x: float, y: float) -> None:
        """Move the mouse to a point of the window."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def drag(self, start: tuple[float, float], end: tuple[float, float], modifiers: int = 0) -> None:
        """Press the mouse, move and let go; `modifiers` are those of the protocol, 8 for Shift."""
        held = {"button": "left", "clickCount": 1, "modifiers": modifiers}
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=start[0], y=start[1], **held)
        for share in (0.3, 0.7, 1.0):
            x, y = (a + share * (b - a) for a, b in zip(start, end, strict=True))
            self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, buttons=1, **held)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=end[0], y=end[1], **held)

    def click(self, selector: str) -> None:
        """Scroll to the first element of a selector and click it with the mouse."""
        box = (
            f"(() => {{ const found = document.querySelector({json.dumps(selector)});"
            " found.scrollIntoView({ block: 'center' }); const box = found.getBoundingClientRect();"
            " return [box.left + box.width / 2, box.top + box.height / 2]; })()"
        )
        at = tuple(self.evaluate(box))
        self.drag(at, at)

    def picture(self, *, whole: bool = False, clip: dict[str, float] | None = None) -> bytes:
        options: dict[str, Any] = {"captureBeyondViewport": whole or clip is not None}
        if clip is not None:
            options["clip"] = {**clip, "scale": 1}
        return base64.b64decode(self.call("Page.captureScreenshot", format="png", **options)["data"])

    def pdf(self) -> bytes:
        return base64.b64decode(self.call("Page.printToPDF", preferCSSPageSize=True)["data"])

    def close(self) -> None:
        self.call("Browser.close")
        self._process.wait(_LONGEST_WAIT_S)
        os.close(self._in)
        os.close(self._out)

    def _next(self) -> dict[str, Any]:
        ends = time.monotonic() + _LONGEST_WAIT_S
        while b"\0" not in self._rest:
            assert time.monotonic() < ends, "the browser did not answer"
            piece = os.read(self._in, 1 << 16)
            assert piece, "the browser has gone"
            self._rest += piece
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)


def _high_pipe() -> tuple[int, int]:
    """A pipe whose ends are not among the descriptors that the browser expects at its own places."""
    low = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in low)
    for end in low:
        os.close(end)
    return high[0], high[1]

"""What a verb is asked for: records whose fields are the options of every verb that takes them."""

from residyn.cli.request.analysis import AnalysisRequest, FigureRequest
from residyn.cli.request.base import recorded
from residyn.cli.request.capture import ModelRequest, Request
from residyn.cli.request.claims import ClaimsRequest
from residyn.cli.request.controls import ControlsRequest
from residyn.cli.request.taking import takes_request, typed_options
from residyn.cli.request.teleports import TeleportRequest

__all__ = [
    "AnalysisRequest",
    "ClaimsRequest",
    "ControlsRequest",
    "FigureRequest",
    "ModelRequest",
    "Request",
    "TeleportRequest",
    "recorded",
    "takes_request",
    "typed_options",
]

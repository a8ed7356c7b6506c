"""The settings of every stage: one frozen record each, whose fields are the flags of the command line, the keys
of run.json and the keyword arguments of `rd.run`.
"""

from residyn.settings.base import Setting, Settings, fields_of, flag, made_of, recorded, typed
from residyn.settings.files import all_values, config_text, read_config
from residyn.settings.reading import (
    BUILT_IN_MODEL,
    CAPTURE_OPTIONS,
    DEVICES,
    CaptureSettings,
    CrewSettings,
    ModelSettings,
    ReloadSettings,
)
from residyn.settings.records import (
    STAGES,
    AnalysisSettings,
    ClaimsSettings,
    ControlsSettings,
    Estimator,
    FigureSettings,
    Format,
    JacobianSettings,
    OutputSettings,
    Precision,
    RunSettings,
    TeleportSettings,
    run_settings,
)
from residyn.settings.signatures import options_of, with_options

__all__ = [
    "BUILT_IN_MODEL",
    "CAPTURE_OPTIONS",
    "DEVICES",
    "STAGES",
    "AnalysisSettings",
    "CaptureSettings",
    "ClaimsSettings",
    "ControlsSettings",
    "CrewSettings",
    "Estimator",
    "FigureSettings",
    "Format",
    "JacobianSettings",
    "ModelSettings",
    "OutputSettings",
    "Precision",
    "ReloadSettings",
    "RunSettings",
    "Setting",
    "Settings",
    "TeleportSettings",
    "all_values",
    "config_text",
    "fields_of",
    "flag",
    "made_of",
    "options_of",
    "read_config",
    "recorded",
    "run_settings",
    "typed",
    "with_options",
]

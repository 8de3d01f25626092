"""Settings: one YAML file, the environment over it, everything checked before anything starts.

`load_settings` is the one entry; what it returns is frozen and complete. Nothing here opens a
connection, creates a directory or starts logging.

    document     YAML text -> tree of values with the line of every key
    environment  variables STREAM_DETECTOR_... -> the same kind of tree
    secrets      `..._file` keys -> the secret they point at; masking of secrets in text
    azure        the forms of connection strings, names and URLs
    model        the keys, their types and defaults
    loading      merge, validate, and report every problem at once
"""

from stream_detector.settings.loading import Loaded, load, load_settings
from stream_detector.settings.model import (
    BlobSettings,
    DeadLetterSettings,
    EmbeddedHubSettings,
    FileSinkSettings,
    HubSettings,
    ObserveSettings,
    RulesSettings,
    Settings,
    SinkSettings,
    StateSettings,
    StdoutSinkSettings,
)

__all__ = [
    "BlobSettings",
    "DeadLetterSettings",
    "EmbeddedHubSettings",
    "FileSinkSettings",
    "HubSettings",
    "Loaded",
    "ObserveSettings",
    "RulesSettings",
    "Settings",
    "SinkSettings",
    "StateSettings",
    "StdoutSinkSettings",
    "load",
    "load_settings",
]

"""From the settings to the options of the windows."""

from __future__ import annotations

from stream_detector.detect.options import WindowOptions
from stream_detector.settings.model import Settings


def window_options(settings: Settings) -> WindowOptions:
    """The detector's options as the settings give them."""
    return WindowOptions(
        lateness=settings.lateness,
        close_grace=settings.close_grace,
        update_interval=settings.update_interval,
    )

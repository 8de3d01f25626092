"""An alert as one line of JSON, the form of the stdout and file sinks."""

from __future__ import annotations

import orjson

from stream_detector.errors import StreamDetectorError
from stream_detector.sinks.port import DeliverableAlert


class SinkClosed(StreamDetectorError):
    """The receiver of a sink has gone for good, such as a pipe whose reader ended."""


def alert_line(alert: DeliverableAlert) -> bytes:
    """One alert as UTF-8 JSON with a newline at its end, and no other newline in it.

    Raises:
        TypeError: the alert holds a value that JSON cannot carry, such as half a surrogate pair.
    """
    return orjson.dumps(alert.to_dict(), option=orjson.OPT_APPEND_NEWLINE)

"""One pipeline for all logs: ours and those of other libraries, on standard error.

JSON lines when nobody watches, readable lines on a terminal; times in UTC. Secrets are masked in
every record, and no text can break out of its line. The program logs with `logging.getLogger` and
`extra={...}`; nothing but this module knows structlog.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import orjson
import structlog
from structlog.typing import Processor

from stream_detector.observe.masking import mask, mask_text

LogFormat = Literal["auto", "json", "console"]

_QUIET = ("azure", "uamqp", "aiohttp", "asyncio", "urllib3", "msal")
"""Libraries that tell every link and token at INFO."""
_OWN_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "_logger",
    "_name",
}
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def configure_logging(
    level: str = "info", log_format: LogFormat = "auto", stream: TextIO | None = None
) -> None:
    """Send all logs of the process to `stream` (standard error); replaces an earlier configuration.

    Args:
        level: debug, info, warning or error; libraries stay at warning.
        log_format: auto is console on a terminal and JSON lines elsewhere.
    """
    stream = sys.stderr if stream is None else stream
    console = log_format == "console" or (log_format == "auto" and stream.isatty())
    output = logging.StreamHandler(stream)
    output.setFormatter(_formatter(console, colors=console and stream.isatty()))
    root = logging.getLogger()
    for earlier in list(root.handlers):
        if isinstance(earlier.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(earlier)
    root.addHandler(output)
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.raiseExceptions = False  # a log that cannot be written must not write a traceback
    logging.captureWarnings(True)


def _formatter(console: bool, colors: bool) -> logging.Formatter:
    before: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_extra,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    after: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _mask_all]
    if console:
        after += [_one_line, structlog.dev.ConsoleRenderer(colors=colors, sort_keys=False)]
    else:
        after += [_in_order, _to_json]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=after)


def _add_extra(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The `extra` of a record as fields of its own; none can replace the message, level or time."""
    for name, value in vars(event["_record"]).items():
        if name not in _OWN_ATTRIBUTES:
            event[name if name not in event and name != "timestamp" else f"{name}_"] = value
    return event


def _mask_all(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: mask(value) for name, value in event.items()}


def _in_order(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Time, level and message first, for eyes that scan JSON lines."""
    first = ("timestamp", "level", "event", "logger")
    return {name: event[name] for name in first if name in event} | dict(event)


def _to_json(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    try:
        return orjson.dumps(event, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # Half a surrogate pair, or an integer beyond 64 bits.
        return json.dumps(event, default=repr, ensure_ascii=True)


def _one_line(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Control characters as escapes; a traceback keeps its lines, each marked as not being a record."""
    shown: dict[str, Any] = {}
    for name, value in event.items():
        if name == "exception":
            lines = (_escape(line) for line in str(value).split("\n"))
            shown[name] = "\n".join(f"    | {line}" for line in lines)
        else:
            shown[name] = _escape(value) if isinstance(value, str) else _escape_inside(value)
    return shown


def _escape(text: str) -> str:
    return _UNPRINTABLE.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def _escape_inside(value: object) -> object:
    return (
        value if value is None or isinstance(value, (bool, int, float)) else _escape(mask_text(repr(value)))
    )

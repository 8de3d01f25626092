"""What reaches standard error: one record a line, in UTC, without secrets."""

from __future__ import annotations

import io
import json
import logging
import re
import time
from collections.abc import Iterator

import pytest

from stream_detector.observe.alert_line import log_alert
from stream_detector.observe.logs import configure_logging
from stream_detector.observe.masking import mask_text

SECRET = "c2VjcmV0LXZhbHVl"


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:], root.level, logging.raiseExceptions = before
    logging.captureWarnings(False)


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def logged(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_one_line_of_json_with_its_extra_fields() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    logging.getLogger("stream_detector.hub").info("received %d", 3, extra={"partition": "0", "event": "mine"})
    (record,) = logged(stream)
    assert record["event"] == "received 3"
    assert record["event_"] == "mine"
    assert record["partition"] == "0"
    assert record["level"] == "info"
    assert record["logger"] == "stream_detector.hub"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", str(record["timestamp"]))


def test_a_terminal_gets_readable_lines() -> None:
    stream = Screen()
    configure_logging(stream=stream)
    logging.getLogger("x").warning("hub is away", extra={"seconds": 3})
    text = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    assert "hub is away" in text
    assert "seconds=3" in text
    assert not text.startswith("{")


@pytest.mark.parametrize(
    "leak",
    [
        f"Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey={SECRET}=;EntityPath=e",
        f"AccountName=a;AccountKey={SECRET}==;EndpointSuffix=core.windows.net",
        f"SharedAccessSignature=SharedAccessSignature sr=sb&sig={SECRET}&se=1",
        f"SharedAccessSignature sr=sb%3a%2f%2fx&sig={SECRET}%3d&se=1&skn=n",
        f"https://a.blob.core.windows.net/c?sv=1&sig={SECRET}%3D&se=2",
        f"{{'Authorization': 'Bearer {SECRET}', 'x': 1}}",
        f'"authorization": "SharedAccessSignature sr=a&sig={SECRET}"',
        f"Proxy-Authorization: Basic {SECRET}",
        f"proxy http://user:{SECRET}@proxy:3128 refused",
        f"token eyJhbGciOiJub25lIn0.{SECRET}.{SECRET}",
        f"client_secret={SECRET}",
    ],
)
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_are_masked_wherever_they_stand(leak: str, log_format: str) -> None:
    stream = io.StringIO()
    configure_logging("debug", "json" if log_format == "json" else "console", stream)
    log = logging.getLogger("somebody.else")
    log.error(leak)
    log.error("arguments: %s", leak)
    log.error(
        "extra", extra={"detail": leak, "nested": {"list": [leak], leak: 1}, "object": ValueError(leak)}
    )
    try:
        raise ValueError(leak)
    except ValueError:
        log.exception("failed")
    assert "extra" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_masking_leaves_ordinary_text_alone() -> None:
    text = "hub insights at x.servicebus.windows.net, SharedAccessKeyName=listen, design=2 signal=3"
    assert mask_text(text) == text


@pytest.mark.parametrize(
    "piece", ["-eyJ12345678", "://a:b", "authorization", "SharedAccessSignature x=", "bearer ", "sig=", "'"]
)
def test_masking_a_huge_text_stays_cheap(piece: str) -> None:
    huge = piece * (2_000_000 // len(piece))
    started = time.perf_counter()
    masked = mask_text(huge)
    assert time.perf_counter() - started < 2
    assert len(masked) < 40_000
    assert masked.endswith("more characters)") or "********" in masked


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_text_cannot_break_out_of_its_line(log_format: str) -> None:
    stream = io.StringIO()
    configure_logging("info", "json" if log_format == "json" else "console", stream)
    evil = 'x\r\n{"event": "forged"}\u2028forged\x1b[2J\u202eforged'
    logging.getLogger("x").warning("got %s", evil, extra={"field": evil, "inner": [evil]})
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert "\r" not in text
    assert "\x1b[2J" not in text


def test_lines_of_a_traceback_cannot_pass_as_records_on_a_terminal() -> None:
    stream = io.StringIO()
    configure_logging("info", "console", stream)
    try:
        raise ValueError("first\n2026-01-01T00:00:00Z [info] forged")
    except ValueError:
        logging.getLogger("x").exception("failed")
    first, *rest = stream.getvalue().rstrip("\n").split("\n")
    assert "failed" in first
    assert rest
    assert all(line.startswith("    | ") for line in rest)


def test_values_that_json_cannot_carry_do_not_lose_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    # The test runner's own handlers would carry half a surrogate pair into its report, and fail there.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    stream = io.StringIO()
    configure_logging(stream=stream)
    logging.getLogger("x").warning("odd \ud800", extra={"big": 2**70, "raw": b"\xff", "object": object})
    (record,) = logged(stream)
    assert record["big"] == 2**70


def test_libraries_are_quiet_and_ours_obey_the_level() -> None:
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    logging.getLogger("azure.eventhub._pyamqp").info("link attached")
    logging.getLogger("azure.eventhub").warning("link lost")
    logging.getLogger("stream_detector").debug("detail")
    assert [record["event"] for record in logged(stream)] == ["link lost"]


def test_configuring_again_replaces_the_first_output() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure_logging(stream=first)
    configure_logging(stream=second)
    logging.getLogger("x").warning("once")
    assert first.getvalue() == ""
    assert len(logged(second)) == 1


def test_a_broken_stream_does_not_raise() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    stream.close()
    logging.getLogger("x").warning("nobody hears this")


class PersonalAlert:
    """An alert whose every text from a record must stay out of the log."""

    alert_id = "11111111-2222-5333-8444-555555555555"
    event = "opened"

    def to_dict(self) -> dict[str, object]:
        return {
            "alert_id": self.alert_id,
            "dedup_key": "abc",
            "event": "opened",
            "revision": 1,
            "rule": {"id": "rule15", "severity": "High", "name": "Rule"},
            "group": {"Caller": "PERSONAL", "ResourceGroup": "PERSONAL"},
            "row": {
                "Caller": "PERSONAL",
                "ExecutionCount": 3,
                "AffectedVMs": ["PERSONAL", "PERSONAL2"],
                "CallerIP": "PERSONAL",
            },
            "opened_at": "2026-01-01T00:00:00.0000000Z",
            "detected_at": "2026-01-01T00:00:01.0000000Z",
            "late": False,
            "evidence": [{"partition": "2", "sequenceNumber": 17, "resourceId": "PERSONAL"}],
            "pivot_query": "PERSONAL",
        }


def test_an_alert_is_one_line_with_ids_and_counts_and_nothing_personal() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    log_alert(PersonalAlert())
    (record,) = logged(stream)
    assert record["event"] == "alert"
    assert record["lifecycle"] == "opened"
    assert record["alert_id"] == PersonalAlert.alert_id
    assert record["rule"] == "rule15"
    assert record["counts"] == {"ExecutionCount": 3, "AffectedVMs": 2}
    assert (record["partition"], record["sequence_number"]) == ("2", 17)
    assert "PERSONAL" not in stream.getvalue()

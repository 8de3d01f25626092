"""What a scrape sees: names, label sets at 0 from the start, and nothing personal."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as read_text

from stream_detector.activity.record import ActivityRecord
from stream_detector.observe.metrics import DuplicateLayer, Metrics, Stage
from stream_detector.rules.model import Aggregate, Handling, Match, Rejection, RuleInfo, Summary, Value
from stream_detector.rules.operations import WantedOperations
from stream_detector.sinks.port import Outcome


class SmallRule:
    """A rule of two operations and two clauses."""

    info = RuleInfo("small", "Small", "1", "High", (), (), "")
    handling = Handling()
    operations = WantedOperations(frozenset({"a/write", "b/action"}))
    clauses = ("operation", "caller")
    window = 10
    key_columns = ("Caller",)
    aggregates: tuple[Aggregate, ...] = ()
    opens_always = True
    is_monotone = True
    threshold_reads: tuple[int, ...] = ()
    records_needed = 1

    def evaluate(self, record: ActivityRecord) -> Match | Rejection:
        return Match((record.caller,), ())

    def meets(self, key: tuple[Value, ...], summary: Summary) -> bool:
        return True

    def group(self, key: tuple[Value, ...]) -> dict[str, object]:
        return {"Caller": key[0]}

    def row(self, key: tuple[Value, ...], summary: Summary) -> dict[str, object]:
        return {"Caller": key[0]}

    def pivot_query(self, key: tuple[Value, ...], since: int, until: int) -> str:
        return ""


@pytest.fixture
def metrics() -> Metrics:
    return Metrics([SmallRule()], ["stdout"], ["invalid_json", "too_deep"], ["connection"])


def samples(metrics: Metrics) -> dict[str, float]:
    """Every sample of ours as `name{label=value,...}` without the prefix."""
    found = {}
    for family in read_text(generate_latest(metrics.registry).decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            name = sample.name.removeprefix("stream_detector_")
            if not name.startswith(("process_", "python_")):
                found[f"{name}{{{labels}}}" if labels else name] = sample.value
    return found


def test_every_label_set_exists_at_zero_before_anything_happened(metrics: Metrics) -> None:
    metrics.declare_partitions(["0", "1"])
    seen = samples(metrics)
    expected = [
        "received_messages_total",
        "received_bytes_total",
        "records_total{kind=needed}",
        "records_total{kind=other}",
        "records_total{kind=foreign}",
        "repaired_total",
        "undecodable_total{reason=invalid_json}",
        "undecodable_total{reason=too_deep}",
        "dead_letters_total{outcome=kept}",
        "dead_letters_total{outcome=refused}",
        "matches_total{operation=a/write,rule=small}",
        "matches_total{operation=b/action,rule=small}",
        "filtered_total{clause=operation,rule=small}",
        "filtered_total{clause=caller,rule=small}",
        "late_total",
        "duplicates_total{layer=redelivery}",
        "duplicates_total{layer=content}",
        "groups_open{rule=small}",
        "alerts_total{event=opened,rule=small,severity=High}",
        "alerts_total{event=updated,rule=small,severity=High}",
        "alerts_total{event=closed,rule=small,severity=High}",
        "delivery_attempts_total{outcome=delivered,sink=stdout}",
        "delivery_attempts_total{outcome=retry,sink=stdout}",
        "delivery_attempts_total{outcome=rejected,sink=stdout}",
        "outbox_depth",
        "oldest_undelivered_seconds",
        "detection_delay_seconds_count",
        "alert_latency_seconds_count",
        "lag_events{partition=0}",
        "lag_events{partition=1}",
        "lag_seconds{partition=1}",
        "last_message_timestamp_seconds{partition=1}",
        "owned_partitions",
        "missing_events_total",
        "loop_lag_seconds",
        "hub_errors_total{kind=connection}",
        *(f"internal_errors_total{{stage={stage}}}" for stage in Stage),
    ]
    assert {name: seen.get(name) for name in expected} == dict.fromkeys(expected, 0.0)
    assert [name for name in seen if name.startswith("build_info{")]


def test_each_happening_moves_its_own_metric_and_no_other(metrics: Metrics) -> None:
    metrics.declare_partitions(["0"])
    happenings: dict[str, Callable[[], None]] = {
        "received_bytes_total": lambda: metrics.received("0", 2, 100),
        "records_total{kind=other}": lambda: metrics.records("other", 3),
        "repaired_total": lambda: metrics.repaired(1),
        "undecodable_total{reason=too_deep}": lambda: metrics.undecodable("too_deep"),
        "dead_letters_total{outcome=refused}": lambda: metrics.dead_letter(False),
        "matches_total{operation=a/write,rule=small}": lambda: metrics.matched("small", "A/Write"),
        "filtered_total{clause=caller,rule=small}": lambda: metrics.filtered("small", "caller"),
        "late_total": metrics.late,
        "duplicates_total{layer=content}": lambda: metrics.duplicate(DuplicateLayer.CONTENT),
        "groups_open{rule=small}": lambda: metrics.groups_open("small", 4),
        "alerts_total{event=closed,rule=small,severity=High}": lambda: metrics.alert(
            "small", "High", "closed"
        ),
        "delivery_attempts_total{outcome=retry,sink=stdout}": lambda: metrics.delivery(
            "stdout", Outcome.RETRY
        ),
        "lag_events{partition=0}": lambda: metrics.lag("0", 7, 1.5),
        "owned_partitions": lambda: metrics.owned(2),
        "loop_lag_seconds": lambda: metrics.loop_lag(0.25),
        "hub_errors_total{kind=connection}": lambda: metrics.hub_error("connection"),
        "missing_events_total": lambda: metrics.gap(3),
        "internal_errors_total{stage=detect}": lambda: metrics.internal_error(Stage.DETECT),
    }
    together = {"received_messages_total", "last_message_timestamp_seconds{partition=0}"}
    together.add("lag_seconds{partition=0}")
    for name, happen in happenings.items():
        before = samples(metrics)
        happen()
        after = samples(metrics)
        moved = {
            key for key in after if after[key] != before[key] and not key.startswith(("process_", "python_"))
        }
        assert name in moved
        assert moved - {name} <= together, name


def test_an_operation_outside_the_rule_cannot_make_a_new_label(metrics: Metrics) -> None:
    metrics.matched("small", "someone@contoso.example/EVIL")
    assert samples(metrics)["matches_total{operation=other,rule=small}"] == 1
    assert "contoso" not in generate_latest(metrics.registry).decode()


def test_the_age_of_the_oldest_alert_grows_by_itself(metrics: Metrics) -> None:
    metrics.outbox(3, time.time() - 100)
    seen = samples(metrics)
    assert seen["outbox_depth"] == 3
    assert 100 <= seen["oldest_undelivered_seconds"] < 160
    metrics.outbox(0, None)
    assert samples(metrics)["oldest_undelivered_seconds"] == 0


def test_loop_lag_is_the_worst_of_the_last_minute(metrics: Metrics) -> None:
    for lag in (0.1, 0.9, 0.2):
        metrics.loop_lag(lag)
    assert samples(metrics)["loop_lag_seconds"] == 0.9


def test_delays_of_a_clock_that_runs_behind_count_as_zero(metrics: Metrics) -> None:
    metrics.detection_delay(-5)
    metrics.alert_latency(0.003)
    seen = samples(metrics)
    assert seen["detection_delay_seconds_sum"] == 0
    assert seen["alert_latency_seconds_bucket{le=0.005}"] == 1


def test_open_groups_can_be_counted_at_each_scrape(metrics: Metrics) -> None:
    counts = {"small": 2}
    metrics.watch_groups(lambda: counts)
    assert samples(metrics)["groups_open{rule=small}"] == 2
    counts["small"] = 5
    assert samples(metrics)["groups_open{rule=small}"] == 5


def test_two_detectors_in_one_process_do_not_share_counters(metrics: Metrics) -> None:
    other = Metrics([SmallRule()], [], [], [])
    metrics.late()
    assert samples(other)["late_total"] == 0


def test_declaring_a_partition_again_keeps_its_value(metrics: Metrics) -> None:
    metrics.lag("0", 5, 2.0)
    metrics.declare_partitions(["0"])
    assert samples(metrics)["lag_events{partition=0}"] == 5


def test_all_names_are_prefixed_and_legal(metrics: Metrics) -> None:
    names = re.findall(r"^# TYPE (\S+) ", generate_latest(metrics.registry).decode(), re.MULTILINE)
    foreign = [name for name in names if not name.startswith(("stream_detector_", "process_", "python_"))]
    assert foreign == []
    assert len(names) > 25

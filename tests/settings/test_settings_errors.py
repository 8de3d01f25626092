"""Every mistake in the settings is named with file, line and key, all of them at once, without secrets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stream_detector.errors import ConfigurationError, Problem
from stream_detector.settings import load_settings

KEY = "c2VjcmV0LXZhbHVl"
GOOD = f"Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey={KEY}"


def problems(tmp_path: Path, text: str | bytes | None, **environ: str) -> list[Problem]:
    """What is wrong with a file of this text and these variables (without their prefix)."""
    path = None
    if text is not None:
        path = tmp_path / "s.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, {f"STREAM_DETECTOR_{name}": value for name, value in environ.items()})
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value)
    return list(caught.value.problems)


def the_problem(tmp_path: Path, text: str | bytes | None, **environ: str) -> Problem:
    (problem,) = problems(tmp_path, text, **environ)
    return problem


def test_all_problems_of_file_and_environment_are_told_at_once(tmp_path: Path) -> None:
    text = (
        "hub:\n"
        "  prefetch: 0\n"
        "  nmae: x\n"
        "topology: keyed\n"
        "lateness: 30\n"
        "observe:\n"
        "  port: 70000\n"
        "sinks:\n"
        "  - type: file\n"
        "  - type: pager\n"
        "    name: x\n"
        "state:\n"
        "  blob:\n"
        "    container: UPPER_\n"
        "lateness: 2h\n"
    )
    found = problems(tmp_path, text, HUB__MAX_BATCH_SIZE="many", ROLE="forward", OBSERVE_PORT="1")
    where = [(os.path.basename(problem.source), problem.line, problem.key) for problem in found]
    assert where == [
        ("s.yaml", 2, "hub.prefetch"),
        ("s.yaml", 3, "hub.nmae"),
        ("s.yaml", 4, "topology"),
        ("s.yaml", 5, "lateness"),
        ("s.yaml", 7, "observe.port"),
        ("s.yaml", 9, "sinks[0].path"),
        ("s.yaml", 10, "sinks[1]"),
        ("s.yaml", 13, "state.blob"),
        ("s.yaml", 14, "state.blob.container"),
        ("s.yaml", 15, "lateness"),
        ("environment", None, "STREAM_DETECTOR_HUB__MAX_BATCH_SIZE"),
        ("environment", None, "STREAM_DETECTOR_OBSERVE_PORT"),
        ("environment", None, "STREAM_DETECTOR_ROLE"),
    ]
    texts = {problem.key: problem.text for problem in found}
    assert "did you mean hub.name" in texts["hub.nmae"]
    assert "STREAM_DETECTOR_OBSERVE__PORT" in texts["STREAM_DETECTOR_OBSERVE_PORT"]
    assert "not available in this version" in texts["topology"]
    assert "not available in this version" in texts["STREAM_DETECTOR_ROLE"]


def test_str_of_the_error_has_one_line_per_problem_with_file_line_and_key(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("a: 1\nhub:\n  prefetch: x\n")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, {})
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{path}:1: a: unknown key")
    assert second == f"{path}:3: hub.prefetch: must be a whole number"


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("hub: [1\n", 2, "not valid YAML at column"),
        ("hub:\n\tname: x\n", 2, "not valid YAML at column"),
        ("a: b: c\n", 1, "not valid YAML at column"),
        ("- a\n- b\n", 1, "not a list"),
        ("just text\n", 1, "not a list or a single value"),
        ("a: 1\n---\nb: 2\n", 2, "not valid YAML"),
        (b"lateness: 1h\nname: \xff\n", 2, "UTF-8"),
        ("lateness: 1h\x00\n", None, "control character"),
        ("lateness: *nowhere\n", 1, "not valid YAML"),
        ("x: " + "[" * 3000, None, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_settings_file_is_one_problem(
    tmp_path: Path, text: str | bytes, line: int | None, part: str
) -> None:
    problem = the_problem(tmp_path, text)
    assert problem.line == line
    assert part in problem.text


def test_an_unreadable_file_does_not_hide_problems_of_the_environment(tmp_path: Path) -> None:
    found = problems(tmp_path, "a: [\n", HUB__PREFETCH="-1")
    assert [problem.source.endswith("s.yaml") for problem in found] == [True, False]


def test_a_missing_file_and_a_directory_are_one_problem_each(tmp_path: Path) -> None:
    for path, text in ((tmp_path / "none.yaml", "no such file"), (tmp_path, "cannot be read")):
        with pytest.raises(ConfigurationError, match=text) as caught:
            load_settings(path, {})
        assert caught.value.problems[0].source == str(path)


@pytest.mark.parametrize(
    ("text", "line", "key", "part"),
    [
        ("hub: {name: a}\nhub: {name: b}\n", 2, "hub", "stands twice; first in line 1"),
        ("1: x\n", 1, "", "key must be plain text"),
        ("yes: x\n", 1, "", "key must be plain text"),
        ("[a]: x\n", 1, "", "key must be plain text"),
        ("hub: &h\n  embedded: *h\n", 2, "hub.embedded", "refers to the value that it stands in"),
        ("hub: {name: !!python/name:os.system x}\n", 1, "hub.name", "put it in quotes"),
        ("hub: {name: 2024-99-99}\n", 1, "hub.name", "put it in quotes"),
        ("base: &b {name: x}\nhub:\n  <<: *b\n", 1, "base", "unknown key"),
        ("hub: 5\n", 1, "hub", "must be a section"),
        ("hub: [a]\n", 1, "hub", "must be a section"),
        ("hub: {name: 123}\n", 1, "hub.name", "must be text"),
        ("hub: {name: '-x'}\n", 1, "hub.name", "not a hub name"),
        ("hub: {consumer_group: 'a b'}\n", 1, "hub.consumer_group", "not a consumer group"),
        ("hub: {namespace: contoso}\n", 1, "hub.namespace", "full host name"),
        ("hub: {namespace: 'sb://contoso.example/'}\n", 1, "hub.namespace", "full host name"),
        ("hub: {prefetch: true}\n", 1, "hub.prefetch", "whole number"),
        ("hub: {prefetch: 1.5}\n", 1, "hub.prefetch", "whole number"),
        ("hub: {transport: http}\n", 1, "hub.transport", "'amqp' or 'websocket'"),
        ("hub: {proxy: 'socks5://x:1'}\n", 1, "hub.proxy", "http://HOST:PORT"),
        ("hub: {proxy: 'http://x'}\n", 1, "hub.proxy", "http://HOST:PORT"),
        ("hub: {proxy: 'http://x:99999'}\n", 1, "hub.proxy", "http://HOST:PORT"),
        ("hub: {transport: amqp, proxy: 'http://x:1'}\n", 1, "hub.transport", "must be websocket"),
        ("hub: {ca_file: /no/such/file}\n", 1, "hub.ca_file", "cannot be read"),
        ("hub: {start: yesterday}\n", 1, "hub.start", "auto, earliest, latest"),
        ("hub: {custom_endpoint: '???'}\n", 1, "hub.custom_endpoint", "sb://HOST"),
        ("hub: {embedded: {partitions: 0}}\n", 1, "hub.embedded.partitions", "at least 1"),
        ("observe: {port: -1}\n", 1, "observe.port", "not be negative"),
        ("observe: {log_level: loud}\n", 1, "observe.log_level", "'debug'"),
        ("lateness: 24\n", 1, "lateness", "with its unit"),
        ("lateness: -1h\n", 1, "lateness", "not a duration"),
        ("lateness: 99999999999999d\n", 1, "lateness", "longer than all of time"),
        ("flush_interval: 0s\n", 1, "flush_interval", "more than zero"),
        ("sinks: []\n", 1, "sinks", "must not be empty"),
        ("sinks: {type: stdout}\n", 1, "sinks", "must be a list"),
        ("sinks: [stdout]\n", 1, "sinks[0]", "must be a section"),
        ("sinks:\n- {type: stdout}\n- {type: stdout}\n", 3, "sinks[1].name", "same name as sinks[0]"),
        ("sinks: [{name: x}]\n", 1, "sinks[0]", "has no type"),
        ("sinks: [{type: stdout, path: x}]\n", 1, "sinks[0].path", "unknown key"),
        ("sinks: [{type: stdout, events: [opend]}]\n", 1, "sinks[0].events[0]", "'opened'"),
        ("sinks: [{type: stdout, events: []}]\n", 1, "sinks[0].events", "at least one"),
        ("sinks: [{type: stdout, name: 'A B'}]\n", 1, "sinks[0].name", "a-z"),
        ("state: {blob: {container: abc}}\n", 1, "state.blob", "needs account_url or connection_string"),
        ("state: {blob: {account_url: 'https://a'}}\n", 1, "state.blob.container", "is required"),
        (
            "state: {blob: {account_url: 'http://a.b', container: abc}}\n",
            1,
            "state.blob.account_url",
            "https://",
        ),
        ("state: {dead_letters: {max_bytes: lots}}\n", 1, "state.dead_letters.max_bytes", "number of bytes"),
        ("matches: {name: m}\n", 1, "matches", "not available in this version"),
        ("connection_string: x\n", 1, "connection_string", "did you mean hub.connection_string"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_key(
    tmp_path: Path, text: str, line: int, key: str, part: str
) -> None:
    problem = next(iter(problems(tmp_path, text)))
    assert (problem.line, problem.key) == (line, key)
    assert part in problem.text


@pytest.mark.parametrize(
    ("connection", "part"),
    [
        (KEY, "Name=value"),
        (f"SharedAccessKeyName=n;SharedAccessKey={KEY}", "no Endpoint"),
        (f"Endpoint=http://a.b;SharedAccessKeyName=n;SharedAccessKey={KEY}", "Endpoint that is not"),
        (f"Endpoint=sb://;SharedAccessKeyName=n;SharedAccessKey={KEY}", "Endpoint that is not"),
        (f"Endpoint=sb://a.b/;SharedAccessKey={KEY}", "no SharedAccessKeyName"),
        ("Endpoint=sb://a.b/;SharedAccessKeyName=n", "no SharedAccessKey;"),
        ("Endpoint=sb://a.b/", "no SharedAccessKeyName with"),
        (f"Endpoint=sb://a.b/;SharedAccessKeyName=n;SharedAccessKey={KEY};{KEY}=1", "part that is not known"),
        (f"{GOOD};SharedAccessKey={KEY}", "stands in it twice"),
        (f"{GOOD};SharedAccessSignature={KEY}", "both"),
        (f"{GOOD};EntityPath=-{KEY}-", "EntityPath that is not a hub name"),
    ],
)
def test_a_broken_connection_string_is_explained_without_repeating_it(
    tmp_path: Path, connection: str, part: str
) -> None:
    problem = the_problem(tmp_path, None, HUB__CONNECTION_STRING=connection)
    assert problem.key == "STREAM_DETECTOR_HUB__CONNECTION_STRING"
    assert part in problem.text


def test_a_secret_in_the_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    for name in (
        "HUB__NAME",
        "HUB__NAMESPACE",
        "LATENESS",
        "HUB__START",
        "OBSERVE__LOG_LEVEL",
        "HUB__PREFETCH",
    ):
        the_problem(tmp_path, None, **{name: GOOD})
    assert problems(
        tmp_path, None, STATE__BLOB__ACCOUNT_URL=f"https://a?sig={KEY}", STATE__BLOB__CONTAINER="abc"
    )
    assert problems(tmp_path, f"hub: {{connection_string: ['{GOOD}']}}\n")
    assert problems(tmp_path, None, HUB='{"connection_string": "' + GOOD)


def test_connection_string_and_namespace_exclude_each_other_even_beside_other_mistakes(
    tmp_path: Path,
) -> None:
    text = "hub:\n  namespace: a.servicebus.windows.net\n  prefetch: 0\n"
    found = problems(tmp_path, text, HUB__CONNECTION_STRING=GOOD)
    assert [problem.key for problem in found] == ["hub.namespace", "hub.prefetch"]
    assert "STREAM_DETECTOR_HUB__CONNECTION_STRING" in found[0].text


def test_a_name_that_differs_from_the_entity_path_is_refused(tmp_path: Path) -> None:
    problem = the_problem(tmp_path, "hub: {name: a}\n", HUB__CONNECTION_STRING=f"{GOOD};EntityPath=b")
    assert (problem.line, problem.key) == (1, "hub.name")
    assert "EntityPath" in problem.text


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (None, "No such file"),
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"\xff", "UTF-8"),
        (b"x" * 70_000, "larger"),
    ],
)
def test_a_secret_file_that_cannot_be_used_is_a_problem(
    tmp_path: Path, content: bytes | None, part: str
) -> None:
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_bytes(content)
    problem = the_problem(tmp_path, None, HUB__CONNECTION_STRING_FILE=str(secret))
    assert problem.key == "STREAM_DETECTOR_HUB__CONNECTION_STRING_FILE"
    assert part in problem.text


def test_a_secret_and_its_file_side_by_side_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(GOOD)
    problem = the_problem(
        tmp_path, None, HUB__CONNECTION_STRING=GOOD, HUB__CONNECTION_STRING_FILE=str(secret)
    )
    assert "give one of them" in problem.text


def test_single_items_of_a_list_cannot_come_from_the_environment(tmp_path: Path) -> None:
    problem = the_problem(tmp_path, None, SINKS__0__TYPE="stdout")
    assert "JSON in STREAM_DETECTOR_SINKS" in problem.text


def test_two_spellings_of_one_variable_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="also given as"):
        load_settings(None, {"STREAM_DETECTOR_LATENESS": "1h", "stream_detector_lateness": "2h"})


def test_a_variable_below_a_plain_value_is_not_lost_silently(tmp_path: Path) -> None:
    problem = the_problem(tmp_path, None, LATENESS="1h", LATENESS__GRACE="2h")
    assert problem.key == "STREAM_DETECTOR_LATENESS__GRACE"
    assert "plain value" in problem.text


def test_a_key_with_a_newline_stays_on_one_line(tmp_path: Path) -> None:
    problem = the_problem(tmp_path, '"a\\nforged": 1\n')
    assert problem.key == "a\\nforged"
    assert "\n" not in str(problem)


def test_aliases_cannot_blow_the_file_up(tmp_path: Path) -> None:
    levels = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    found = problems(tmp_path, "a0: &a0 [x, x]\n" + levels)
    assert any("expands to more than" in problem.text for problem in found)


def test_a_section_where_the_name_of_a_secrets_file_belongs_is_named_by_its_variable() -> None:
    name = "STREAM_DETECTOR_HUB__CONNECTION_STRING_FILE__TOPOLOGY"
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, {name: "x"})
    assert [str(problem) for problem in caught.value.problems] == [
        f"environment: {name}: must be the name of a file"
    ]


def test_a_key_that_does_not_exist_is_told_though_it_has_no_value(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("hub:\n  prefech:\n  prefetch:\nlatenes: null\nsinks:\n  - type: stdout\n    nam: ~\n")
    with pytest.raises(ConfigurationError) as refused:
        load_settings(path, {})
    told = [(problem.line, problem.key) for problem in refused.value.problems]
    assert told == [(2, "hub.prefech"), (4, "latenes"), (7, "sinks[0].nam")]

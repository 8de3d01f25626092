"""A user's mistake, or a hub that says no: a sentence each, an exit code, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from services.ports import free_port
from services.program import run_program
from services.stack import detector, send, served_hub

WRONG_KEY = "d3JvbmcgaW4gZXZlcnkgbGV0dGVyIG9mIHRoaXMga2V5"


def _without_traceback(lines: list[str]) -> str:
    text = "\n".join(lines)
    assert "Traceback" not in text
    return text


def _connection(port: int, key: str = WRONG_KEY) -> dict[str, str]:
    text = (
        f"Endpoint=sb://localhost:{port};SharedAccessKeyName=RootManageSharedAccessKey;"
        f"SharedAccessKey={key};UseDevelopmentEmulator=true;"
    )
    return {"STREAM_DETECTOR_HUB__CONNECTION_STRING": text}


def test_a_wrong_key_ends_run_with_a_sentence_that_does_not_hold_the_key(tmp_path: Path) -> None:
    with served_hub() as hub, detector(_connection(hub.port), tmp_path, wait=False) as running:
        assert running.program.wait(60) == 1
        text = _without_traceback(running.program.stderr)
        assert "did not accept the credential" in text
        assert WRONG_KEY not in text


def test_a_hub_that_does_not_exist_ends_run_with_its_name(tmp_path: Path) -> None:
    with served_hub("--name", "one:1", "--name", "two:1") as hub:
        environment = hub.environment() | {"STREAM_DETECTOR_HUB__NAME": "another-hub"}
        with detector(environment, tmp_path, wait=False) as running:
            assert running.program.wait(60) == 1
            text = _without_traceback(running.program.stderr)
            assert "'another-hub'" in text
            assert "does not exist" in text


def test_a_consumer_group_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with served_hub() as hub:
        environment = hub.environment() | {"STREAM_DETECTOR_HUB__CONSUMER_GROUP": "nobody"}
        with detector(environment, tmp_path, wait=False) as running:
            running.program.wait_for("'nobody'", stream="stderr", timeout=60)
            running.program.terminate()
            running.program.wait()
            _without_traceback(running.program.stderr)


def test_a_refused_connection_is_told_at_every_attempt_and_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    with detector(_connection(free_port()), tmp_path, wait=False) as running:
        running.program.wait_for("refused the connection", stream="stderr", timeout=60)
        running.program.terminate()
        assert running.program.wait() == 0
        _without_traceback(running.program.stderr)


def test_send_to_a_missing_partition_names_those_that_exist() -> None:
    with served_hub() as hub:
        code, _, told = send(hub, "-", "--partition", "9", feed=b"{}\n")
    assert code == 1
    assert told == [
        f"stream-detector: hub 'insights-operational-logs' at localhost:{hub.port} has no partition '9'; "
        "it has 0, 1, 2, 3"
    ]


def test_send_with_a_wrong_key_is_a_sentence() -> None:
    with served_hub() as hub:
        code, _, told = run_program(["send", "-"], environment=_connection(hub.port), feed=b"{}\n")
    assert code == 1
    text = _without_traceback(told)
    assert "did not accept the credential" in text
    assert WRONG_KEY not in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["hub", "--port", "99999"],
        ["hub", "--port", "-1"],
        ["hub", "--port", "0", "--name", "a/b:2"],
        ["hub", "--port", "0", "--name", "x:0"],
        ["hub", "--port", "0", "--consumer-group", "a/b"],
        ["hub", "--port", "0", "--tls-certificate", "certificate.pem"],
        ["send"],
        ["send", "--generate", "5", "-"],
    ],
)
def test_arguments_that_cannot_be_are_one_sentence_and_code_2(arguments: list[str]) -> None:
    code, out, told = run_program(arguments)
    assert (code, out) == (2, [])
    assert len(told) == 1


def test_send_without_a_hub_says_how_to_name_one() -> None:
    code, _, told = run_program(["send", "-"], feed=b"{}\n")
    assert code == 2
    assert "STREAM_DETECTOR_HUB__CONNECTION_STRING" in told[0]


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("--hub", "a/b", "arguments: --hub: is not a hub name"),
        ("--hub", "other", "arguments: --hub: differs from the EntityPath of --connection-string-file"),
        ("--hub", " ", "stream-detector: --hub: must not be empty"),
    ],
)
def test_a_wrong_option_of_send_is_named_as_it_was_given(
    option: str, value: str, text: str, tmp_path: Path
) -> None:
    connection = tmp_path / "connection"
    connection.write_text(
        "Endpoint=sb://localhost:1;SharedAccessKeyName=n;SharedAccessKey=a2V5;EntityPath=activity\n"
    )
    code, _, told = run_program(
        ["send", "-", "--connection-string-file", str(connection), option, value], feed=b"{}\n"
    )
    assert code == 2
    assert told[0].startswith(text)
    assert not any("STREAM_DETECTOR" in line for line in told)


@pytest.mark.parametrize(
    ("content", "text"), [("", "is empty"), ("no=thing", "has a part that is not known")]
)
def test_a_wrong_connection_string_file_of_send_is_named(content: str, text: str, tmp_path: Path) -> None:
    connection = tmp_path / "connection"
    connection.write_text(content)
    code, _, told = run_program(["send", "-", "--connection-string-file", str(connection)], feed=b"{}\n")
    assert code == 2
    assert len(told) == 1
    assert "--connection-string-file" in told[0]
    assert text in told[0]


def test_a_body_larger_than_the_hub_takes_is_refused_and_the_others_are_sent(tmp_path: Path) -> None:
    path = tmp_path / "bodies"
    path.write_bytes(b'{"records":[]}\n{"records":"' + b"x" * 1_100_000 + b'"}\n{"records":[]}\n')
    with served_hub() as hub:
        code, _, told = send(hub, str(path))
    assert code == 1
    assert told[0].startswith(f"{path}:2: a body of 1,1")
    assert told[-1].startswith("send: 2 events")


def test_a_port_that_is_taken_is_a_sentence(tmp_path: Path) -> None:
    with served_hub() as hub:
        environment = hub.environment() | {"STREAM_DETECTOR_OBSERVE__PORT": str(hub.port)}
        with detector(environment, tmp_path, wait=False) as running:
            assert running.program.wait(60) == 1
            text = _without_traceback(running.program.stderr)
            assert str(hub.port) in text
        code, _, told = run_program(["hub", "--port", str(hub.port)])
        assert code == 1
        assert str(hub.port) in _without_traceback(told)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("hub: [1, 2]\n", "hub"),
        ("hub:\n  prefetch: many\n", "hub.prefetch"),
        ("hub:\n  conection_string: x\n", "hub.conection_string"),
        ("sinks:\n  - type: pager\n", "sinks"),
        ("{ not yaml", ""),
        ("topology: keyed\n", "topology"),
    ],
)
def test_a_wrong_configuration_file_ends_run_with_code_2(text: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    code, out, told = run_program(["run", "--config", str(path)])
    assert code == 2
    assert out == []
    assert _without_traceback(told).startswith(f"{path}:")
    assert named in told[0]


def test_a_wrong_option_is_wrong_usage() -> None:
    for arguments in (["run", "--no-such-option"], ["no-such-command"], [], ["send", "--rate", "0", "-"]):
        code, out, told = run_program(arguments)
        assert code == 2, arguments
        assert out == []
        _without_traceback(told)

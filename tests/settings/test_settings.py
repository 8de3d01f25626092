"""Settings from a file and the environment: what is read, what wins, what is derived."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from stream_detector.settings import FileSinkSettings, Settings, StdoutSinkSettings, load, load_settings
from stream_detector.ticks import HOUR, MINUTE, SECOND

KEY = "c2VjcmV0LXZhbHVl"
CONNECTION = (
    f"Endpoint=sb://Contoso.servicebus.windows.net/;SharedAccessKeyName=listen;SharedAccessKey={KEY}="
)


Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "settings.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    "text", ["", "# only a comment\n", "---\n", "null\n", "hub:\nobserve:\n  port:\n", "{}"]
)
def test_a_file_that_says_nothing_means_the_defaults(write: Write, text: str) -> None:
    assert load_settings(write(text), {}) == Settings()


def test_the_defaults_are_those_of_the_documentation() -> None:
    settings = load_settings(None, {})
    assert settings.hub.is_embedded
    assert settings.hub.host is None
    assert settings.hub.name == "insights-operational-logs"
    assert settings.hub.consumer_group == "$Default"
    assert (settings.topology, settings.role) == ("single", "both")
    assert settings.state.directory == Path("state")
    assert settings.sinks == (StdoutSinkSettings(),)
    assert (settings.observe.host, settings.observe.port) == ("127.0.0.1", 9464)
    assert (settings.lateness, settings.close_grace) == (24 * HOUR, 10 * MINUTE)
    assert (settings.update_interval, settings.flush_interval) == (5 * MINUTE, 30 * SECOND)


def test_the_process_environment_is_never_read_behind_the_callers_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STREAM_DETECTOR_OBSERVE__PORT", "1")
    monkeypatch.setenv("OBSERVE__PORT", "2")
    monkeypatch.setenv("LATENESS", "3h")
    assert load_settings(None, {}) == Settings()
    assert Settings().observe.port == 9464


def test_the_environment_goes_over_the_file_key_by_key(write: Write) -> None:
    path = write("hub: {name: from-file, prefetch: 10}\nlateness: 1h\n")
    environ = {"STREAM_DETECTOR_HUB__PREFETCH": "20", "STREAM_DETECTOR_LATENESS": "90m"}
    settings = load_settings(path, environ)
    assert (settings.hub.name, settings.hub.prefetch, settings.lateness) == ("from-file", 20, 90 * MINUTE)


def test_lists_and_sections_are_json_in_the_environment(write: Write) -> None:
    path = write("sinks: [{type: stdout}, {type: file, path: a}]\nrules: {enabled: [a, b]}\n")
    environ = {
        "STREAM_DETECTOR_SINKS": '[{"type": "file", "path": "b.jsonl", "events": ["closed", "opened"]}]',
        "STREAM_DETECTOR_RULES__ENABLED": "rule15, other",
        "STREAM_DETECTOR_HUB": '{"embedded": {"partitions": 2}, "name": "x"}',
        "STREAM_DETECTOR_HUB__NAME": "y",
    }
    settings = load_settings(path, environ)
    assert settings.sinks == (FileSinkSettings(path=Path("b.jsonl"), events=("opened", "closed")),)
    assert settings.rules.enabled == ("rule15", "other")
    assert (settings.hub.embedded.partitions, settings.hub.name) == (2, "y")


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_settings(None, {"STREAM_DETECTOR_HUB__CONNECTION_STRING": "  "}) == Settings()


def test_variables_of_kubernetes_services_are_no_settings() -> None:
    environ = {
        "STREAM_DETECTOR_SERVICE_HOST": "10.0.0.1",
        "STREAM_DETECTOR_SERVICE_PORT": "9464",
        "STREAM_DETECTOR_SERVICE_PORT_METRICS": "9464",
        "STREAM_DETECTOR_PORT": "tcp://10.0.0.1:9464",
        "STREAM_DETECTOR_PORT_9464_TCP": "tcp://10.0.0.1:9464",
        "STREAM_DETECTOR_PORT_9464_TCP_PROTO": "tcp",
        "STREAM_DETECTOR_PORT_9464_TCP_PORT": "9464",
        "STREAM_DETECTOR_PORT_9464_TCP_ADDR": "10.0.0.1",
        "STREAM_DETECTOR_METRICS_SERVICE_HOST": "10.0.0.2",
        "STREAM_DETECTOR_METRICS_PORT": "tcp://10.0.0.2:9464",
        "STREAM_DETECTORS_OF_OTHERS": "x",
        "PATH": "/bin",
    }
    assert load_settings(None, environ) == Settings()


def test_the_environment_can_name_the_file_and_an_argument_wins(write: Write, tmp_path: Path) -> None:
    named = tmp_path / "named.yaml"
    named.write_text("lateness: 2h\n")
    environ = {"STREAM_DETECTOR_CONFIG": str(named)}
    assert load_settings(None, environ).lateness == 2 * HOUR
    assert load_settings(write("lateness: 3h\n"), environ).lateness == 3 * HOUR


def test_an_entity_path_names_the_hub() -> None:
    connection = f"{CONNECTION};EntityPath=Activity"
    settings = load_settings(None, {"STREAM_DETECTOR_HUB__CONNECTION_STRING": connection})
    assert settings.hub.name == "activity"
    assert settings.hub.host == "contoso.servicebus.windows.net"
    assert not settings.hub.is_embedded


def test_an_entity_path_that_agrees_with_the_name_is_fine() -> None:
    environ = {
        "STREAM_DETECTOR_HUB__CONNECTION_STRING": f"{CONNECTION};EntityPath=activity",
        "STREAM_DETECTOR_HUB__NAME": "ACTIVITY",
    }
    assert load_settings(None, environ).hub.name == "activity"


def test_secrets_can_lie_in_files(write: Write, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"  {CONNECTION}\n")
    by_environment = load_settings(None, {"STREAM_DETECTOR_HUB__CONNECTION_STRING_FILE": str(secret)})
    by_file = load_settings(write(f"hub:\n  connection_string_file: {secret}\n"), {})
    for settings in (by_environment, by_file):
        assert settings.hub.connection_string is not None
        assert settings.hub.connection_string.get_secret_value() == CONNECTION


def test_a_secret_of_the_environment_goes_over_a_secret_file(write: Write, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not even a connection string")
    path = write("hub: {embedded: {key_file: " + str(secret) + "}}\n")
    settings = load_settings(path, {"STREAM_DETECTOR_HUB__EMBEDDED__KEY": "better"})
    assert settings.hub.embedded.key is not None
    assert settings.hub.embedded.key.get_secret_value() == "better"


def test_names_are_lower_cased_where_azure_does_and_that_is_said(write: Write) -> None:
    path = write(
        "hub: {name: Insights, namespace: Contoso.servicebus.windows.net}\n"
        "state: {blob: {account_url: https://a.blob.core.windows.net/, container: Positions}}\n"
    )
    loaded = load(path, {})
    assert loaded.settings.hub.name == "insights"
    assert loaded.settings.hub.namespace == "contoso.servicebus.windows.net"
    blob = loaded.settings.state.blob
    assert blob is not None
    assert (blob.container, blob.account_url) == ("positions", "https://a.blob.core.windows.net")
    assert {warning.key for warning in loaded.warnings} == {
        "hub.name",
        "hub.namespace",
        "state.blob.container",
    }


@pytest.mark.parametrize(
    ("text", "start"),
    [("auto", "auto"), ("EARLIEST", "earliest"), ("latest", "latest"), ("2h30m", 150 * MINUTE)],
)
def test_a_start_is_a_word_or_a_duration(text: str, start: object) -> None:
    assert load_settings(None, {"STREAM_DETECTOR_HUB__START": text}).hub.start == start


def test_a_proxy_is_taken_apart_and_means_websocket() -> None:
    settings = load_settings(
        None, {"STREAM_DETECTOR_HUB__PROXY": "http://us%40er:p%3Ass@proxy.contoso.example:3128"}
    )
    proxy = settings.hub.proxy
    assert proxy is not None
    assert proxy.password is not None
    assert (proxy.host, proxy.port, proxy.username) == ("proxy.contoso.example", 3128, "us@er")
    assert proxy.password.get_secret_value() == "p:ss"
    assert settings.hub.transport == "websocket"


def test_sizes_may_have_units(write: Write) -> None:
    settings = load_settings(write("state: {dead_letters: {max_bytes: 2MiB, max_files: 0}}\n"), {})
    assert settings.state.dead_letters.max_bytes == 2 * 1024 * 1024


def test_settings_cannot_be_changed() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.hub.name = "other"
    with pytest.raises(ValidationError):
        settings.lateness = 0


def test_no_secret_shows_in_repr_or_in_the_redacted_settings() -> None:
    environ = {
        "STREAM_DETECTOR_HUB__CONNECTION_STRING": CONNECTION,
        "STREAM_DETECTOR_HUB__PROXY": f"http://user:{KEY}@proxy:3128",
        "STREAM_DETECTOR_HUB__EMBEDDED__KEY": KEY,
        "STREAM_DETECTOR_STATE__BLOB__CONNECTION_STRING": f"AccountName=acc;AccountKey={KEY};BlobEndpoint=https://b",
        "STREAM_DETECTOR_STATE__BLOB__CONTAINER": "positions",
    }
    settings = load_settings(None, environ)
    shown = settings.redacted()
    for text in (repr(settings), str(settings), repr(shown), settings.model_dump_json()):
        assert KEY not in text
    assert shown["hub"]["connection_string"] == (
        "Endpoint=sb://Contoso.servicebus.windows.net/;SharedAccessKeyName=listen;SharedAccessKey=********"
    )
    assert shown["hub"]["proxy"] == "http://user:********@proxy:3128"
    assert shown["state"]["blob"]["connection_string"].startswith("AccountName=acc;AccountKey=********;")
    assert shown["lateness"] == "1d"


def test_the_redacted_settings_load_again_when_no_secret_is_in_them(write: Write) -> None:
    settings = load_settings(
        None, {"STREAM_DETECTOR_HUB__START": "2h", "STREAM_DETECTOR_RULES__ENABLED": "a,b"}
    )
    assert load_settings(write(yaml.safe_dump(settings.redacted())), {}) == settings


def test_the_origin_of_each_given_value_is_known(write: Write) -> None:
    path = write("hub:\n  name: x\n  prefetch: 5\nsinks:\n  - type: stdout\n")
    origins = load(path, {"STREAM_DETECTOR_HUB__NAME": "y"}).origins
    assert origins["hub.name"] == "environment STREAM_DETECTOR_HUB__NAME"
    assert origins["hub.prefetch"] == f"{path}:3"
    assert origins["sinks[0].type"] == f"{path}:5"
    assert "hub.transport" not in origins


def test_the_example_file_of_the_repository_holds_exactly_the_defaults() -> None:
    example = Path(__file__).resolve().parents[2] / "config" / "stream-detector.yaml"
    assert load_settings(example, {}) == Settings()


def test_every_key_is_in_the_documentation_and_in_the_example() -> None:
    root = Path(__file__).resolve().parents[2]
    documentation = (root / "docs" / "settings.md").read_text()
    example = (root / "config" / "stream-detector.yaml").read_text()

    def leaves(values: Mapping[str, object], above: str = "") -> Iterator[str]:
        for key, value in values.items():
            if isinstance(value, dict):
                yield from leaves(value, f"{above}{key}.")
            else:
                yield f"{above}{key}"

    with_blob = {"STREAM_DETECTOR_STATE__BLOB": '{"account_url": "https://a.b", "container": "abc"}'}
    keys = list(leaves(load_settings(None, with_blob).redacted()))
    assert len(keys) > 30
    assert [key for key in keys if f"`{key}`" not in documentation] == []
    assert [
        key for key in keys if f"{key.rpartition('.')[2]}:" not in example + example.replace("_file:", ":")
    ] == []


def test_the_examples_of_the_documentation_load(write: Write, tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "settings.md").read_text()
    secret = tmp_path / "hub"
    secret.write_text(CONNECTION)
    examples = [part.partition("```")[0] for part in text.split("```yaml\n")[1:]]
    assert len(examples) == 2
    for example in examples:
        assert not load_settings(write(example.replace("/run/secrets/hub", str(secret))), {}).hub.is_embedded

"""Forms of single values: connection strings, hosts, proxies, certificates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stream_detector.detect.options import WindowOptions
from stream_detector.errors import ConfigurationError
from stream_detector.settings import Settings, load_settings
from stream_detector.settings.azure import (
    account_url,
    check_blob_connection,
    consumer_group,
    container_name,
    endpoint_address,
    hub_name,
    masked_connection,
    namespace_host,
    parse_hub_connection,
    parse_proxy,
)
from stream_detector.settings.windows import window_options

SECRET = "c2VjcmV0LXZhbHVl"


@pytest.mark.parametrize(
    ("text", "host", "key_name", "entity", "emulator"),
    [
        (
            f"Endpoint=sb://N.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey={SECRET}==",
            "n.servicebus.windows.net",
            "k",
            None,
            False,
        ),
        (
            f" endpoint=SB://n.net;sharedaccesskeyname=k;sharedaccesskey={SECRET};ENTITYPATH=Hub_1.x-y; ",
            "n.net",
            "k",
            "hub_1.x-y",
            False,
        ),
        (
            f"Endpoint=sb://localhost:6672;SharedAccessKeyName=k;SharedAccessKey={SECRET};"
            "UseDevelopmentEmulator=true;",
            "localhost:6672",
            "k",
            None,
            True,
        ),
        (
            f"Endpoint=sb://n.net/;SharedAccessSignature=SharedAccessSignature sr=sb&sig={SECRET}&se=1&skn=k",
            "n.net",
            None,
            None,
            False,
        ),
    ],
)
def test_hub_connection_strings_are_read(
    text: str, host: str, key_name: str | None, entity: str | None, emulator: bool
) -> None:
    connection = parse_hub_connection(text)
    assert (connection.host, connection.key_name) == (host, key_name)
    assert (connection.entity, connection.emulator) == (entity, emulator)
    assert SECRET not in repr(connection)
    assert SECRET not in masked_connection(text)
    assert host in masked_connection(text).lower()


@pytest.mark.parametrize(
    "text",
    [
        f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={SECRET}==;EndpointSuffix=core.windows.net",
        f"AccountName=devstoreaccount1;AccountKey={SECRET};BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;",
        f"BlobEndpoint=https://a.blob.core.windows.net;SharedAccessSignature=sv=1&sig={SECRET}",
    ],
)
def test_storage_connection_strings_are_taken_and_masked(text: str) -> None:
    check_blob_connection(text)
    assert SECRET not in masked_connection(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (f"AccountKey={SECRET}", "neither AccountName nor BlobEndpoint"),
        ("AccountName=a", "neither AccountKey nor SharedAccessSignature"),
        (f"BlobEndpoint=https://a;AccountKey={SECRET}", "no AccountName"),
        (f"Endpoint=sb://a/;SharedAccessKeyName=n;SharedAccessKey={SECRET}", "not known"),
        (SECRET, "Name=value"),
    ],
)
def test_other_texts_are_no_storage_connection_strings(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=part) as caught:
        check_blob_connection(text)
    assert SECRET not in str(caught.value)


def test_names_are_taken_in_the_forms_that_azure_allows() -> None:
    assert hub_name(" Insights-Operational.Logs_1 ") == "insights-operational.logs_1"
    assert hub_name("a" * 256) == "a" * 256
    assert consumer_group("$Default") == "$Default"
    assert consumer_group("Group-1") == "Group-1"
    assert namespace_host("A.servicebus.windows.net.") == "a.servicebus.windows.net"
    assert container_name("Abc-1") == "abc-1"
    assert (
        account_url("http://127.0.0.1:10000/devstoreaccount1/") == "http://127.0.0.1:10000/devstoreaccount1"
    )
    assert endpoint_address("SB://Host:5671/") == "sb://host:5671"


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (hub_name, ""),
        (hub_name, "a" * 257),
        (hub_name, "a/b"),
        (consumer_group, ""),
        (consumer_group, "x" * 51),
        (namespace_host, "a..net"),
        (namespace_host, "a.net:99999"),
        (namespace_host, "a b.net"),
        (container_name, "ab"),
        (container_name, "a--b"),
        (container_name, "-ab"),
        (container_name, "a" * 64),
        (account_url, "ftp://a"),
        (account_url, "https://user:pw@a"),
        (account_url, "https://[broken"),
        (account_url, "https://a:port"),
        (endpoint_address, "host:5671"),
        (endpoint_address, "sb://host:0"),
        (parse_proxy, "http://host"),
        (parse_proxy, "http://host:3128/path"),
        (parse_proxy, "host:3128"),
    ],
)
def test_other_forms_are_refused(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|must be"):
        read(text)


def test_a_proxy_on_an_ipv6_address_is_shown_as_it_is_written() -> None:
    assert str(parse_proxy("http://[2001:db8::1]:3128")) == "http://[2001:db8::1]:3128"


def test_certificates_must_be_a_pem_file(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    good.write_text("-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n")
    bad.write_bytes(b"\x30\x82")
    assert load_settings(None, {"STREAM_DETECTOR_HUB__CA_FILE": str(good)}).hub.ca_file == good
    with pytest.raises(ConfigurationError, match="not a PEM file"):
        load_settings(None, {"STREAM_DETECTOR_HUB__CA_FILE": str(bad)})


def test_the_defaults_of_settings_and_windows_agree() -> None:
    assert window_options(Settings()) == WindowOptions()


def test_no_lateness_can_be_asked_for_from_file_and_environment(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("lateness: 0\n")
    assert load_settings(path, {}).lateness == 0
    assert load_settings(None, {"STREAM_DETECTOR_LATENESS": "0"}).lateness == 0


@pytest.mark.parametrize("sign", ["*", "&a *", "!x!"])
def test_a_secret_that_looks_like_a_mark_of_yaml_is_not_repeated(sign: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"hub:\n  connection_string: {sign}S3cr3tKey999\n")
    with pytest.raises(ConfigurationError, match=r"s.yaml:2: is not valid YAML at column") as caught:
        load_settings(path, {})
    assert "S3cr3t" not in str(caught.value)


@pytest.mark.parametrize("tag", ["timestamp", "bool", "int", "binary"])
def test_a_value_that_its_tag_denies_is_a_problem_of_its_line(tag: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"lateness: 1h\nhub: {{prefetch: !!{tag} f*oo}}\n")
    with pytest.raises(ConfigurationError, match=r"s.yaml:2: hub.prefetch: the value cannot be read"):
        load_settings(path, {})


@pytest.mark.parametrize(
    "text",
    [
        'state: {directory: ""}',
        'rules: {directory: " "}',
        'hub: {ca_file: ""}',
        'sinks: [{type: file, path: ""}]',
    ],
)
def test_an_empty_name_of_a_file_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="must not be empty"):
        load_settings(path, {})

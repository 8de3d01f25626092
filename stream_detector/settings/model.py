"""The keys of the settings, their types and defaults. docs/settings.md explains them to users.

Types hold what a single key allows; what depends on several keys is checked by
`settings.loading`, so that one wrong key never hides another. Durations are ticks.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
)
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from stream_detector.settings import azure
from stream_detector.ticks import DAY, HOUR, MAX_TICKS, MINUTE, SECOND, format_duration, parse_duration

LifecycleEvent = Literal["opened", "updated", "closed"]
_ALL_EVENTS: tuple[LifecycleEvent, ...] = ("opened", "updated", "closed")
MASK = "********"


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a whole number")
    return value


def _ticks(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and value == 0:
        return 0
    if isinstance(value, str) and value.strip() == "0":
        return 0  # the same from the environment, where everything is text
    if not isinstance(value, str):
        raise ValueError("must be a duration with its unit, such as 30s, 10m, 2h or 1d")
    try:
        ticks = parse_duration(value)
    except ValueError:
        raise ValueError("is not a duration; write it as 30s, 10m, 2h or 1d") from None
    if ticks > MAX_TICKS:
        raise ValueError("is longer than all of time")
    return ticks


def _start(value: object) -> object:
    if isinstance(value, str) and value.strip().lower() in ("auto", "earliest", "latest"):
        return value.strip().lower()
    try:
        return _ticks(value)
    except ValueError:
        raise ValueError("must be auto, earliest, latest, or how far back to start, such as 2h") from None


def _secret(check: Callable[[str], object]) -> Callable[[SecretStr], SecretStr]:
    def checked(value: SecretStr) -> SecretStr:
        check(value.get_secret_value())
        return value

    return checked


def _masked(value: SecretStr | None) -> str | None:
    return None if value is None else azure.masked_connection(value.get_secret_value())


def _proxy(value: object) -> object:
    if isinstance(value, azure.Proxy):
        return value
    if not isinstance(value, str):
        raise ValueError("must be like http://HOST:PORT")
    return azure.parse_proxy(value)


def _enabled(value: object) -> object:
    if isinstance(value, str):
        return None if value.strip().lower() == "all" else [part.strip() for part in value.split(",")]
    return value


def _events(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _some(value: tuple[LifecycleEvent, ...]) -> tuple[LifecycleEvent, ...]:
    if not value:
        raise ValueError("must name at least one of opened, updated, closed")
    return tuple(event for event in _ALL_EVENTS if event in value)


def _some_path(value: object) -> object:
    if isinstance(value, str) and not value.strip():
        raise ValueError("must not be empty")
    return value


def _existing_ca(path: Path) -> Path:
    try:
        text = path.read_text("ascii", errors="replace")
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise ValueError("is not a PEM file with certificates")
    return path


def _only_single(value: str) -> str:
    if value != "single":
        raise ValueError("topology `keyed` is not available in this version; use single")
    return value


def _only_both(value: str) -> str:
    if value != "both":
        raise ValueError("role forward and detect belong to topology `keyed`, not available in this version")
    return value


_DURATION_TEXT = PlainSerializer(format_duration, return_type=str, when_used="json")
Duration = Annotated[int, BeforeValidator(_ticks), _DURATION_TEXT]
PositiveDuration = Annotated[int, BeforeValidator(_ticks), Field(gt=0), _DURATION_TEXT]
Count = Annotated[int, BeforeValidator(_no_bool), Field(ge=1)]
Size = Annotated[ByteSize, BeforeValidator(_no_bool), Field(ge=0)]
Port = Annotated[int, BeforeValidator(_no_bool), Field(ge=0, le=65535)]
Start = Annotated[
    Literal["auto", "earliest", "latest"] | int,
    BeforeValidator(_start),
    PlainSerializer(
        lambda value: value if isinstance(value, str) else format_duration(value), when_used="json"
    ),
]
HubConnectionString = Annotated[
    SecretStr, AfterValidator(_secret(azure.parse_hub_connection)), PlainSerializer(_masked, when_used="json")
]
BlobConnectionString = Annotated[
    SecretStr,
    AfterValidator(_secret(azure.check_blob_connection)),
    PlainSerializer(_masked, when_used="json"),
]
ProxyUrl = Annotated[
    azure.Proxy, BeforeValidator(_proxy), PlainSerializer(str, return_type=str, when_used="json")
]
SinkName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
NamedPath = Annotated[Path, BeforeValidator(_some_path)]
"""A file or directory. Not "", which would silently be the working directory."""
Events = Annotated[tuple[LifecycleEvent, ...], BeforeValidator(_events), AfterValidator(_some)]


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_default=False,
        arbitrary_types_allowed=True,
    )


class EmbeddedHubSettings(_Section):
    """The local hub that stands in when no Azure hub is configured."""

    partitions: Annotated[int, BeforeValidator(_no_bool), Field(ge=1, le=1024)] = 4
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Port = 0
    """0 is any free port."""
    key: SecretStr | None = None
    """SharedAccessKey of the local hub; None draws a new one at each start."""
    retention_size: Size = ByteSize(256 * 1024 * 1024)
    """Bytes kept per hub."""
    retention_age: PositiveDuration = DAY


class HubSettings(_Section):
    """Where activity records are received."""

    connection_string: HubConnectionString | None = None
    namespace: Annotated[str, AfterValidator(azure.namespace_host)] | None = None
    name: Annotated[str, AfterValidator(azure.hub_name)] = "insights-operational-logs"
    consumer_group: Annotated[str, AfterValidator(azure.consumer_group)] = "$Default"
    prefetch: Annotated[Count, Field(le=100_000)] = 3000
    """Events buffered per partition. The SDK sleeps 50 ms a read pass, so 300 paces a partition at half
    the rate of 3000 (measured); memory is prefetch x size x partitions at most."""
    max_batch_size: Annotated[Count, Field(le=100_000)] = 300
    transport: Literal["amqp", "websocket"] = "amqp"
    proxy: ProxyUrl | None = None
    ca_file: Annotated[NamedPath, AfterValidator(_existing_ca)] | None = None
    start: Start = "auto"
    """Without a position: auto, earliest, latest, or ticks back from now by enqueued time."""
    custom_endpoint: Annotated[str, AfterValidator(azure.endpoint_address)] | None = None
    embedded: EmbeddedHubSettings = EmbeddedHubSettings()

    @property
    def is_embedded(self) -> bool:
        """Whether no Azure hub is configured, so that the embedded one is started."""
        return self.connection_string is None and self.namespace is None

    @property
    def host(self) -> str | None:
        """Host of the namespace with its port if it has one; None for the embedded hub."""
        if self.connection_string is not None:
            return azure.parse_hub_connection(self.connection_string.get_secret_value()).host
        return self.namespace


class BlobSettings(_Section):
    """A Blob container that keeps positions; `StateSettings.directory` keeps the rest."""

    account_url: Annotated[str, AfterValidator(azure.account_url)] | None = None
    connection_string: BlobConnectionString | None = None
    container: Annotated[str, AfterValidator(azure.container_name)]


class DeadLetterSettings(_Section):
    """How much of what cannot be decoded is kept."""

    max_bytes: Size = ByteSize(256 * 1024 * 1024)
    max_files: Annotated[int, BeforeValidator(_no_bool), Field(ge=0)] = 10_000


class StateSettings(_Section):
    """Where positions and dead letters are kept."""

    directory: NamedPath = Path("state")
    blob: BlobSettings | None = None
    dead_letters: DeadLetterSettings = DeadLetterSettings()


class RulesSettings(_Section):
    """Which rules run."""

    directory: NamedPath | None = None
    """None: config/rules of the working directory, else the rules shipped with the program."""
    enabled: Annotated[tuple[str, ...] | None, BeforeValidator(_enabled)] = None
    """Rule ids; None is all."""


class StdoutSinkSettings(_Section):
    """Alerts as JSON lines on standard output."""

    type: Literal["stdout"] = "stdout"
    name: SinkName = "stdout"
    events: Events = _ALL_EVENTS


class FileSinkSettings(_Section):
    """Alerts as JSON lines appended to a file."""

    type: Literal["file"] = "file"
    name: SinkName = "file"
    events: Events = _ALL_EVENTS
    path: NamedPath


SinkSettings = Annotated[StdoutSinkSettings | FileSinkSettings, Field(discriminator="type")]


class ObserveSettings(_Section):
    """Metrics, health and logs."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Port = 9464
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(lambda value: value.strip().lower() if isinstance(value, str) else value),
    ] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"


SOURCES: ContextVar[tuple[dict[str, Any], ...]] = ContextVar("settings_sources", default=())
"""What `Settings()` reads, highest first; set by `settings.loading` for the time of one call."""


class Settings(BaseSettings):
    """All settings. `Settings()` by itself holds the defaults; `load_settings` reads the sources."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        validate_default=False,
    )

    topology: Annotated[Literal["single", "keyed"], AfterValidator(_only_single)] = "single"
    role: Annotated[Literal["both", "forward", "detect"], AfterValidator(_only_both)] = "both"
    hub: HubSettings = HubSettings()
    state: StateSettings = StateSettings()
    rules: RulesSettings = RulesSettings()
    sinks: Annotated[tuple[SinkSettings, ...], Field(min_length=1)] = (StdoutSinkSettings(),)
    observe: ObserveSettings = ObserveSettings()
    lateness: Duration = 24 * HOUR
    close_grace: Duration = 10 * MINUTE
    update_interval: Duration = 5 * MINUTE
    flush_interval: PositiveDuration = 30 * SECOND

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what was read on purpose: never `os.environ` or a .env file behind the caller's back."""
        given = (InitSettingsSource(settings_cls, init_kwargs=values) for values in SOURCES.get())
        return (init_settings, *given)

    def redacted(self) -> dict[str, Any]:
        """The effective configuration as plain values; secrets are shown as `********`."""
        shown: dict[str, Any] = self.model_dump(mode="json")
        if self.hub.embedded.key is not None:
            shown["hub"]["embedded"]["key"] = MASK
        return shown

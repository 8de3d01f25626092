"""Whatever a file and the environment hold: settings, or a report of problems without their values."""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_detector.errors import ConfigurationError, Problem
from stream_detector.settings import Settings, load_settings
from stream_detector.settings.document import parse_document

MARKER = "XsecretX"
KEYS = st.sampled_from(
    [
        *Settings.model_fields,
        *("connection_string", "connection_string_file", "namespace", "name", "prefetch", "start", "proxy"),
        *("blob", "container", "account_url", "dead_letters", "max_bytes", "directory", "enabled", "type"),
        *("path", "events", "host", "port", "embedded", "key", "ca_file", "custom_endpoint", "transport"),
        "unknown",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(
        [
            MARKER,
            f"Endpoint=sb://a.b/;SharedAccessKeyName=n;SharedAccessKey={MARKER}",
            f"http://u:{MARKER}@h:1",
            f"https://a.b/?sig={MARKER}",
            f"{MARKER}h",
            "2h",
            "stdout",
            "file",
        ]
    ),
    st.text(max_size=5),
    st.dates(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
FILES = st.dictionaries(KEYS, VALUES, max_size=6)
NAMES = st.lists(KEYS, min_size=1, max_size=3).map(lambda keys: "STREAM_DETECTOR_" + "__".join(keys).upper())
TEXTS = (
    SCALARS.map(str) | FILES.map(str) | st.sampled_from(["{", "[1, 2", '{"name": "x"}', "[{}]", "[" * 2000])
)
ENVIRONMENTS = st.dictionaries(NAMES, TEXTS, max_size=5)


def told(path: Path, environ: dict[str, str]) -> tuple[str, tuple[Problem, ...]]:
    """What a user sees of the settings, and the problems if there are any."""
    try:
        return repr(load_settings(path, environ).redacted()["hub"]["connection_string"]), ()
    except ConfigurationError as error:
        return str(error), error.problems


@settings(max_examples=150, deadline=None)
@given(FILES, ENVIRONMENTS)
def test_only_configuration_errors_come_out_and_no_secret_is_in_them(
    values: dict[str, object], environ: dict[str, str]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "s.yaml"
        path.write_text(yaml.safe_dump(values), encoding="utf-8")
        shown, problems = told(path, environ)
    assert MARKER not in shown
    assert len(shown.splitlines()) == max(1, len(problems))
    assert all(problem.text for problem in problems)
    assert all(problem.source in (str(path), "environment") for problem in problems)
    assert all(problem.line for problem in problems if problem.source == str(path))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("ab:-[]{}&*!|>#'\"\n\t ,?<%@`\x00ü1.")), max_size=60))
def test_any_text_is_a_tree_or_problems(text: str) -> None:
    tree = parse_document(text, "s.yaml")
    assert isinstance(tree.values, dict)
    assert tree.readable or tree.problems

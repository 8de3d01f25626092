"""Settings from environment variables: STREAM_DETECTOR_HUB__PREFETCH is hub.prefetch.

An empty variable counts as not set. A section or list is written as JSON; a list of plain
texts may also be written with commas. Variables that Kubernetes injects for a Service whose
name starts with stream-detector are no settings. Must not read `os.environ` itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from stream_detector.settings.tree import Path, Place, Tree

PREFIX = "STREAM_DETECTOR_"
CONFIG_VARIABLE = "STREAM_DETECTOR_CONFIG"
"""Names the settings file; not a setting itself."""
SOURCE = "environment"

_SERVICE = re.compile(r"STREAM_DETECTOR(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?)")
_SERVICE_PORT = re.compile(r"STREAM_DETECTOR(_[A-Z0-9_]+?)??_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?")
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://")


def read_environment(environ: Mapping[str, str]) -> Tree:
    """The settings in `environ`. Never raises: what is wrong is in `Tree.problems`."""
    tree = Tree()
    spelt: dict[Path, str] = {}
    # Shorter names first, so that a section given as JSON lies below its single keys.
    for name in sorted(environ, key=lambda name: (name.count("__"), name)):
        value = environ[name]
        if not name.upper().startswith(PREFIX) or name.upper() == CONFIG_VARIABLE:
            continue
        if not value.strip() or is_injected(name, value):
            continue
        path: Path = tuple(name[len(PREFIX) :].lower().split("__"))
        place = Place(SOURCE, None, name)
        if path in spelt:
            tree.problems.append(place.problem(path, f"is also given as {spelt[path]}"))
            continue
        spelt[path] = name
        if any(str(key).isdigit() for key in path):
            text = (
                f"single items cannot be set; give the whole list as JSON in {re.split(r'__[0-9]', name)[0]}"
            )
            tree.problems.append(place.problem(path, text))
            continue
        _put(tree, path, value, place)
    return tree


def is_injected(name: str, value: str) -> bool:
    """Whether Kubernetes made this variable for a Service (docs: "Discovering services")."""
    if _SERVICE.fullmatch(name):
        return True
    if match := _SERVICE_PORT.fullmatch(name):
        # A plain `..._PORT` could also be a misspelt setting; Kubernetes writes a URL into it.
        return match.group(2) is not None or _SERVICE_URL.match(value) is not None
    return False


def _put(tree: Tree, path: Path, text: str, place: Place) -> None:
    value: Any = text
    if text.lstrip()[:1] in ("{", "["):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            tree.problems.append(place.problem(path, "looks like JSON and is not valid JSON"))
            return
    if isinstance(value, dict):
        _put_section(tree, path, value, place)
    elif not tree.put(path, value, place):
        tree.problems.append(place.problem(path, "lies below a key that has a plain value"))


def _put_section(tree: Tree, path: Path, section: dict[str, Any], place: Place) -> None:
    for key, value in section.items():
        here = (*path, key)
        if isinstance(value, dict):
            _put_section(tree, here, value, place)
        elif value is not None:
            tree.put(here, value, place)

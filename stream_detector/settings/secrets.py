"""Secrets by file: `connection_string_file: /run/secrets/hub` stands for the file's content.

Resolved per source, so that a secret in the environment goes over a file named in the
settings file. Never puts a secret's value into a problem.
"""

from __future__ import annotations

from pathlib import Path as FilePath

from stream_detector.settings.tree import Path, Place, Tree

SECRETS: tuple[Path, ...] = (
    ("hub", "connection_string"),
    ("hub", "proxy"),
    ("hub", "embedded", "key"),
    ("state", "blob", "connection_string"),
)
"""Every key that may hold a secret; each has a twin that ends in `_file`."""

MAX_BYTES = 64 * 1024


def file_key(path: Path) -> Path:
    """The twin of a secret's key: hub.connection_string_file for hub.connection_string."""
    return (*path[:-1], f"{path[-1]}_file")


def resolve_secrets(tree: Tree) -> None:
    """Replace each `..._file` key of `tree` by the secret it points at, in place."""
    for path in SECRETS:
        pointer = file_key(path)
        named = tree.find(pointer)
        if named is None:
            continue
        place = _place_of(tree, pointer)
        if tree.find(path) is not None:
            tree.problems.append(place.problem(pointer, f"stands beside {path[-1]}; give one of them"))
        elif not isinstance(named, str):
            tree.problems.append(place.problem(pointer, "must be the name of a file"))
        else:
            _read(tree, path, pointer, FilePath(named), place)
        tree.drop(pointer)


def _place_of(tree: Tree, pointer: Path) -> Place:
    """Where a key stands; for a section that only its members name, where the first of them stands."""
    return next(place for path, place in tree.places.items() if path[: len(pointer)] == pointer)


def _read(tree: Tree, path: Path, pointer: Path, file: FilePath, place: Place) -> None:
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        secret = raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        tree.problems.append(place.problem(pointer, "the file is not UTF-8 text"))
        return
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        tree.problems.append(place.problem(pointer, f"the file cannot be read: {reason}"))
        return
    if len(raw) > MAX_BYTES:
        tree.problems.append(place.problem(pointer, f"the file is larger than {MAX_BYTES} bytes"))
    elif not secret:
        tree.problems.append(place.problem(pointer, "the file is empty"))
    else:
        tree.put(path, secret, place)

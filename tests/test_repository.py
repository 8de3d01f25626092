"""The repository is fit to be cloned by anyone: no traces of a machine, locked versions, true documents."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from services.program import ROOT, run_program

import stream_detector

_MOST_LINES = 400
_SELF = "tests/test_repository.py"
"""Names what it forbids, and so is left out of the search."""
_MACHINE_PATH = re.compile(r"(?<![\w.<}])/(?:work|root|home|Users)/[\w.]")
_REGISTRIES = re.compile(r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|extra-index-url")
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the repository: what git tracks, or in an unpacked archive what is not made by make."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
        # git refuses a checkout that belongs to another user; its files can be walked all the same.
        names = [name for name in listed.stdout.decode().split("\0") if name]
        if listed.returncode == 0 and names:
            return tuple(path for name in names if (path := ROOT / name).is_file())
    made = {".git", ".venv", "node_modules", "bench-out", "state", "build", "dist", "__pycache__"}
    files = (path for path in ROOT.rglob("*") if path.is_file())
    return tuple(path for path in files if not any(p in made or p.endswith("_cache") for p in path.parts))


@cache
def texts() -> dict[str, str]:
    """Text of every tracked file that is text, by its path in the repository."""
    found = {}
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content:
            found[path.relative_to(ROOT).as_posix()] = content.decode("utf-8", "replace")
    return found


def lines_with(found: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts().items()
        if name != _SELF
        for number, line in enumerate(text.splitlines(), 1)
        if found.search(line)
    ]


def locked(name: str) -> dict[str, str]:
    """Version by canonical name of a lock file."""
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", texts()[name], re.MULTILINE)
    return {canonicalize_name(package): version for package, version in pins}


def declared(group: str | None = None) -> list[Requirement]:
    project = tomllib.loads(texts()["pyproject.toml"])["project"]
    wanted = project["dependencies"] if group is None else project["optional-dependencies"][group]
    return [Requirement(text) for text in wanted]


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    assert lines_with(_MACHINE_PATH) == []


def test_no_file_names_a_package_registry() -> None:
    assert lines_with(_REGISTRIES) == []


@pytest.mark.parametrize(
    "line", ["cd /{}/x".format("root"), '"/{}/y"'.format("home/me"), "a=/{}/z".format("work")]
)
def test_a_path_of_a_machine_would_be_seen(line: str) -> None:
    assert _MACHINE_PATH.search(line)


def test_nothing_is_left_to_do_in_the_sources() -> None:
    assert lines_with(re.compile(r"\b(?:TODO|FIXME)\b")) == []


def test_modules_stay_short_enough_to_read() -> None:
    lengths = {
        name: text.count("\n") for name, text in texts().items() if name.startswith("stream_detector/")
    }
    assert len(lengths) > 20
    assert {name: length for name, length in lengths.items() if length > _MOST_LINES} == {}


def test_every_module_says_what_it_is_for() -> None:
    modules = {
        name: text
        for name, text in texts().items()
        if name.startswith("stream_detector/") and name.endswith(".py") and text.strip()
    }
    assert len(modules) > 20
    assert [name for name, text in modules.items() if not text.lstrip().startswith(('"""', 'r"""'))] == []


@pytest.mark.parametrize(("lock", "group"), [("requirements.lock", None), ("requirements-dev.lock", "dev")])
def test_the_lock_holds_every_declared_dependency_in_a_version_that_is_allowed(
    lock: str, group: str | None
) -> None:
    versions = locked(lock)
    for requirement in declared(group):
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in {lock}: make lock"
        assert requirement.specifier.contains(version, prereleases=True), (
            f"{requirement} is locked at {version}"
        )


def test_every_locked_version_has_hashes() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock"):
        entries = re.split(r"^(?=\S)", texts()[lock], flags=re.MULTILINE)
        entries = [entry for entry in entries if entry.strip() and not entry.startswith("#")]
        assert len(entries) > 30
        assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_tests_run_on_the_versions_that_are_shipped() -> None:
    develop = locked("requirements-dev.lock")
    assert {name: develop.get(name) for name in locked("requirements.lock")} == locked("requirements.lock")


def test_the_changelog_knows_the_version() -> None:
    headings = re.findall(r"^## \[([^\]]+)\]", texts()["CHANGELOG.md"], re.MULTILINE)
    assert headings, "the changelog has no version"
    released = [heading for heading in headings if heading != "Unreleased"]
    if released:
        assert released[0] == stream_detector.__version__
    else:
        assert stream_detector.__version__.startswith("0.")


def test_the_commands_of_the_readme_exist() -> None:
    readme = texts()["README.md"]
    commands = set(re.findall(r"^\| `(\w+)", readme, re.MULTILINE)) | set(
        re.findall(r"stream-detector ([a-z]+)", readme)
    )
    assert {"run", "demo", "replay"} <= commands
    code, printed, _ = run_program(["--help"])
    assert code == 0
    usage = "\n".join(printed)
    assert {
        command for command in commands if not re.search(rf"^    {command}\b", usage, re.MULTILINE)
    } == set()


def test_the_make_targets_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", texts()["Makefile"], re.MULTILINE))
    named = set(re.findall(r"(?:^\$ |`)make ([a-z]+)", texts()["README.md"], re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


def test_links_in_documents_lead_to_files() -> None:
    broken = [
        f"{name}: {target}"
        for name, text in texts().items()
        if name.endswith(".md")
        for target in _LINK.findall(text)
        if "://" not in target and not (ROOT / name).parent.joinpath(target).exists()
    ]
    assert broken == []


def test_tests_that_documents_name_exist() -> None:
    named = {
        (path.name, found)
        for path in [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
        for found in re.findall(r"tests/[\w/]+\.py", path.read_text("utf-8"))
    }
    assert named
    assert [(document, name) for document, name in sorted(named) if not (ROOT / name).exists()] == []


def test_no_pattern_has_a_possessive_group() -> None:
    # Before Python 3.11.4 such a group matches wrongly when it can backtrack inside.
    possessive = lines_with(re.compile(r"\)[*+?]\+(?!=)"))
    assert [line for line in possessive if line.startswith("stream_detector/")] == []

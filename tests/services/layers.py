"""Which way imports may point, and what the core must not touch; reads source text, imports nothing of it.

shell (cli, service, hub, shard, sinks, observe, settings)  -->  core (activity, kql, rules, detect)
localhub, generate: beside the product; know no more of it than time and errors
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "stream_detector"

_BASE = frozenset({"errors", "ticks"})
ALLOWED: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "ticks": frozenset(),
    "activity": _BASE,
    "kql": _BASE,
    "rules": _BASE | {"activity", "kql"},
    "detect": _BASE | {"activity", "kql", "rules"},
    "pipeline": _BASE | {"activity", "kql", "rules", "detect"},
    "localhub": _BASE,
    "generate": frozenset({"ticks"}),
}
"""For the layers with a rule: what else of the package each may import, beside itself."""

CORE = frozenset({"errors", "ticks", "activity", "kql", "rules", "detect", "pipeline"})
"""Layers that are functions of their arguments: no I/O, no clock, no concurrency, no chance."""

ONLY_ENTRY_POINTS = {"cli": frozenset({"cli", "__main__"}), "service": frozenset({"cli", "service"})}
"""Layers that nothing imports but these."""

_IMPURE_MODULES = frozenset(
    {
        *(
            "asyncio",
            "threading",
            "multiprocessing",
            "concurrent",
            "signal",
            "subprocess",
            "socket",
            "ssl",
            "select",
        ),
        *("time", "random", "secrets", "os", "sys", "io", "tempfile", "shutil", "logging", "urllib", "http"),
        *("aiohttp", "azure", "prometheus_client", "pydantic", "pydantic_settings", "structlog", "tqdm"),
        *("pathlib", "yaml", "importlib"),
    }
)
_EXEMPT: dict[str, frozenset[str]] = {
    "rules/load.py": frozenset({"pathlib", "yaml", "open"}),
    "rules/fields.py": frozenset({"yaml"}),
    "kql/generate/__init__.py": frozenset({"exec"}),
    "pipeline.py": frozenset({"pathlib"}),
}
"""Loading rules reads files; rules become functions; a traceback is told in terms of file names."""

_IMPURE_CALLS = frozenset({"open", "print", "input", "__import__", "exec", "eval"})
_IMPURE_METHODS = frozenset({"now", "utcnow", "today", "uuid1", "uuid4", "getnode"})


def layer_of(path: str) -> str:
    """The layer of a module by its path below the package, such as `activity/times.py`."""
    return path.split("/")[0].removesuffix(".py")


def violations(path: str, source: str) -> list[str]:
    """What is wrong in a module: one line each, with the line number."""
    tree = ast.parse(source)
    found = [*_directions(path, tree)]
    if layer_of(path) in CORE:
        found += _impurities(path, tree)
    return [f"{path}:{line}: {what}" for line, what in sorted(found)]


def package_violations(root: Path) -> list[str]:
    """The violations of every module below `root`, the package's directory."""
    modules = sorted(root.rglob("*.py"))
    return [
        line
        for module in modules
        for line in violations(module.relative_to(root).as_posix(), module.read_text("utf-8"))
    ]


def _imported(path: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every imported module by its full name. `from a import b` counts as `a.b`, since b may be a module."""
    parts = [PACKAGE, *path.removesuffix(".py").split("/")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parts[: -node.level]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def _directions(path: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    own = layer_of(path)
    for line, name in _imported(path, tree):
        parts = name.split(".")
        if parts[0] != PACKAGE or len(parts) < 2 or parts[1].startswith("__version"):
            continue
        other = parts[1]
        if other == own:
            continue
        if own in ALLOWED and other not in ALLOWED[own]:
            yield line, f"{own} must not import {other}"
        if other in ONLY_ENTRY_POINTS and own not in ONLY_ENTRY_POINTS[other]:
            yield line, f"{own} must not import {other}, an entry point"


def _impurities(path: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    exempt = _EXEMPT.get(path, frozenset())
    for line, name in _imported(path, tree):
        top = name.split(".")[0]
        if top in _IMPURE_MODULES - exempt:
            yield line, f"the core must not use {top}"
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await):
            yield node.lineno, "the core must not await"
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in _IMPURE_CALLS - exempt:
            yield node.lineno, f"the core must not call {node.func.id}()"
        if isinstance(node.func, ast.Attribute) and node.func.attr in _IMPURE_METHODS and not node.args:
            yield node.lineno, f"the core must not call {node.func.attr}()"

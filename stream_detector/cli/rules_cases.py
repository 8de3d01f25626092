"""Reading the cases that stand beside rules, for `rules test` and `rules lint`."""

from __future__ import annotations

from os.path import isfile
from pathlib import Path

from stream_detector.errors import Problem
from stream_detector.rules.cases import Case, read_cases
from stream_detector.rules.load import CASES, RuleFiles, is_there, open_yaml


def cases_of(files: RuleFiles, problems: list[Problem]) -> tuple[Case, ...]:
    """The rule's cases; none when it names no file. What is wrong in the file goes to `problems`."""
    path = files.cases
    if path is None or files.section is None:
        return ()
    if not is_there(path):
        text = f"{path.name} does not exist; write it, or leave the key out"
        problems.append(Problem(files.section.source, files.section.line("cases"), "cases", text))
        return ()
    node = open_yaml(path, problems, "a list of cases")
    return () if node is None else read_cases(str(path), node, problems, files.rule)


def unnamed_cases(directory: Path, rules: tuple[RuleFiles, ...]) -> list[Problem]:
    """Files of cases that no rule names, and that are therefore never run.

    A rule of the same name whose `cases` cannot be followed is told already, and its file is left out.
    """
    named = {files.cases for files in rules}
    for files in rules:
        if files.section is None or (files.section.has("cases") and not _is_found(files)):
            named.add(files.query.with_name(f"{files.query.stem}{CASES}"))
    return [
        Problem(
            str(path),
            None,
            "",
            "is named by no rule, so its cases are never run; write "
            f"`cases: {path.name}` into the rule's .yaml",
        )
        for path in sorted(directory.glob(f"*{CASES}"))
        if path not in named
    ]


def _is_found(files: RuleFiles) -> bool:
    return files.cases is not None and isfile(files.cases)

"""Skipping that cannot hide on CI: what a test needs is either there, or the run fails."""

from __future__ import annotations

import os

import pytest

ON_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def need(condition: object, reason: str, *, optional_on_ci: bool = False) -> None:
    """Skip the calling test unless `condition` holds; with CI=true fail instead.

    Args:
        condition: what the test needs, such as a path or the result of shutil.which.
        reason: what is missing and how to get it.
        optional_on_ci: True for what cannot be had everywhere, such as a package without
            wheels for this Python; the test is then skipped on CI as well.
    """
    if condition:
        return
    if ON_CI and not optional_on_ci:
        pytest.fail(f"needed on CI: {reason}", pytrace=False)
    pytest.skip(reason)

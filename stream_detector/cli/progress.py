"""A progress bar on a terminal, and nothing elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self


class Progress:
    """Bytes read of one file, shown on stderr while a person watches."""

    def __init__(self, path: str) -> None:
        self._bar: Any = None
        self.callback: Callable[[int], object] | None = None
        if path != "-" and sys.stderr.isatty():
            from tqdm import tqdm

            try:
                size = None if path.endswith(".gz") else os.path.getsize(path)
            except OSError:
                size = None
            self._bar = tqdm(total=size, unit="B", unit_scale=True, desc=path, leave=False)
            self.callback = self._bar.update

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

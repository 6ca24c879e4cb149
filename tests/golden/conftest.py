"""Fixtures of the command tests."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from terraluna.cli.main import run


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command line in this process; returns exit code, stdout and stderr."""

    def inner(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["terraluna", *words])
        with pytest.raises(SystemExit) as stop:
            run()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return inner

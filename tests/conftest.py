"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from terraluna.ephemeris import Ephemeris

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def ephemeris() -> Iterator[Ephemeris]:
    with Ephemeris() as eph:
        yield eph


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Real third-party frames and vectors, kept beside the repository; TERRALUNA_TEST_DATA names another place."""
    path = Path(os.environ.get("TERRALUNA_TEST_DATA", ROOT / ".." / "shared" / "data")).resolve()
    if not path.is_dir():
        pytest.fail(f"the test data folder {path} is missing; set TERRALUNA_TEST_DATA to it")
    return path

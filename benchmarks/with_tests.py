"""Puts the tests and the modules that they share on the path; a benchmark imports it before them."""

import sys
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(_TESTS), str(_TESTS / "truth")]

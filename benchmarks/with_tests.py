"""Puts the modules that the tests share on the path; a benchmark imports it before them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

"""The public import: light, complete, and the same objects as in their own modules."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from terraluna import api

HEAVY = ("scipy", "matplotlib", "PIL", "astropy", "skimage", "numba", "numpy", "spiceypy", "pydantic", "typer", "rich")


def test_import_is_light() -> None:
    """In a process of its own, since the tests have loaded everything already."""
    code = "import json, sys, terraluna.api; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "terraluna.api" in loaded
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.parametrize("name", api.__all__)
def test_every_name_resolves(name: str) -> None:
    value = getattr(api, name)
    home = getattr(value, "__module__", None)
    if home is not None:
        assert home.startswith("terraluna.")
        assert getattr(importlib.import_module(home), value.__name__) is value


def test_the_typed_names_are_the_loaded_ones() -> None:
    """A type checker reads the imports under TYPE_CHECKING, Python the table of modules: both must say the same."""
    tree = ast.parse(Path(str(api.__file__)).read_text(encoding="utf-8"))
    typed = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("terraluna.")
        for alias in node.names
    }
    assert sorted(typed) == sorted(api.__all__)
    for name, module in typed.items():
        assert getattr(importlib.import_module(str(module)), name) is getattr(api, name)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Spacecraft'"):
        api.Spacecraft  # noqa: B018


def test_dir_lists_the_public_names() -> None:
    assert dir(api) == sorted(api.__all__)

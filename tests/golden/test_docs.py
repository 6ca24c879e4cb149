"""The examples of the documentation run, and print what the pages say.

In a page, a ``python`` block runs; a ``text`` block right after it is its output. A block with a title is a file that
the page's other examples may name. Every ``toml`` block has a title and is a scene, a camera, a trajectory, or a
request for a plan. In a ``console`` block the lines after ``$ terraluna ...`` occur in its output in that order;
``...`` stands for any lines.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from terraluna.camera import load_camera
from terraluna.cli.main import run
from terraluna.ephemeris import Ephemeris
from terraluna.missions.view import MissionView
from terraluna.plan.planner import make_plan
from terraluna.trajectory import parse_spec, trajectory_from_spec

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'title="([^"]+)"')

# Commands that need received packets, a display of their own size, or more than a second or two.
NOT_RUN = {"show", "render", "decode"}


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, title, text, the line it starts at, and the text between it and the one before."""

    language: str
    title: str
    body: str
    line: int
    gap: str


def _blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found, end = [], 0
    for match in FENCE.finditer(text):
        info = match["info"]
        title = TITLE.search(info)
        line = text.count("\n", 0, match.start()) + 1
        words = info.split()
        found.append(
            Block(
                words[0] if words else "",
                title[1] if title else "",
                match["body"],
                line,
                text[end : match.start()].strip(),
            )
        )
        end = match.end()
    return found


def _cases(language: str) -> list[object]:
    return [
        pytest.param(page, block, id=f"{page.stem}-{block.line}")
        for page in PAGES
        for block in _blocks(page)
        if block.language == language
    ]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _write_files(page: Path, folder: Path) -> None:
    for block in _blocks(page):
        if block.title:
            (folder / block.title).write_text(block.body, encoding="utf-8")


@pytest.mark.parametrize(("page", "block"), _cases("python"))
def test_python_example(page: Path, block: Block, folder: Path) -> None:
    _write_files(page, folder)
    blocks = _blocks(page)
    following = blocks[blocks.index(block) + 1 :][:1]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(block.body, f"{page.name}:{block.line}", "exec"), {"__name__": "example"})
    if following and following[0].language == "text" and not following[0].gap:
        assert out.getvalue() == following[0].body


@pytest.mark.parametrize(("page", "block"), _cases("toml"))
def test_toml_example(page: Path, block: Block, folder: Path, ephemeris: Ephemeris) -> None:
    assert block.title, f"{page.name}, line {block.line}: a toml block needs a title"
    _write_files(page, folder)
    table = tomllib.loads(block.body)
    if "start" in table and "stop" in table:
        plan = make_plan(folder / block.title, ephemeris)
        assert bool(plan.proposals) != bool(plan.conflict)
        assert plan.proposals or block.title == "conflict.toml"
    elif "geometry" in table:
        assert load_camera(folder / block.title).id == table["id"]
    elif "camera" in table or "mission" in table:
        view = MissionView.open(block.title, ephemeris)
        assert view.scene().pixels("earth") is not None or view.scene().pixels("moon") is not None
    elif "observables" in table:
        assert parse_spec(table, block.title).kind == "reconstruct"
    else:
        (spec,) = table.values()
        parse_spec(spec, block.title)
        if "file" not in spec or (folder / spec["file"]).is_file():
            trajectory = trajectory_from_spec(spec, ephemeris, folder)
            middle = sum(trajectory.span) / 2.0
            assert trajectory.state(middle).shape == (6,)


@pytest.mark.parametrize(("page", "block"), _cases("console"))
def test_console_example(
    page: Path, block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _write_files(page, folder)
    commands = [part for part in re.split(r"^\$ ", block.body, flags=re.MULTILINE) if part.strip()]
    assert commands
    for command in commands:
        line, _, expected = command.partition("\n")
        words = shlex.split(line)
        assert words[0] == "terraluna"
        monkeypatch.setattr(sys, "argv", [words[0], words[1], "--help"] if words[1] in NOT_RUN else words)
        with pytest.raises(SystemExit):
            run()
        captured = capsys.readouterr()
        if words[1] in NOT_RUN:
            assert f"terraluna {words[1]}" in captured.out
            continue
        printed = iter([text.rstrip() for text in (captured.out + captured.err).splitlines()])
        for wanted in expected.splitlines():
            if wanted.strip() not in {"", "..."}:
                assert wanted.rstrip() in printed, f"{page.name}, line {block.line}: not printed in order: {wanted}"


def test_every_page_is_in_the_navigation_and_every_link_leads_somewhere() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in PAGES[1:]:
        assert f" {page.name}\n" in navigation
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not target.endswith(".png"):
                assert (page.parent / target).exists(), f"{page.name} links to {target}"

"""Parser for the labels of PDS3 products (the Object Description Language subset that archives use).

Bounded: a label is cut at a byte limit, nesting at a depth, values at a count; nothing in it is ever executed or
followed. A line that can't be understood is skipped and reported, the rest is kept. Reference: Planetary Data System
Standards Reference 3.8, chapter 12 (ODL).
"""

from __future__ import annotations

import re
from typing import Any, Final

from terraluna.frames.observation import HeaderWarning

_MAX_DEPTH: Final = 12
_MAX_ITEMS: Final = 200_000
_MAX_REPORTED: Final = 5

_TOKEN = re.compile(
    r"""
      (?P<space>[\s,]+)
    | (?P<comment>/\*.*?(?:\*/|\Z))
    | (?P<string>"[^"]*(?:"|\Z)|'[^'\n]*(?:'|\n|\Z))
    | (?P<open>[({])
    | (?P<close>[)}])
    | (?P<unit><[^<>\n]{0,80}>)
    | (?P<equals>=)
    | (?P<word>[^\s,(){}<>="']+)
    | (?P<junk>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_INTEGER = re.compile(r"[-+]?\d{1,18}\Z")
_REAL = re.compile(r"[-+]?(?:\d{1,30}\.\d{0,30}|\.\d{1,30}|\d{1,30})(?:[eE][-+]?\d{1,3})?\Z")
_BASED = re.compile(r"(\d{1,2})#([-+]?[0-9A-Fa-f]{1,16})#\Z")


_KEYWORD_LINE = re.compile(r"[ \t]*\^?[A-Z][A-Z0-9_:]{1,60}[ \t]+=")


def _mended(text: str) -> str:
    """The label with quotation marks closed in front of a line that starts a new keyword."""
    out: list[str] = []
    inside = False
    for line in text.split("\n"):
        if inside and _KEYWORD_LINE.match(line):
            out[-1] = out[-1].rstrip("\r") + '"'
            inside = False
        if line.count('"') % 2:
            inside = not inside
        out.append(line)
    return "\n".join(out)


def parse_label(text: str, repair: bool = False) -> tuple[dict[str, Any], list[HeaderWarning]]:
    """Read a PDS3 label.

    Args:
        text: the label; whatever follows the END statement is ignored.
        repair: close quotation marks that would swallow the next keyword (a lost mark turns the rest inside out).

    Returns:
        The keywords in order (namespaces kept, upper case; objects and groups are nested dictionaries, a repeated
        object gets ``#2`` and so on; units stay with the value as ``"12.5 <MS>"``), and what couldn't be read.
    """
    tokens = _tokens(_mended(text) if repair else text)
    root: dict[str, Any] = {}
    stack = [root]
    warnings: list[HeaderWarning] = []
    i = 0
    while i < len(tokens):
        kind, word = tokens[i]
        name = word.upper()
        if kind == "word" and name == "END":
            break
        if kind == "word" and name in {"END_OBJECT", "END_GROUP"}:
            if len(stack) > 1:
                stack.pop()
            i += 3 if i + 1 < len(tokens) and tokens[i + 1][0] == "equals" else 1
            continue
        if kind != "word" or i + 1 >= len(tokens) or tokens[i + 1][0] != "equals":
            if kind != "unit" and len(warnings) < _MAX_REPORTED:
                warnings.append(HeaderWarning("LABEL", f"the text {word[:40]!r} is not a keyword and was skipped"))
            i += 1
            continue
        value, i = _value(tokens, i + 2)
        if name in {"OBJECT", "GROUP"}:
            if len(stack) >= _MAX_DEPTH:
                warnings.append(HeaderWarning("LABEL", f"objects nest deeper than {_MAX_DEPTH}; the rest was skipped"))
                break
            child: dict[str, Any] = {}
            stack[-1][_free(stack[-1], str(value).upper())] = child
            stack.append(child)
        else:
            stack[-1].setdefault(name, value)
    return root, warnings


def _free(level: dict[str, Any], name: str) -> str:
    if name not in level:
        return name
    n = 2
    while f"{name}#{n}" in level and n < 1000:
        n += 1
    return f"{name}#{n}"


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "junk"
        if kind in {"space", "comment", "junk"}:
            continue
        word = match.group()
        found.append((kind, word))
        if (kind == "word" and word.upper() == "END") or len(found) >= _MAX_ITEMS:
            break
    return found


def _value(tokens: list[tuple[str, str]], i: int) -> tuple[Any, int]:
    """The value that starts at token ``i`` and the place of the token after it."""
    if i >= len(tokens):
        return None, i
    kind, word = tokens[i]
    if kind == "open":
        stack: list[list[Any]] = [[]]
        i += 1
        while i < len(tokens):
            kind, word = tokens[i]
            i += 1
            if kind == "open" and len(stack) < _MAX_DEPTH:
                stack.append([])
            elif kind == "close":
                done = stack.pop()
                if not stack:
                    if i < len(tokens) and tokens[i][0] == "unit":
                        i += 1
                    return done, i
                stack[-1].append(done)
            elif kind == "unit" and stack[-1]:
                stack[-1][-1] = f"{stack[-1][-1]} {word}"
            elif kind in {"word", "string"}:
                stack[-1].append(_scalar(kind, word))
            elif kind == "equals":
                break  # an unclosed list: the next keyword has been swallowed, no more than that
        return stack[0], i
    value = _scalar(kind, word)
    i += 1
    if i < len(tokens) and tokens[i][0] == "unit":
        value = f"{value} {tokens[i][1]}"
        i += 1
    return value, i


def _scalar(kind: str, word: str) -> Any:
    if kind == "string":
        return " ".join(word.strip("\"'").split())
    if _INTEGER.match(word):
        return int(word)
    if _REAL.match(word):
        return float(word)
    based = _BASED.match(word)
    if based and 2 <= int(based.group(1)) <= 16:
        try:
            return int(based.group(2), int(based.group(1)))
        except ValueError:
            return word
    return word

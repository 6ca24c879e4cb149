"""Turning the text of a label into numbers, times and names without ever failing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, Final

_NUMBER = re.compile(r"[-+]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:[eEdD][-+]?\d{1,3})?")
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?")
_DOY = re.compile(r"(\d{4})-(\d{3})[T ](\d{2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?")

UNKNOWN: Final = frozenset({"", "N/A", "NA", "NULL", "UNK", "UNKNOWN", "NONE", "NOT APPLICABLE", "NOT AVAILABLE"})
"""How archives write that a value isn't known."""

SECONDS: Final = {
    "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3,
    "milliseconds": 1e-3, "us": 1e-6, "microsecond": 1e-6, "microseconds": 1e-6,
}  # fmt: skip
KILOMETRES: Final = {"km": 1.0, "kilometer": 1.0, "kilometers": 1.0, "m": 1e-3, "meters": 1e-3, "au": 149597870.7}


def find(label: Mapping[str, Any], *names: str) -> Any:
    """The first of the named values at any depth of a nested label, outermost first; None if there is none."""
    for name in names:
        level: list[Mapping[str, Any]] = [label]
        while level:
            below: list[Mapping[str, Any]] = []
            for part in level:
                if name in part and not isinstance(part[name], Mapping):
                    return part[name]
                below.extend(v for v in part.values() if isinstance(v, Mapping))
            level = below
    return None


def number(value: Any) -> float | None:
    """The first number in a value; None if there is none or it isn't finite."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        try:
            result = float(value)
        except OverflowError:
            return None
        return result if isfinite(result) else None
    found = _NUMBER.match(str(value).strip()[:200])
    if not found:
        return None
    result = float(found.group().replace("D", "E").replace("d", "e"))
    return result if isfinite(result) else None


def unit_of(value: Any) -> str:
    """The unit in ``12.5 <ms>``, lower case; empty if there is none."""
    found = re.search(r"<([^<>]{1,40})>\s*$", str(value)[-60:])
    return found.group(1).strip().lower() if found else ""


def scaled(value: Any, units: Mapping[str, float], default: float) -> float | None:
    """The number in a value times the factor of its unit; ``default`` is the factor where no unit is given."""
    plain = number(value)
    return None if plain is None else plain * units.get(unit_of(value), default)


def vector(value: Any, length: int = 3) -> tuple[float, ...] | None:
    """``length`` numbers of a list; None if any is missing."""
    if not isinstance(value, list | tuple) or len(value) < length:
        return None
    numbers = [number(v) for v in value[:length]]
    return None if any(n is None for n in numbers) else tuple(n for n in numbers if n is not None)


def text(value: Any) -> str | None:
    """The value as one line of text; None where the archive says that it isn't known."""
    if value is None or isinstance(value, Mapping):
        return None
    line = " ".join(str(value).split())[:400]
    return None if line.upper() in UNKNOWN else line


def parse_time(value: Any) -> datetime | None:
    """A date with time in ISO 8601 (calendar or day of year) as a naive UTC datetime; None if it isn't one."""
    line = str(value).strip().strip("\"'")[:40]
    found = _ISO.match(line)
    try:
        if found:
            year, month, day, hour, minute, second = (int(g or 0) for g in found.groups()[:6])
            base = datetime(year, month, day, hour, minute)
            fraction = found.group(7)
        else:
            found = _DOY.match(line)
            if not found:
                return None
            year, doy, hour, minute, second = (int(g or 0) for g in found.groups()[:5])
            if not 1 <= doy <= 366:
                return None
            base = datetime(year, 1, 1, hour, minute) + timedelta(days=doy - 1)
            fraction = found.group(6)
        if second > 60:
            return None
        # A leap second is written as the end of the minute before; one second is below what any label here needs.
        return base + timedelta(seconds=min(second, 59) + (float(fraction) if fraction else 0.0) + (second == 60))
    except (ValueError, OverflowError):
        return None


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 with milliseconds (microseconds where they matter)."""
    if moment is None:
        return None
    return moment.isoformat(timespec="microseconds" if moment.microsecond % 1000 else "milliseconds")


def midpoint(start: datetime | None, stop: datetime | None, exposure_s: float | None) -> datetime | None:
    """Middle of an exposure from its start and its length or end; None if the start isn't known."""
    if start is None:
        return None
    try:
        if exposure_s is not None and 0.0 <= exposure_s < 1e6:
            return start + timedelta(seconds=exposure_s / 2.0)
        if stop is not None and stop >= start:
            return start + (stop - start) / 2
    except OverflowError:
        return None
    return start

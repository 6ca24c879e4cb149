"""A plan as the contents of files: JSON, CSV, iCalendar, attitudes."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from terraluna.ephemeris import Ephemeris
from terraluna.plan.attitude_files import aem_text, ck_bytes, frame_kernel
from terraluna.plan.framing import attitudes
from terraluna.plan.planner import Plan
from terraluna.plan.report import Detail, plan_report

_ATTITUDE_SAMPLES: Final = 121
_COLUMNS: Final = (
    "rank", "start_utc", "end_utc", "best_utc", "duration_s", "camera", "quality", "score", "why",
)  # fmt: skip


def plan_files(plan: Plan, details: list[Detail], ephemeris: Ephemeris) -> dict[str, bytes]:
    """Tables of a plan and the attitudes of its windows: contents by file name."""
    report = plan_report(plan, details, ephemeris)
    text = {
        "plan.json": json.dumps(_finite(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        "windows.csv": windows_csv(report),
        "windows.ics": calendar(report),
    }
    out: dict[str, bytes] = {}
    for k, detail in enumerate(details):
        p = detail.proposal
        if detail.framing is None or not p.start < p.end:
            continue
        ets = np.linspace(p.start, p.end, _ATTITUDE_SAMPLES)
        turns = attitudes(p.pointing, p.leg, ets)
        text[f"window-{k + 1:02d}.aem"] = aem_text(p.leg.trajectory.name, ephemeris, ets, turns)
        out[f"window-{k + 1:02d}.bc"] = ck_bytes(plan.title, ets, turns)
    if out:
        text["camera.tf"] = frame_kernel()
    return {name: content.encode() for name, content in text.items()} | out


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def windows_csv(report: dict[str, Any]) -> str:
    """The ranked windows, one row each, with the view at the best moment."""
    views = list(report["windows"][0]["view"] if report["windows"] else ())
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*_COLUMNS, *views])
    for window in report["windows"]:
        writer.writerow([window[c] for c in _COLUMNS] + [f"{window['view'][v]:.6g}" for v in views])
    return out.getvalue()


def calendar(report: dict[str, Any]) -> str:
    """The windows as an iCalendar file (RFC 5545), one event each, in UTC to the second."""
    made = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//terraluna//plan//EN"]
    for window in report["windows"]:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{_stamp(window['best_utc'])}-{window['rank']}@terraluna",
            f"DTSTAMP:{made}",
            f"DTSTART:{_stamp(window['start_utc'])}",
            f"DTEND:{_end(window)}",
            f"SUMMARY:{_text(report['name'])} ({window['rank']})",
            f"DESCRIPTION:{_text('Best at ' + window['best_utc'] + ' UTC: ' + window['why'])}",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _fold(line))


def _end(window: dict[str, Any]) -> str:
    """Stamp of a window's end; an event must end after it starts, so a shorter one than a second gets the next."""
    start, end = (datetime.fromisoformat(window[k][:19]) for k in ("start_utc", "end_utc"))
    return _stamp(max(end, start + timedelta(seconds=1)).isoformat())


def _stamp(utc: str) -> str:
    return utc[:19].replace("-", "").replace(":", "") + "Z"


def _text(text: str) -> str:
    for old, new in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(old, new)
    return text


def _fold(line: str) -> list[str]:
    """A content line in pieces of at most 75 octets, the later ones begun by a space."""
    pieces: list[str] = []
    piece = ""
    for letter in line:
        if len((piece + letter).encode()) > 75:
            pieces.append(piece)
            piece = " "
        piece += letter
    return [*pieces, piece]

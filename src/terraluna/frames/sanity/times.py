"""Times of a header against each other, the exposure, the mission's flight and the file's name."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from terraluna.ephemeris import Ephemeris
from terraluna.errors import InputError
from terraluna.frames.instruments import flight
from terraluna.frames.observation import HeaderWarning, Observation
from terraluna.frames.values import find, parse_time


def check_times(observation: Observation) -> list[HeaderWarning]:
    """Times against each other, against the exposure, against the mission's flight and against the file name."""
    out = []
    start, middle = parse_time(observation.utc_start), parse_time(observation.utc)
    stop_text = find(observation.label, "STOP_TIME", "DATE-END", "stop_date_time", "end_time")
    start_text = find(observation.label, "START_TIME", "DATE-BEG", "start_date_time", "begin_time")
    stop, first = parse_time(stop_text), parse_time(start_text)
    if stop and first and stop < first:
        out.append(
            HeaderWarning("STOP_TIME", "the end of the exposure is before its start", str(stop_text), str(start_text))
        )
    exposure = observation.exposure_s
    if exposure is not None and exposure < 0:
        out.append(HeaderWarning("exposure", "the exposure time is negative", f"{exposure:g} s"))
    if stop and first and exposure and stop >= first and observation.format in {"pds3", "fits"}:
        span = (stop - first).total_seconds()
        scan = find(observation.label, "MRO:LINE_EXPOSURE_DURATION") is not None
        # Both ends are printed to the millisecond at best.
        if not scan and abs(span - exposure) > 0.002 + 0.05 * exposure:
            out.append(
                HeaderWarning("EXPOSURE_DURATION", "differs from end minus start", f"{exposure:g} s", f"{span:g} s")
            )
    moment = middle or start
    days = flight(observation.spacecraft)
    if moment and days:
        launch, last = datetime.fromisoformat(days[0]), days[1]
        if moment < launch or (last and moment > datetime.fromisoformat(f"{last}T23:59:59")):
            text = f"the picture's time lies outside the flight of {observation.spacecraft}"
            out.append(HeaderWarning("time", text, moment.isoformat(), f"{days[0]} to {last or 'today'}"))
    if "time zone unknown" in str(observation.label.get("time_from", "")):
        out.append(
            HeaderWarning(
                str(observation.label["time_from"]).split()[0],
                "the camera's clock has no time zone; it was taken as UTC and may be hours off",
                observation.utc_start,
            )
        )
    return out + _check_file_name(observation, moment)


_NAME_STAMP = re.compile(r"(?<!\d)((?:19|20)\d{6})[T_]?(\d{6})(?!\d)")
_NAME_SLACK_S: Final = 900.0
"""EPIC names its files 4 min 48 s after the exposure; ONC and TIR to the second, s."""


def _check_file_name(observation: Observation, moment: datetime | None) -> list[HeaderWarning]:
    name = re.split(r"[\\/]", observation.path)[-1]
    found = _NAME_STAMP.search(name)
    if not found or moment is None or not observation.spacecraft:
        return []
    try:
        stamp = datetime.strptime("".join(found.groups()), "%Y%m%d%H%M%S")
    except ValueError:
        return []
    if abs((stamp - moment).total_seconds()) <= _NAME_SLACK_S:
        return []
    text = "the header's time is far from the one in the file name"
    return [HeaderWarning("time", text, moment.isoformat(), stamp.isoformat())]


def fill_times(observation: Observation, ephemeris: Ephemeris) -> tuple[float | None, float | None]:
    """``et`` of the middle and of the start of the exposure; None where the label gives no time."""
    out = []
    for stamp in (observation.utc, observation.utc_start):
        try:
            out.append(None if stamp is None else ephemeris.et(stamp))
        except InputError:
            out.append(None)
    return out[0], out[1]

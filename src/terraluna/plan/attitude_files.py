"""Attitudes as files that mission software reads: CCSDS AEM (KVN) and SPICE CK with its frame and clock kernels."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import spiceypy as spice
from spiceypy.utils.exceptions import SpiceyError

from terraluna.camera.attitude import matrix_to_quaternion
from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.segments import Floats
from terraluna.errors import InputError, OutputError

CAMERA_ID: Final = -9950100
CLOCK_ID: Final = -9950
"""Numbers of the camera's frame and of the made-up spacecraft clock in the CK."""

TICKS_PER_S: Final = 65536
_CLOCK_EPOCH_ET: Final = -1_577_880_000.0
"""Zero of the clock: 1 January 1950, about; it counts TDB seconds, so that encoding needs no leap seconds."""


def quaternions(attitudes: Floats) -> Floats:
    """Quaternions (n, 4), scalar first, of attitudes (n, 3, 3), with signs that make them continuous."""
    out = np.array([matrix_to_quaternion(a) for a in attitudes])
    for i in range(1, len(out)):
        if out[i] @ out[i - 1] < 0.0:
            out[i] *= -1.0
    return out


def aem_text(name: str, ephemeris: Ephemeris, ets: Floats, attitudes: Floats) -> str:
    """A CCSDS Attitude Ephemeris Message, version 1.0 (CCSDS 504.0-B-1), KVN.

    Quaternions rotate J2000 (EME2000) to the camera's frame, direction ``A2B``, scalar last, in UTC. By the standard
    the quaternion of a frame rotation by the angle a about n is (n sin(a/2), cos(a/2)); SPICE's m2q of the same
    matrix turns vectors the other way, so its vector part changes sign.

    Args:
        name: name of the spacecraft.
        ephemeris: turns times into UTC.
        ets: (n,) times, n at least 2.
        attitudes: (n, 3, 3) J2000 to camera.
    """
    if len(ets) < 2:
        raise InputError("an attitude ephemeris needs two or more times")
    label = "".join(c if c.isalnum() or c in "-_" else "_" for c in name).upper()[:60] or "SPACECRAFT"
    made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    lines = [
        "CCSDS_AEM_VERS = 1.0",
        f"CREATION_DATE = {made}",
        "ORIGINATOR = TERRALUNA",
        "",
        "META_START",
        f"OBJECT_NAME = {label}",
        f"OBJECT_ID = {label}",
        "REF_FRAME_A = EME2000",
        "REF_FRAME_B = INSTRUMENT_1",
        "ATTITUDE_DIR = A2B",
        "TIME_SYSTEM = UTC",
        f"START_TIME = {ephemeris.utc(float(ets[0]), 6)}",
        f"STOP_TIME = {ephemeris.utc(float(ets[-1]), 6)}",
        "ATTITUDE_TYPE = QUATERNION",
        "QUATERNION_TYPE = LAST",
        "META_STOP",
        "",
        "DATA_START",
    ]
    for et, (w, x, y, z) in zip(ets, quaternions(attitudes), strict=True):
        lines.append(f"{ephemeris.utc(float(et), 6)} {-x:.12f} {-y:.12f} {-z:.12f} {w:.12f}")
    return "\n".join([*lines, "DATA_STOP", ""])


def ck_bytes(name: str, ets: Floats, attitudes: Floats) -> bytes:
    """A type 3 CK of the camera's attitude; :func:`frame_kernel` gives the text kernel that belongs to it.

    Args:
        name: of the segment.
        ets: (n,) increasing times.
        attitudes: (n, 3, 3) J2000 to camera.

    Raises:
        OutputError: SPICE can't write it.
    """
    ticks = (np.asarray(ets) - _CLOCK_EPOCH_ET) * TICKS_PER_S
    with TemporaryDirectory(prefix="terraluna-") as folder:
        path = Path(folder) / "part.bc"
        try:
            handle = spice.ckopn(str(path), "terraluna", 1000)
            try:
                label = name.encode("ascii", "replace").decode()[:40]
                spice.ckw03(
                    handle, float(ticks[0]), float(ticks[-1]), CAMERA_ID, "J2000", False, label, len(ticks), ticks,
                    quaternions(attitudes), np.zeros((len(ticks), 3)), 1, np.array([ticks[0]]),
                )  # fmt: skip
            finally:
                spice.ckcls(handle)
            return path.read_bytes()
        except SpiceyError as error:
            raise OutputError(f"the CK of {name} can't be written: {str(error).splitlines()[-1]}") from None


def frame_kernel() -> str:
    """Text kernel with the frame ``TERRALUNA_CAMERA`` and its clock; load it with a CK of this module."""
    # One tick is 1/65536 s of TDB: a linear clock needs one coefficient record.
    start = f"{_CLOCK_EPOCH_ET:.1f}"
    return f"""KPL/FK

Frame of the planned camera (+Z boresight, +X right in the image, +Y down) and a clock of TDB seconds.

\\begindata
FRAME_TERRALUNA_CAMERA = {CAMERA_ID}
FRAME_{CAMERA_ID}_NAME = 'TERRALUNA_CAMERA'
FRAME_{CAMERA_ID}_CLASS = 3
FRAME_{CAMERA_ID}_CLASS_ID = {CAMERA_ID}
FRAME_{CAMERA_ID}_CENTER = {CLOCK_ID}
CK_{CAMERA_ID}_SCLK = {CLOCK_ID}
CK_{CAMERA_ID}_SPK = {CLOCK_ID}
SCLK_KERNEL_ID = ( @2026-01-01T00:00:00 )
SCLK_DATA_TYPE_{-CLOCK_ID} = ( 1 )
SCLK01_TIME_SYSTEM_{-CLOCK_ID} = ( 1 )
SCLK01_N_FIELDS_{-CLOCK_ID} = ( 2 )
SCLK01_MODULI_{-CLOCK_ID} = ( 10000000000 {TICKS_PER_S} )
SCLK01_OFFSETS_{-CLOCK_ID} = ( 0 0 )
SCLK01_OUTPUT_DELIM_{-CLOCK_ID} = ( 1 )
SCLK_PARTITION_START_{-CLOCK_ID} = ( 0.0 )
SCLK_PARTITION_END_{-CLOCK_ID} = ( 6.5536E14 )
SCLK01_COEFFICIENTS_{-CLOCK_ID} = ( 0.0 {start} 1.0 )
\\begintext
"""

"""Writers of minimal products in the exact formats of the archives, for tests and for the fuzzing of the readers."""

from __future__ import annotations

import heapq
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Keywords and values of the MDIS EDR EN1072174528M (2015-04-24) as the tests of USGS ALE hold them (CC0).
MDIS_LABEL = """PDS_VERSION_ID               = PDS3
/* ** FILE FORMAT ** */
RECORD_TYPE                  = FIXED_LENGTH
RECORD_BYTES                 = 512
FILE_RECORDS                 = {records:04d}
LABEL_RECORDS                = 0014
^IMAGE                       = 0015
MISSION_NAME                 = MESSENGER
INSTRUMENT_HOST_NAME         = MESSENGER
DATA_SET_ID                  = MESS-E/V/H-MDIS-2-EDR-RAWDATA-V1.0
PRODUCT_ID                   = EN1072174528M
TARGET_NAME                  = MERCURY
OBSERVATION_TYPE             = (Monochrome, "Ridealong NAC")
/* ** TIME PARAMETERS ** */
START_TIME                   = 2015-04-24T04:42:19.666463
STOP_TIME                    = 2015-04-24T04:42:19.667463
SPACECRAFT_CLOCK_START_COUNT = 2/0072174528:989000
INSTRUMENT_NAME              = "MERCURY DUAL IMAGING SYSTEM NARROW ANGLE
                                CAMERA"
INSTRUMENT_ID                = MDIS-NAC
FILTER_NAME                  = "748 BP 53"
FILTER_NUMBER                = N/A
CENTER_FILTER_WAVELENGTH     = 747.7 <NM>
EXPOSURE_DURATION            = {exposure} <MS>
FILTER_TEMPERATURE           = N/A
MESS:ATT_Q1                  = -0.21372859
MESS:ATT_Q2                  = 0.89161116
MESS:ATT_Q3                  = 0.18185951
MESS:ATT_Q4                  = -0.35535437
RIGHT_ASCENSION              = 166.36588 <DEG>
DECLINATION                  = -43.07155 <DEG>
TWIST_ANGLE                  = 139.85881 <DEG>
RETICLE_POINT_RA             = (167.79928, 166.25168, 166.49610,
                                164.92873) <DEG>
SC_TARGET_POSITION_VECTOR    = (1844.15964, -966.49167, 1322.58870) <KM>
TARGET_CENTER_DISTANCE       = {distance} <KM>
SPACECRAFT_SOLAR_DISTANCE    = 46897197.01783 <KM>
SC_SUN_POSITION_VECTOR       = ({sun_x}, 39512922.09768,
                                22332909.43056) <KM>
SOLAR_DISTANCE               = {solar} <KM>
PHASE_ANGLE                  = {phase} <DEG>
Object = IMAGE
  LINES                 = {lines}
  LINE_SAMPLES          = {samples}
  SAMPLE_TYPE           = {kind}
  SAMPLE_BITS           = {bits}
  UNIT                  = N/A
  MINIMUM               = {minimum:.3f}
  MAXIMUM               = {maximum:.3f}
  MEAN                  = {mean:.3f}
  STANDARD_DEVIATION    = {deviation:.3f}
  SATURATED_PIXEL_COUNT = 0
End_Object
Group = SUBFRAME1_PARAMETERS
  RETICLE_POINT_LATITUDE  = (N/A, N/A, N/A, N/A)
End_Group
End
"""


def write_mdis(path: Path, data: NDArray[Any], kind: str | None = None, **changes: Any) -> None:
    """An MDIS EDR with its label attached; 16-bit samples are MSB_UNSIGNED_INTEGER."""
    stored = data.astype(data.dtype.newbyteorder(">"))
    values = {
        "records": 14 + -(-stored.nbytes // 512), "exposure": 1, "distance": 2466.63167, "sun_x": -11803272.08016,
        "solar": 46897845.70492, "phase": 90.08323, "lines": data.shape[0], "samples": data.shape[1],
        "kind": kind or ("UNSIGNED_INTEGER" if data.dtype.itemsize == 1 else "MSB_UNSIGNED_INTEGER"),
        "bits": 8 * data.dtype.itemsize, "minimum": data.min(), "maximum": data.max(), "mean": data.mean(),
        "deviation": data.std(), **changes,
    }  # fmt: skip
    label = MDIS_LABEL.format(**values).replace("\n", "\r\n").encode()
    path.write_bytes(label.ljust(14 * 512) + stored.tobytes())


def write_ocams(path: Path, data: NDArray[Any], **changes: Any) -> None:
    """An OCAMS frame: one primary image with the keywords that ISIS translates (ocams2isis)."""
    from astropy.io import fits

    cards: dict[str, Any] = {
        "MISSION": "OSIRIS-REx", "HOSTNAME": "OREX", "INSTRUME": "OCAMS", "CAMERAID": 0, "TARGET": "EARTH",
        "DATE_OBS": "2017-10-02T00:10:00.000", "EXPTIME": (20.0, "[ms] exposure time"), "FILTNAME": "V",
        "SCLK_STR": "3/0560000000.00000", "MTR_POS": 10, "BUNIT": "DN", **changes,
    }  # fmt: skip
    header = fits.Header()
    for key, value in cards.items():
        header[key] = value
    fits.PrimaryHDU(data, header).writeto(path, overwrite=True)


EPIC_RECORD = {
    # The EPIC record of 2015-10-31 00:31:45 UTC (NASA, public domain).
    "begin_time": "2015-10-31 00:31:45",
    "dscovr_j2000_position": (-1283061.502946, -669893.465826, -130240.863464),
    "lunar_j2000_position": (33466.895832, 354549.449169, 116876.96183),
    "sun_j2000_position": (-118557507.999987, -82106194.000015, -35593694.71975),
    "centroid_center_latitude": -5.222168,
    "centroid_center_longitude": 159.748535,
}


def write_epic(path: Path, bands: dict[str, NDArray[Any]], geolocation: bool = True, **changes: Any) -> None:
    """An EPIC HDF5 file: one group a band with ``Image`` and, in L1B, ``Geolocation/Earth``."""
    import h5py

    with h5py.File(path, "w") as file:
        for key, value in {**EPIC_RECORD, **changes}.items():
            file.attrs[key] = value
        for name, data in bands.items():
            group = file.create_group(f"Band{name}nm")
            group.create_dataset("Image", data=data, compression="gzip", shuffle=True)
            if geolocation:
                earth = group.create_group("Geolocation/Earth")
                earth.create_dataset("Mask", data=(data > 0).astype(np.int32))
                earth.create_dataset("Latitude", data=np.zeros(data.shape, np.float32))


def write_photo(path: Path, data: NDArray[Any], tags: dict[int, Any], exif: dict[int, Any], kind: str = "JPEG") -> None:
    """A picture of a hand-held camera with EXIF tags by number."""
    from PIL import Image

    image = Image.fromarray(data)
    block = image.getexif()
    for tag, value in tags.items():
        block[tag] = value
    inner = block.get_ifd(0x8769)
    for tag, value in exif.items():
        inner[tag] = value
    if kind == "TIFF":
        block[0x8769] = dict(inner)
    options = {"quality": 95} if kind == "JPEG" else {}
    image.save(path, format=kind, exif=block, **options)


def write_imq(path: Path, data: NDArray[np.uint8]) -> None:
    """A compressed Voyager image, by an encoder of its own: explicit code words from a heap."""
    rows, columns = data.shape
    signed = data.astype(int)
    # Index 255 is no change; a pixel brighter by one than the pixel before it has index 254.
    index = 255 + signed[:, :-1] - signed[:, 1:]
    counts = np.bincount(index.ravel(), minlength=511)
    codes = _archive_codes(counts)
    label = [
        "CCSD3ZF0000100000001NJPL3IF0PDS200000001 = SFDU_LABEL", "RECORD_TYPE = VARIABLE_LENGTH",
        "^IMAGE_HISTOGRAM = {h}", "^ENCODING_HISTOGRAM = {e}", "^ENGINEERING_TABLE = {t}", "^IMAGE = {i}",
        "SPACECRAFT_NAME = VOYAGER_1", "TARGET_NAME = EARTH", "IMAGE_TIME = 1977-09-18T19:24:00Z",
        "INSTRUMENT_NAME = NARROW_ANGLE_CAMERA", "FILTER_NAME = CLEAR", "EXPOSURE_DURATION = 0.1200 <SECONDS>",
        "OBJECT = IMAGE", " ENCODING_TYPE = HUFFMAN_FIRST_DIFFERENCE", f" LINES = {rows}", f" LINE_SAMPLES = {columns}",
        " LINE_SUFFIX_BYTES = 0", " SAMPLE_BITS = 8", "END_OBJECT", "END",
    ]  # fmt: skip
    n = len(label)
    label = [line.format(h=n + 1, e=n + 3, t=n + 6, i=n + 7) for line in label]
    records = [line.encode() for line in label]
    histogram = struct.pack("<256I", *np.bincount(data.ravel(), minlength=256))
    records += [histogram[:836], histogram[836:]]
    encoding = struct.pack("<511I", *counts)
    records += [encoding[:836], encoding[836:1672], encoding[1672:], bytes(242)]
    for row in range(rows):
        bits = "".join(codes[i] for i in index[row])
        bits += "0" * (-len(bits) % 8)
        body = int(bits, 2).to_bytes(len(bits) // 8, "big") if bits else b""
        records.append(bytes([data[row, 0]]) + body)
    with path.open("wb") as file:
        for record in records:
            file.write(struct.pack("<H", len(record)) + record + (b"\0" if len(record) % 2 else b""))


def _archive_codes(counts: NDArray[np.int64]) -> dict[int, str]:
    """Code words: of equal counts the newest sum comes first, then plain values by index."""
    heap: list[tuple[int, int, Any]] = [(int(c), i, i) for i, c in enumerate(counts) if c]
    heapq.heapify(heap)
    stamp = -1
    while len(heap) > 1:
        low, high = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (low[0] + high[0], stamp, (low[2], high[2])))
        stamp -= 1
    codes: dict[int, str] = {}
    stack = [(heap[0][2], "")]
    while stack:
        node, word = stack.pop()
        if isinstance(node, tuple):
            stack += [(node[0], word + "0"), (node[1], word + "1")]
        else:
            codes[node] = word
    return codes


def write_vicar(path: Path, data: NDArray[Any], kind: str, *, prefix: int = 0, header_lines: int = 0) -> None:
    """A VICAR image with a binary header and line prefixes."""
    stored = data.tobytes()
    line = data.shape[1] * data.dtype.itemsize
    record = prefix + line
    size = -(-420 // record) * record
    label = (
        f"LBLSIZE={size}            FORMAT='{kind}'  TYPE='IMAGE'  BUFSIZ=20480  DIM=3  EOL=0  RECSIZE={record}  "
        f"ORG='BSQ'  NL={data.shape[0]}  NS={data.shape[1]}  NB=1  N1={data.shape[1]}  N2={data.shape[0]}  N3=1  N4=0  "
        f"NBB={prefix}  NLB={header_lines}  HOST='VAX-VMS'  INTFMT='LOW'  REALFMT='VAX'  TASK='TEST'  "
    ).encode()
    body = b"".join(b"\xaa" * prefix + stored[i * line : (i + 1) * line] for i in range(data.shape[0]))
    path.write_bytes(label.ljust(size, b"\0") + b"\x55" * (header_lines * record) + body)

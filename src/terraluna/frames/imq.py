"""Compressed Voyager images (IMQ): variable-length records, Huffman codes of first differences.

The format is described in the documentation of the PDS "Voyagers to the Outer Planets" CD-ROMs: each record starts
with its length (16 bits, low byte first) and is padded to an even length. Behind the label lie the histogram of the
image, the histogram of the first differences, an engineering table, and one record a line. A line record is the first
pixel as a plain byte, then one Huffman code for each further pixel. The code isn't stored: it follows from the
histogram of differences, so the tree must be built in exactly the archive's order (equal frequencies included).
Rows run from the top as displayed.
"""

from __future__ import annotations

from bisect import bisect_left
from pathlib import Path
from typing import Any, Final

import numba
import numpy as np
from numpy.typing import NDArray

from terraluna.errors import InputError
from terraluna.frames.limits import Limits
from terraluna.frames.observation import HeaderWarning, RawFrame
from terraluna.frames.pds_keywords import observation_from_label
from terraluna.frames.pvl import parse_label
from terraluna.frames.values import number

_DIFFERENCES: Final = 511
_ZERO_DIFFERENCE: Final = 255


def split_records(raw: bytes) -> tuple[list[bytes], bool]:
    """Cut a file into its variable-length records; the flag says whether the last one is whole."""
    records = []
    place = 0
    while place + 2 <= len(raw):
        length = raw[place] | raw[place + 1] << 8
        record = raw[place + 2 : place + 2 + length]
        records.append(record)
        place += 2 + length + (length & 1)
        if len(record) < length:
            return records, False
    return records, True


def looks_like_imq(head: bytes) -> bool:
    """Whether a file starts with a length-prefixed record of label text."""
    if len(head) < 16:
        return False
    length = head[0] | head[1] << 8
    return 3 <= length <= 512 and (head[2:6] in (b"CCSD", b"NJPL", b"PDS_") or head[2:15] == b"FILE_TYPE    ")


def huffman_tree(frequencies: NDArray[np.int64]) -> NDArray[np.int32]:
    """Children of the inner nodes of the archive's Huffman tree.

    Args:
        frequencies: (511,) how often each difference index occurs; zeros have no code.

    Returns:
        (n, 2) int32, the root last: child taken on bit 0 and on bit 1; a negative child -1 - i is the leaf of
        difference index i.
    """
    used = np.flatnonzero(frequencies > 0)
    order = used[np.argsort(frequencies[used], kind="stable")]
    keys = [int(f) for f in frequencies[order]]
    nodes = [-1 - int(i) for i in order]
    children: list[tuple[int, int]] = []
    while len(nodes) > 1:
        total = keys[0] + keys[1]
        # The rarest goes to bit 0, the next to bit 1; the sum goes in front of its equals.
        children.append((nodes[0], nodes[1]))
        del keys[:2], nodes[:2]
        at = bisect_left(keys, total)
        keys.insert(at, total)
        nodes.insert(at, len(children) - 1)
    return np.array(children, dtype=np.int32).reshape(-1, 2)


@numba.njit(cache=True)
def _decode_line(record: NDArray[np.uint8], tree: NDArray[np.int32], out: NDArray[np.uint8]) -> int:
    """Decode one record into ``out`` and return the number of pixels that it held."""
    if record.size == 0:
        return 0
    value = np.int64(record[0])
    out[0] = value
    count = 1
    root = tree.shape[0] - 1
    node = root
    for i in range(1, record.size):
        for bit in range(7, -1, -1):
            node = tree[node, (record[i] >> bit) & 1]
            if node < 0:
                value = (value - (-1 - node - 255)) & 255
                out[count] = value
                count += 1
                if count == out.size:
                    return count
                node = root
    return count


def _histogram(records: list[bytes], first: Any, items: int) -> NDArray[np.int64] | None:
    """Counts stored from record ``first`` (counted from 1) on; None if they aren't there."""
    start = number(first)
    if start is None or not 1 <= start <= len(records):
        return None
    raw = b"".join(records[int(start) - 1 : int(start) + 7])[: 4 * items]
    return np.frombuffer(raw, dtype="<u4").astype(np.int64) if len(raw) == 4 * items else None


def read_imq(path: Path, sha256: str, limits: Limits) -> RawFrame:
    """Read a compressed Voyager image.

    The decoded picture is compared with the histogram that the file stores; a difference is a warning.

    Raises:
        InputError: label or encoding histogram can't be used.
    """
    if path.stat().st_size > limits.label_bytes:
        raise InputError(f"{path}: an IMQ file has about 600 kB, this one over {limits.label_bytes} bytes; check it")
    records, whole = split_records(path.read_bytes())
    lines = []
    for record in records[:400]:
        lines.append(record.decode("latin-1"))
        if record.strip() == b"END":
            break
    label, warnings = parse_label("\n".join(lines))
    image = label.get("IMAGE")
    if not isinstance(image, dict):
        raise InputError(f"{path}: the IMQ label describes no IMAGE; the file is damaged")
    rows, columns = number(image.get("LINES")) or 0, number(image.get("LINE_SAMPLES")) or 0
    suffix = number(image.get("LINE_SUFFIX_BYTES")) or 0
    if not (0 < rows <= 4096 and 0 < columns <= 4096 and 0 <= suffix <= 4096):
        raise InputError(f"{path}: the IMQ label gives an image of {rows:.0f} x {columns:.0f}; the label is damaged")
    differences = _histogram(records, label.get("^ENCODING_HISTOGRAM"), _DIFFERENCES)
    first = number(label.get("^IMAGE"))
    if differences is None or np.count_nonzero(differences) < 2 or first is None or not 1 <= first <= len(records):
        raise InputError(
            f"{path}: the encoding histogram or the image of the IMQ file is missing; fetch the file again"
        )
    tree = huffman_tree(differences)
    data = np.zeros((int(rows), int(columns)), dtype=np.uint8)
    mask = np.zeros(data.shape, dtype=np.bool_)
    line = np.zeros(int(columns + suffix), dtype=np.uint8)
    short = []
    for row in range(int(rows)):
        index = int(first) - 1 + row
        codes = np.frombuffer(records[index] if index < len(records) else b"", dtype=np.uint8)
        count = min(_decode_line(codes, tree, line), int(columns))
        data[row, :count] = line[:count]
        if count < columns:
            mask[row, count:] = True
            short.append(row)
    if short:
        text = f"{len(short)} lines are cut short (first: row {short[0]}); their rest is masked"
        warnings.append(HeaderWarning("IMAGE", text))
    elif not whole:
        warnings.append(HeaderWarning("FILE_RECORDS", "the file ends inside its last record"))
    warnings += _check_histogram(data, _histogram(records, label.get("^IMAGE_HISTOGRAM"), 256))
    mask |= data == 255
    observation = observation_from_label(path, sha256, "imq", label, (int(rows), int(columns)))
    return RawFrame(data, mask, observation, tuple(warnings))


def _check_histogram(data: NDArray[np.uint8], stored: NDArray[np.int64] | None) -> list[HeaderWarning]:
    if stored is None:
        return [HeaderWarning("^IMAGE_HISTOGRAM", "the file holds no histogram, so the pixels can't be checked by it")]
    moved = int(np.abs(np.bincount(data.ravel(), minlength=256) - stored).sum()) // 2
    if moved == 0:
        return []
    return [
        HeaderWarning(
            "IMAGE_HISTOGRAM", f"{moved} pixels differ from the histogram in the file", stated=str(int(stored.sum()))
        )
    ]

"""Mutate real and minimal products and read them: no crash, no hang, bounded memory, one clear line.

    python benchmarks/fuzz_readers.py --count 2000 --seed 1 [--data FOLDER] [--save FOLDER]

Each file is read in a worker process that is watched from outside, so that a crash of a C library or a hang is counted
and doesn't end the run. Prints one line a format and exits with 1 if anything went wrong.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import os
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import with_tests  # noqa: F401

import products

HERE = Path(__file__).resolve().parent

HANG_S = 5.0
MEMORY_MB = 1000.0


def seeds(folder: Path, data: Path | None) -> list[tuple[str, list[Path]]]:
    """Name of the format and the files of each product to mutate (the first is the one that is read)."""
    rng = np.random.default_rng(0)
    scene = np.clip(rng.normal(200, 5, (64, 96)) + 1500 * (np.hypot(*np.mgrid[-30:34, -50:46]) < 20), 0, 4000)
    scene16, scene8 = scene.astype(np.uint16), (scene / 16).astype(np.uint8)
    colour = np.repeat(scene8[..., None], 3, axis=2)
    products.write_mdis(folder / "mdis.img", scene16)
    products.write_ocams(folder / "ocams.fits", scene16)
    products.write_epic(folder / "epic.h5", {"443": scene.astype(np.float32), "551": scene16})
    products.write_imq(folder / "voyager.imq", scene8)
    products.write_vicar(folder / "galileo.img", scene8, "BYTE", prefix=20, header_lines=1)
    exif = {36867: "2024:02:24 22:14:05", 33434: 0.02, 37386: 50.0, 41989: 75}
    for kind in ("JPEG", "PNG", "TIFF"):
        products.write_photo(folder / f"photo.{kind.lower()}", colour, {271: "A", 274: 6}, exif, kind)
    from astropy.io import fits

    fits.CompImageHDU(scene16.astype(np.int16), compression_type="RICE_1").writeto(folder / "tiles.fits")
    xml = """<?xml version="1.0"?><Product_Observational><File_Area_Observational><File><file_name>raw.dat</file_name>
<file_size unit="byte">12288</file_size></File><Array_2D_Image><offset unit="byte">0</offset><Element_Array>
<data_type>UnsignedMSB2</data_type></Element_Array><Axis_Array><axis_name>Line</axis_name><elements>64</elements>
</Axis_Array><Axis_Array><axis_name>Sample</axis_name><elements>96</elements></Axis_Array></Array_2D_Image>
</File_Area_Observational></Product_Observational>"""
    (folder / "pds4.xml").write_text(xml)
    (folder / "raw.dat").write_bytes(scene16.astype(">u2").tobytes())
    out = [
        ("pds3", [folder / "mdis.img"]), ("fits", [folder / "ocams.fits"]), ("fits", [folder / "tiles.fits"]),
        ("hdf5", [folder / "epic.h5"]), ("imq", [folder / "voyager.imq"]), ("vicar", [folder / "galileo.img"]),
        ("jpeg", [folder / "photo.jpeg"]), ("png", [folder / "photo.png"]), ("tiff", [folder / "photo.tiff"]),
        ("pds4", [folder / "pds4.xml", folder / "raw.dat"]),
    ]  # fmt: skip
    if data is not None:
        real = [
            ("pds3", ["formats/6300r.lbl", "formats/6300r.img"]),
            ("pds3", ["formats/m0154651923f6_2p_cif_gbl.lbl", "formats/m0154651923f6_2p_cif_gbl.fit"]),
            ("pds3", ["formats/PSP_001446_1790_BG12_0.IMG"]),
            ("pds4", ["formats/hyb2_tir_20180629_075501_l1.xml", "formats/hyb2_tir_20180629_075501_l1.fit"]),
            ("fits", ["hayabusa2/hyb2_onc_20151203_000006_w2f_l2a.fit"]),
            ("vicar", ["formats/V1NA_0947106_RAW.vic"]),
            ("imq", ["formats/c4400436.imq"]),
            ("jpeg", ["published/voyager1_PIA00013.jpg"]),
        ]
        out += [(kind, [data / name for name in names]) for kind, names in real]
    return out


def mutate(raw: bytes, rng: np.random.Generator) -> bytes:
    """One of several kinds of damage; most of it near the start, where the headers are."""
    data = bytearray(raw)
    head = min(len(data), int(rng.choice([200, 2000, 8000, len(data)])))
    how = int(rng.integers(7))
    if how == 0:  # flipped bits
        for _ in range(int(rng.integers(1, 20))):
            data[int(rng.integers(head))] ^= 1 << int(rng.integers(8))
    elif how == 1:  # random bytes
        start = int(rng.integers(head))
        size = int(rng.integers(1, 64))
        data[start : start + size] = rng.integers(0, 256, size, dtype=np.uint8).tobytes()
    elif how == 2:  # cut short
        del data[int(rng.integers(1, len(data))) :]
    elif how == 3:  # a piece lost
        start = int(rng.integers(head))
        del data[start : start + int(rng.integers(1, 200))]
    elif how == 4:  # a piece doubled
        start = int(rng.integers(head))
        data[start:start] = data[start : start + int(rng.integers(1, 400))]
    elif how == 5:  # digits changed: sizes, offsets, counts
        digits = [i for i in range(head) if 48 <= data[i] <= 57]
        for i in rng.permutation(len(digits))[: int(rng.integers(1, 12))]:
            data[digits[int(i)]] = int(rng.choice(np.frombuffer(b"0123456789-.E", np.uint8)))
    else:  # extreme integers
        for _ in range(int(rng.integers(1, 4))):
            start = int(rng.integers(head))
            value = [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\xff\xff\xff\x7f"][int(rng.integers(4))]
            data[start : start + 4] = value
    return bytes(data)


def check_one(path: Path) -> str:
    """Read one file: ``ok``, ``refused`` or the complaint."""
    from terraluna.errors import InputError
    from terraluna.frames import read_frame

    global _ephemeris
    if _ephemeris is None:
        from terraluna.ephemeris import Ephemeris

        _ephemeris = Ephemeris()
    try:
        frame = read_frame(path, ephemeris=_ephemeris)
    except InputError as error:
        text = str(error)
        if "\n" in text or len(text) > 700 or str(path) not in text:
            return f"unclear: {text[:200]!r}"
        return "refused"
    except BaseException as error:
        import traceback

        line = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:100]!r} at {Path(line.filename).name}:{line.lineno}"
    if frame.data.shape[:2] != frame.mask.shape or any("\n" in w.text for w in frame.warnings):
        return "inconsistent frame"
    return "ok"


_ephemeris = None


def _worker(pipe: Connection) -> None:
    import warnings

    warnings.simplefilter("ignore")
    while True:
        path = pipe.recv()
        if path is None:
            return
        result = check_one(path)
        pipe.send((result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0))


def run(count: int, seed: int, data: Path | None, save: Path | None) -> tuple[Counter[str], list[str], float, float]:
    """Read ``count`` mutated files; counts by format and outcome, complaints, longest time (s), most memory (MB)."""
    rng = np.random.default_rng(seed)
    outcome: Counter[str] = Counter()
    complaints: list[str] = []
    slowest = most = 0.0
    context = mp.get_context("spawn")

    def start() -> tuple[mp.process.BaseProcess, Connection]:
        ours, theirs = context.Pipe()
        process = context.Process(target=_worker, args=(theirs,), daemon=True)
        process.start()
        return process, ours

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        originals = folder / "originals"
        originals.mkdir()
        pool = seeds(originals, data)
        process, pipe = start()
        for _, first in pool:  # compile and import before the clock counts
            pipe.send(first[0])
            pipe.recv()
        for i in range(count):
            kind, files = pool[i % len(pool)]
            work = folder / "work"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            for file in files:
                shutil.copy(file, work / file.name)
            # The label is damaged three times as often as the data beside it.
            victim = work / files[0 if len(files) == 1 or rng.random() < 0.75 else 1].name
            victim.chmod(0o600)
            victim.write_bytes(mutate(victim.read_bytes(), rng))
            began = time.monotonic()
            pipe.send(work / files[0].name)
            try:
                result, memory = pipe.recv() if pipe.poll(HANG_S) else ("hang", 0.0)
            except EOFError:
                result, memory = "crash", 0.0
            took = time.monotonic() - began
            slowest, most = max(slowest, took), max(most, memory)
            if memory > MEMORY_MB:
                result = f"memory: {memory:.0f} MB"
            outcome[f"{kind} {result.split(':')[0]}"] += 1
            if result not in {"ok", "refused"}:
                complaints.append(f"{kind} {files[0].name} #{i}: {result}")
                if save is not None:
                    save.mkdir(parents=True, exist_ok=True)
                    shutil.copytree(work, save / f"{i:05d}_{files[0].name}", dirs_exist_ok=True)
            if result in {"hang", "crash"} or memory > MEMORY_MB:
                process.kill()
                process.join()
                process, pipe = start()
        pipe.send(None)
        process.join(5)
    return outcome, complaints, slowest, most


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    default = Path(os.environ.get("TERRALUNA_TEST_DATA", HERE.parent / ".." / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default if default.is_dir() else None)
    parser.add_argument("--save", type=Path, default=None, help="keep the files that went wrong here")
    options = parser.parse_args()
    outcome, complaints, slowest, most = run(options.count, options.seed, options.data, options.save)
    for key in sorted(outcome):
        print(f"{key:16} {outcome[key]}")
    print(f"{options.count} files, slowest {slowest:.2f} s, most memory {most:.0f} MB, {len(complaints)} complaints")
    for line in complaints[:40]:
        print(line)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

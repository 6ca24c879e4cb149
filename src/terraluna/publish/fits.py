"""Simulated frames as FITS: image, world coordinates, units, truth layers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from terraluna import __version__
from terraluna.instrument.radiance import spectral_radiance
from terraluna.photometry.trust import moon_level_notes
from terraluna.publish.files import atomic_write

if TYPE_CHECKING:
    from terraluna.instrument.simulate import SimulatedFrame
    from terraluna.scene import Scene

Quantity = Literal["dn", "electrons", "radiance", "radiance-factor"]

_UNITS: dict[Quantity, str] = {
    "dn": "adu",
    "electrons": "electron",
    "radiance": "W m-2 sr-1 nm-1",
    "radiance-factor": "",
}


def write_fits(
    path: Path, scene: Scene, frames: tuple[SimulatedFrame, ...], quantity: Quantity, *, seed: int, truth: bool
) -> None:
    """Write the frames of a scene as one FITS file, a band a plane.

    Rows are stored from the top of the picture: FITS row 1 is the camera's row 0. The world coordinates are those of
    the tangent plane at the boresight, apparent J2000 (CN+S); a lens distortion is not in them and is named instead.

    Args:
        path: the file; written whole or not at all.
        scene: the scene at the time of the first frame.
        frames: frames of one camera.
        quantity: what is written, see :class:`~terraluna.missions.model.SimulationSpec`.
        seed: seed of the noise, for the header.
        truth: add the truth layers of the first frame as extensions.

    Raises:
        OutputError: the file cannot be written.
    """
    from astropy.io import fits

    planes = [_plane(frame, b, quantity) for frame in frames for b in range(len(frame.filters))]
    data = planes[0] if len(planes) == 1 else np.stack(planes)
    primary = fits.PrimaryHDU(data)
    header = primary.header
    camera = frames[0].camera
    header["BUNIT"] = (_UNITS[quantity], "none: radiance factor I/F at 1 au")
    header["ORIGIN"] = ("terraluna", f"version {__version__}")
    header["INSTRUME"] = (camera.id, "camera of the catalogue")
    header["DATE-OBS"] = (scene.utc, "UTC of the first exposure, middle")
    header["TIMESYS"] = "UTC"
    header["SEED"] = (seed, "seed of all noise")
    header["GEOMQUAL"] = (scene.quality, "quality of the observer's place")
    for k, (name, seconds, utc) in enumerate(_exposures(frames), start=1):
        header[f"FILTER{k}"] = (name, f"filter of plane {k}")
        header[f"EXPTIM{k}"] = (seconds, "[s] exposure")
        header[f"DATE{k}"] = (utc, "UTC of the middle of the exposure")
    for view in scene.bodies:
        key = view.name.upper()[:5]
        header[f"{key}KM"] = (view.range_km, f"[km] range of the {view.name}")
        header[f"{key}PH"] = (math.degrees(view.phase_rad), f"[deg] phase of the {view.name}")
    bands = [band.effective_nm for frame in frames for band in frame.radiometry]
    notes = moon_level_notes(scene.moon.phase_rad, bands)
    header["MOONLVL"] = ("extrapolated" if notes else "measured", "Moon's level: inside the disc model's data?")
    for note in notes:
        header["COMMENT"] = note
    _world_coordinates(header, scene, frames[0])
    hdus: list[Any] = [primary]
    if truth:
        hdus += _truth(frames[0], header)
    with atomic_write(path) as temporary:
        fits.HDUList(hdus).writeto(temporary, overwrite=True)


def _plane(frame: SimulatedFrame, band: int, quantity: Quantity) -> np.ndarray[Any, np.dtype[Any]]:
    if quantity == "dn":
        return frame.dn[:, :, band]
    if quantity == "electrons":
        return frame.electrons[:, :, band].astype(np.float32)
    iof = frame.rate_e_s[:, :, band] / frame.radiometry[band].electrons_s
    if quantity == "radiance":
        iof = spectral_radiance(iof, frame.radiometry[band])
    return np.asarray(iof, dtype=np.float32)


def _exposures(frames: tuple[SimulatedFrame, ...]) -> list[tuple[str, float, str]]:
    return [
        (name, seconds, str(frame.metadata["utc"]))
        for frame in frames
        for name, seconds in zip(frame.filters, frame.exposures_s, strict=True)
    ]


def _world_coordinates(header: Any, scene: Scene, frame: SimulatedFrame) -> None:
    """Gnomonic coordinates of the camera: FITS WCS paper II (Calabretta & Greisen 2002), projection TAN."""
    attitude, camera = scene.attitude, frame.camera
    assert attitude is not None
    x, y, z = attitude[2]
    ra, dec = math.atan2(y, x), math.asin(max(-1.0, min(1.0, z)))
    east = np.array([-math.sin(ra), math.cos(ra), 0.0])
    north = np.cross(attitude[2], east)
    scale = math.degrees(1.0)
    header["WCSAXES"] = 2
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    header["CUNIT1"], header["CUNIT2"] = "deg", "deg"
    header["CRVAL1"] = (math.degrees(ra) % 360.0, "[deg] boresight")
    header["CRVAL2"] = (math.degrees(dec), "[deg] boresight")
    header["CRPIX1"], header["CRPIX2"] = camera.cx + 1.0, camera.cy + 1.0
    header["CD1_1"] = float(attitude[0] @ east) / camera.focal_px_x * scale
    header["CD1_2"] = float(attitude[1] @ east) / camera.focal_px_y * scale
    header["CD2_1"] = float(attitude[0] @ north) / camera.focal_px_x * scale
    header["CD2_2"] = float(attitude[1] @ north) / camera.focal_px_y * scale
    header["RADESYS"] = "ICRS"
    header["DISTORT"] = (camera.distortion.model, "lens distortion, not in the coordinates")


def _truth(frame: SimulatedFrame, header: Any) -> list[Any]:
    from astropy.io import fits

    layers = frame.layers
    wcs = {
        k: header[k] for k in header if k.startswith(("CTYPE", "CUNIT", "CRVAL", "CRPIX", "CD", "RADESYS", "WCSAXES"))
    }

    def image(name: str, data: np.ndarray[Any, np.dtype[Any]], unit: str, comment: str) -> Any:
        hdu = fits.ImageHDU(data, name=name)
        hdu.header["BUNIT"] = (unit, comment)
        for key, value in wcs.items():
            hdu.header[key] = value
        return hdu

    degrees = 180.0 / math.pi
    out = [image("BODY", layers.body_id.astype(np.int16), "", "-1 sky, else index of BODYn")]
    for k, name in enumerate(layers.names):
        out[0].header[f"BODY{k}"] = name
        out.append(image(f"MASK_{name.upper()}", layers.mask(name).astype(np.float32), "", "covered part of the pixel"))
    for name, data, comment in (
        ("LATITUDE", layers.lat_rad, "planetocentric"),
        ("LONGITUDE", layers.lon_rad, "east positive"),
        ("INCIDENCE", layers.incidence_rad, "Sun from the local normal"),
        ("EMISSION", layers.emission_rad, "observer from the local normal"),
        ("PHASE", layers.phase_rad, "Sun to observer"),
    ):
        out.append(image(name, (data * degrees).astype(np.float32), "deg", comment))
    out.append(image("RANGE", layers.range_km, "km", "observer to surface"))
    for b, filter_name in enumerate(frame.filters):
        iof = frame.rate_e_s[:, :, b] / frame.radiometry[b].electrons_s
        radiance = spectral_radiance(iof, frame.radiometry[b])
        for name in layers.names:
            body = (radiance * layers.mask(name)).astype(np.float32)
            label = f"RADIANCE_{name.upper()}_{filter_name.upper()}"
            out.append(image(label, body, _UNITS["radiance"], f"radiance of the {name}, filter {filter_name}"))
    return out

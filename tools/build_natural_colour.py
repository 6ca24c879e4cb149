"""Fit the matrix from the portrait's three bands to the colours that an eye sees, and print it.

    python tools/build_natural_colour.py

Spectra are those of this renderer: the Earth seen by DSCOVR at three hours of a day and the far side of the Moon, each
pixel a spectrum from 380 to 780 nm. Their colours follow from sunlight (TSIS-1), the CIE 1931 observer (tables of the
package colour-science) and Bradford's adaptation from sunlight to the white of sRGB. The matrix is the least-squares
one, in relative terms, that leaves grey as it is; each disc counts the same. Its numbers stand in
``src/terraluna/render/natural.py``.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from terraluna.ephemeris import Ephemeris
from terraluna.missions.view import MissionView
from terraluna.photometry.spectra import solar_irradiance
from terraluna.render.frame import render_frame
from terraluna.render.from_scene import render_bodies
from terraluna.render.materials import RGB_NM

Floats = NDArray[np.float64]

GRID_NM = np.arange(380.0, 781.0, 10.0)
TIMES_UTC = ("2015-07-16T12:00:00", "2015-07-16T21:34:00", "2015-07-17T04:00:00")
BINNING = 16
INCIDENCE_LIMIT_DEG = 75.0


def srgb_weights() -> Floats:
    """(3, wavelengths) weights that turn a reflectance spectrum in sunlight into linear sRGB; each row adds up to 1."""
    import colour

    observer = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"][GRID_NM]
    xyz = (observer * solar_irradiance(GRID_NM)[:, None]).T
    xyz /= xyz[1].sum()
    space = colour.RGB_COLOURSPACES["sRGB"]
    white = colour.xy_to_XYZ(space.whitepoint)
    adapt = colour.adaptation.matrix_chromatic_adaptation_VonKries(xyz.sum(axis=1), white, transform="Bradford")
    weights = np.asarray(space.matrix_XYZ_to_RGB @ adapt @ xyz, dtype=np.float64)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def disc_spectra() -> list[Floats]:
    """One (pixels, 3 + wavelengths) array a disc: the portrait's bands, then the grid."""
    bands = np.r_[RGB_NM, GRID_NM]
    out = []
    with Ephemeris() as ephemeris:
        view = MissionView.open("dscovr", ephemeris)
        full = view.camera
        middle = 0.5 * (BINNING - 1)
        camera = dataclasses.replace(
            full,
            width=full.width // BINNING,
            height=full.height // BINNING,
            focal_px_x=full.focal_px_x / BINNING,
            focal_px_y=full.focal_px_y / BINNING,
            cx=(full.cx - middle) / BINNING,
            cy=(full.cy - middle) / BINNING,
        )
        for utc in TIMES_UTC:
            scene = dataclasses.replace(view.scene(ephemeris.et(utc)), camera=camera)
            for body in render_bodies(scene):
                frame = render_frame(camera, [body], bands_nm=bands, layers=True)
                assert frame.layers is not None
                day = frame.layers.incidence_rad < np.radians(INCIDENCE_LIMIT_DEG)
                inside = (frame.layers.mask(body.name) > 0.99) & day
                if inside.any():
                    out.append(frame.image[inside])
    return out


def main() -> None:
    """Print the matrix and what it leaves."""
    weights = srgb_weights()
    discs = disc_spectra()
    spectra = np.concatenate(discs)
    bands, truth = spectra[:, :3], spectra[:, 3:] @ weights.T
    level = truth.mean(axis=1)
    trust = np.sqrt(np.concatenate([np.full(len(d), 1.0 / len(d)) for d in discs])) / level
    # Grey stays grey: the third coefficient of a row is one less the other two.
    design = (bands[:, :2] - bands[:, 2:]) * trust[:, None]
    matrix = np.empty((3, 3))
    for c in range(3):
        matrix[c, :2] = np.linalg.lstsq(design, (truth[:, c] - bands[:, 2]) * trust, rcond=None)[0].round(4)
    matrix[:, 2] = 1.0 - matrix[:, :2].sum(axis=1)
    print(matrix.round(4).tolist())
    for name, values in (("as they are", bands), ("through the matrix", bands @ matrix.T)):
        error = (values - truth) / level[:, None]
        print(f"{name}: rms of R, G, B {np.sqrt((error**2).mean(axis=0)).round(4)}, at most {abs(error).max():.3f}")


if __name__ == "__main__":
    main()

"""The tables of one frame: what a column over black land and over sea shows at the frame's phase angles."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit, prange

from terraluna.render.earth import ocean, shell, tables
from terraluna.render.earth.columns import (
    EarthOptics,
    band_columns,
    cloud_phase,
    cover_nodes,
    henyey_greenstein,
    rayleigh_phase,
)
from terraluna.render.earth.grid import COVER_NODES, SUN_NODES, VIEW_NODES, slant_cosine, sun_nodes, view_nodes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PHASE_STEP_RAD: Final = math.radians(1.5)
SAME_PHASE_RAD: Final = math.radians(0.6)
"""A disc over which the phase angle changes by less is drawn with that of its centre (the glint keeps its own)."""


@dataclass(frozen=True, eq=False)
class FrameTables:
    """What the kernel reads; see `grid` for the nodes.

    Attributes:
        phases_rad: (k,) phase angles, even.
        land: (k, suns, views, covers, bands) I/F over black ground.
        sea: likewise over sea, without the Sun's direct image.
        arriving: (suns, covers, bands) light on the ground; ``leaving`` (views, covers, bands), ``back``
            (covers, bands).
        beam: (suns, covers, bands) and ``gaze`` (views, covers, bands): parts that are not scattered, for the glint.
        limb: (k, suns, heights, bands) I/F above the ellipsoid, summed over height from 0, km.
        limb_opacity: (heights,) opacity, mean of the bands, summed likewise.
        index: (bands,) of sea water.
    """

    phases_rad: Floats
    land: Floats
    sea: Floats
    arriving: Floats
    leaving: Floats
    back: Floats
    beam: Floats
    gaze: Floats
    limb: Floats
    limb_opacity: Floats
    index: Floats


def cloud_relief(cos_phase: Floats, roughness: float) -> Floats:
    """Return the factor that relief gives the light of clouds: lit sides seen from the Sun, shadows seen across it.

    (1 + roughness cos(phase)) / (1 + 2/3 roughness). The divisor is the largest mean over the hemisphere that a Lambert
    surface gives the numerator, so that no cloud sends back more than a flat one. Reciprocal. Without it the spherical
    albedo that goes with EPIC's disc means would be 0.35: plane layers have no lit sides and no shadows. The form is
    the simplest that is reciprocal and leaves the limb as dark as EPIC shows it; its size is fitted.
    """
    return np.asarray((1.0 + roughness * cos_phase) / (1.0 + roughness * (2.0 / 3.0)), dtype=np.float64)


@njit(cache=True, parallel=True, error_model="numpy")
def sum_modes(  # type: ignore[no-untyped-def]
    many, cloud_once, low_once, dust_once, cover, relief, cosines, suns, views, phases, out
):
    """Add to ``out`` (k, suns, views, covers) one band's light at the given phase angles.

    Args:
        many: (suns, views, covers, modes).
        cover: (covers,) part of each column under cloud.
        relief: (k,) factor on the light of clouds.
        cloud_once, low_once, dust_once: (suns, views, covers).
        cosines: (k,) cosine of the phase angle.
        suns, views: cosines at the nodes, as the curved air sees them.
        phases: (k, 3) phase functions of cloud, air, aerosol.
        out: updated.
    """
    modes = many.shape[3]
    for i in prange(suns.size):
        for k in range(cosines.size):
            for j in range(views.size):
                sines = math.sqrt(max(1e-12, (1.0 - suns[i] ** 2) * (1.0 - views[j] ** 2)))
                azimuth = min(1.0, max(-1.0, (suns[i] * views[j] - cosines[k]) / sines))
                clear = 0.0
                for c in range(many.shape[2]):
                    before = 1.0
                    here = azimuth
                    total = many[i, j, c, 0]
                    for m in range(1, modes):
                        total += many[i, j, c, m] * here
                        following = 2.0 * azimuth * here - before
                        before = here
                        here = following
                    clear = total if c == 0 else clear
                    gaps = (1.0 - cover[c]) * clear
                    white = total - gaps + cloud_once[i, j, c] * phases[k, 0]
                    white += low_once[i, j, c] * phases[k, 1] + dust_once[i, j, c] * phases[k, 2]
                    out[k, i, j, c] += gaps + relief[k] * white


def phase_nodes(center_rad: float, spread_rad: float) -> Floats:
    """Return the phase angles to tabulate for a disc whose phase angle lies within ``spread_rad`` of its centre's."""
    if 2.0 * spread_rad < SAME_PHASE_RAD:
        return np.array([center_rad])
    low, high = max(0.0, center_rad - spread_rad), min(math.pi, center_rad + spread_rad)
    return np.linspace(low, high, 2 + int((high - low) / PHASE_STEP_RAD))


_KEPT = 4
_made: OrderedDict[tuple[object, ...], FrameTables] = OrderedDict()


def frame_tables(optics: EarthOptics, bands_nm: Floats, phases_rad: Floats, mean_white: float) -> FrameTables:
    """Return the tables of a frame; the last few are kept.

    Args:
        optics: air, clouds and sea.
        bands_nm: (bands,).
        phases_rad: (k,) from `phase_nodes`.
        mean_white: `columns.whiteness` of the clouds that light the limb from below.
    """
    key = (optics, bands_nm.tobytes(), phases_rad.tobytes(), mean_white)
    if key not in _made:
        _made[key] = _build(optics, bands_nm, phases_rad, mean_white)
        while len(_made) > _KEPT:
            _made.popitem(last=False)
    _made.move_to_end(key)
    return _made[key]


def _build(optics: EarthOptics, bands_nm: Floats, phases_rad: Floats, mean_white: float) -> FrameTables:
    bands, count = bands_nm.size, phases_rad.size
    cosines = np.cos(phases_rad)
    depths = optics.depths(bands_nm)
    king = tables.king_factor(bands_nm)
    air = np.stack([rayleigh_phase(float(k), -cosines) for k in king], axis=1)
    dust = henyey_greenstein(optics.aerosol_asymmetry, -cosines)
    relief = cloud_relief(cosines, optics.cloud_roughness)
    cloud = cloud_phase(optics.ice_share, -cosines)
    quarter = np.ascontiguousarray(0.25 * np.stack([air, np.repeat(dust[:, None], bands, axis=1)], axis=1))
    suns, views = slant_cosine(sun_nodes()), slant_cosine(view_nodes())

    profiles, columns = np.array(shell.profiles()), shell.sun_columns()
    floor = shell.height_of_pressure_km(optics.cloud_top_hpa)
    once = np.empty((2, count, SUN_NODES, VIEW_NODES, bands))
    for k, height in enumerate((0.0, floor)):
        shell.disc_light(
            profiles,
            columns,
            depths,
            optics.aerosol_albedo,
            quarter,
            cosines,
            sun_nodes(),
            view_nodes(),
            height,
            once[k],
        )
    gas = tables.gas_exponent(bands_nm)
    sun_gas, view_gas = np.exp(-gas / np.sqrt(suns)[:, None]), np.exp(-gas / np.sqrt(views)[:, None])
    once *= sun_gas[:, None] * view_gas

    mirror, mirror_diffuse = ocean.mirror(optics.wind_m_s)
    cover = cover_nodes(optics.cloud_depth)
    body = ocean.body_reflectance(bands_nm, optics.wind_m_s, optics.chlorophyll)
    land = np.empty((count, SUN_NODES, VIEW_NODES, COVER_NODES, bands))
    sea = np.empty_like(land)
    arriving, beam = np.empty((SUN_NODES, COVER_NODES, bands)), np.empty((SUN_NODES, COVER_NODES, bands))
    leaving, gaze = np.empty((VIEW_NODES, COVER_NODES, bands)), np.empty((VIEW_NODES, COVER_NODES, bands))
    back, glow = np.empty((COVER_NODES, bands)), np.empty((SUN_NODES, bands))
    for b in range(bands):
        solved = band_columns(optics, float(bands_nm[b]))
        path = np.zeros((count, SUN_NODES, VIEW_NODES, COVER_NODES))
        functions = np.ascontiguousarray(np.stack([cloud, air[:, b], dust], axis=1))
        # Between clouds, air scatters once in the shell sum from the ground up, which holds what lies below cloud tops.
        low, specks = (x - (1.0 - cover) * x[..., :1] for x in (solved.low_air_once, solved.aerosol_once))
        sum_modes(solved.many, solved.cloud_once, low, specks, cover, relief, cosines, suns, views, functions, path)
        path += (1.0 - cover) * once[0, ..., b, None] + cover * once[1, ..., b, None]
        land[..., b] = path
        bright = body[b] / (1.0 - body[b] * solved.back)
        scattered = solved.arriving - solved.arriving_direct
        through = (solved.arriving * bright + scattered * mirror_diffuse)[:, None, :] * solved.leaving[None]
        through += (solved.arriving_direct * mirror[:, None])[:, None, :] * (solved.leaving - solved.leaving_direct)[
            None
        ]
        sea[..., b] = path + through
        arriving[..., b], beam[..., b] = solved.arriving, solved.arriving_direct / suns[:, None]
        leaving[..., b], gaze[..., b] = solved.leaving, solved.leaving_direct
        back[:, b] = solved.back
        at = mean_white * (COVER_NODES - 1)
        lower = min(int(at), COVER_NODES - 2)
        share = at - lower
        albedo = (1.0 - share) * solved.albedo[:, lower] + share * solved.albedo[:, lower + 1]
        ground = (1.0 - share) * solved.arriving[:, lower] + share * solved.arriving[:, lower + 1]
        dusk = shell.twilight_share(depths[:, b : b + 1], sun_nodes())[:, 0]
        # Diffuse light of I/F = albedo mu0 fills the lower half of the sky of a point in the air.
        glow[:, b] = 0.5 * (albedo * suns * dusk + GROUND * ground)
    profile = np.empty((count, SUN_NODES, shell.LIMB_NODES, bands))
    slant = np.empty((shell.LIMB_NODES, bands))
    shell.limb_light(
        profiles, columns, depths, optics.aerosol_albedo, quarter, cosines, sun_nodes(), glow, profile, slant
    )
    profile *= (sun_gas * view_gas[0])[None, :, None, :]
    opacity = -np.expm1(-slant).mean(axis=1)
    return FrameTables(
        phases_rad,
        land,
        sea,
        arriving,
        leaving,
        back,
        beam,
        gaze,
        _running_sum(profile, 2),
        _running_sum(opacity, 0),
        tables.sea_index(bands_nm),
    )


GROUND: Final = 0.10
"""Reflectance of the ground under the limb's air, for the light that reaches it from below only."""


def _running_sum(values: Floats, axis: int) -> Floats:
    """Integral over height from the first node, trapezoids of `shell.LIMB_STEP_KM`."""
    values = np.moveaxis(values, axis, -1)
    out = np.zeros_like(values)
    out[..., 1:] = np.cumsum(0.5 * (values[..., 1:] + values[..., :-1]), axis=-1) * shell.LIMB_STEP_KM
    return np.ascontiguousarray(np.moveaxis(out, -1, axis))

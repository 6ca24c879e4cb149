"""Clear and cloudy columns of air, solved once per band: what they reflect, let through and send back down."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from terraluna.errors import InputError
from terraluna.render.earth import tables
from terraluna.render.earth.adding import (
    DEGREES,
    MODES,
    Slab,
    add,
    flux_transmission,
    gauss_half,
    make_slab,
    phase_modes,
    plane_albedo,
    spherical_albedo_below,
)
from terraluna.render.earth.grid import COVER_NODES, ozone_cosine, slant_cosine, sun_nodes, view_nodes
from terraluna.render.earth.shell import twilight_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

THICKEST = 0.99
"""Cover that stands for full cover: a finite cloud."""


@dataclass(frozen=True)
class EarthOptics:
    """The state of the air, the clouds and the sea.

    A map cell of effective cover c is a broken cloud: the part c of the cell under a cloud of optical depth
    ``cloud_depth`` / (1 - c), the rest clear. Four numbers were fitted, with the packaged clouds at a mean cover of
    0.57, to EPIC's disc means (0.268, 0.211, 0.205 at 443, 551, 680 nm; Marshak et al. 2018), the spherical albedo
    0.294 and the phase integral 1.22 (Robinson 2025): ``cloud_depth``, ``cloud_roughness``, ``ice_share`` and
    ``cloud_top_hpa``. The result: 0.277, 0.208, 0.203; 0.277 in V, 0.308 as the mean of the three bands; 1.19 to 1.22.

    Attributes:
        cloud_depth: optical depth of the thinnest clouds; mean depths over a cell are c / (1 - c) times this.
        cloud_roughness: relief of cloud fields, 0 flat; brightens them toward the Sun (see `lut.cloud_relief`).
        ice_share: part of the cloud light scattered by ice (smooth phase function, g = 0.78), the rest by droplets.
        cloud_top_hpa: pressure at the cloud tops; the air above it scatters over the clouds.
        aerosol_depth: at 550 nm.
        angstrom: exponent of the aerosol depth in wavelength.
        aerosol_asymmetry: Henyey-Greenstein g.
        aerosol_albedo: single-scattering albedo.
        ozone_dobson: column.
        wind_m_s: roughens the sea and makes whitecaps.
        chlorophyll: of the sea, mg per m3.
    """

    cloud_depth: float = 0.75
    cloud_roughness: float = 0.65
    ice_share: float = 0.4
    cloud_top_hpa: float = 570.0
    aerosol_depth: float = 0.12
    angstrom: float = 1.0
    aerosol_asymmetry: float = 0.68
    aerosol_albedo: float = 0.96
    ozone_dobson: float = 300.0
    wind_m_s: float = 7.0
    chlorophyll: float = 0.2

    def __post_init__(self) -> None:
        """Check the ranges; InputError names the parameter."""
        limits = {
            "cloud_depth": (0.01, 100.0),
            "cloud_roughness": (0.0, 1.0),
            "ice_share": (0.0, 1.0),
            "cloud_top_hpa": (100.0, 1000.0),
            "aerosol_depth": (0.0, 5.0),
            "angstrom": (-1.0, 3.0),
            "aerosol_asymmetry": (0.0, 0.8),
            "aerosol_albedo": (0.5, 1.0),
            "ozone_dobson": (0.0, 700.0),
            "wind_m_s": (0.0, 30.0),
            "chlorophyll": (0.01, 30.0),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name} of the Earth must lie between {low:g} and {high:g} (got {value:g})")

    def depths(self, bands_nm: Floats) -> Floats:
        """Return (3, bands) vertical optical depth of air, ozone and aerosol."""
        aerosol = self.aerosol_depth * (np.asarray(bands_nm) / 550.0) ** -self.angstrom
        return np.stack([tables.rayleigh_depth(bands_nm), tables.ozone_depth(bands_nm, self.ozone_dobson), aerosol])


def rayleigh_moment(king: float) -> float:
    """Return the second Legendre moment of air: 0.1 without depolarisation, less with (from the King factor)."""
    rho = 6.0 * (king - 1.0) / (3.0 + 7.0 * king)
    gamma = rho / (2.0 - rho)
    return 0.1 * (1.0 - gamma) / (1.0 + 2.0 * gamma)


def rayleigh_phase(king: float, cos_scattering: Floats) -> Floats:
    """Return the phase function of air."""
    second = 0.5 * (3.0 * np.asarray(cos_scattering) ** 2 - 1.0)
    return np.asarray(1.0 + 5.0 * rayleigh_moment(king) * second, dtype=np.float64)


def henyey_greenstein(g: float, cos_scattering: Floats) -> Floats:
    """Return the phase function of Henyey & Greenstein 1941."""
    return np.asarray((1.0 - g * g) / (1.0 + g * g - 2.0 * g * np.asarray(cos_scattering)) ** 1.5, dtype=np.float64)


ICE_ASYMMETRY = 0.78
"""Asymmetry of roughened ice (0.75 to 0.80 in current ice models)."""


def cloud_moments(ice_share: float) -> Floats:
    """Return (DEGREES + 1,) Legendre moments of cloud particles."""
    water = tables.water_cloud_phase()[2][: DEGREES + 1]
    ice = ICE_ASYMMETRY ** np.arange(DEGREES + 1)
    return np.asarray((1.0 - ice_share) * water + ice_share * ice, dtype=np.float64)


def cloud_phase(ice_share: float, cos_scattering: Floats) -> Floats:
    """Return the phase function of cloud particles."""
    cosines, values, _ = tables.water_cloud_phase()
    water = np.exp(np.interp(cos_scattering, cosines, np.log(values)))
    return np.asarray((1.0 - ice_share) * water + ice_share * henyey_greenstein(ICE_ASYMMETRY, cos_scattering))


def whiteness(cover: NDArray[np.floating], cloud_depth: float) -> NDArray[np.floating]:
    """Return 0..1 of a cover: the two-stream reflectance of a broken cloud over that of full cover.

    c k / (1 - c + k), k = 0.098 ``cloud_depth`` (0.75 (1 - g) = 0.11, less for the air above). What a column shows is
    nearly linear in it at any angle, so that a map averaged over it, not over cover, looks the same from near and far.
    """
    k = _thinness(cloud_depth)
    return cover * k / (1.0 - cover + k)


def _thinness(cloud_depth: float) -> float:
    return 0.098 * cloud_depth


def cover_nodes(cloud_depth: float) -> Floats:
    """Return (COVER_NODES,) covers, even in `whiteness`, at which columns are solved."""
    k = _thinness(cloud_depth)
    white = np.linspace(0.0, 1.0, COVER_NODES)
    return np.asarray(np.minimum(white * (1.0 + k) / (k + white), THICKEST), dtype=np.float64)


@lru_cache(maxsize=8)
def _cloud_slabs(cloud_depth: float, ice_share: float) -> tuple[tuple[Slab, ...], Floats, float]:
    """Clouds at the cover nodes (delta-M: Wiscombe 1977), the moments they were solved with, and the forward part."""
    moments = cloud_moments(ice_share)
    forward = float(moments[DEGREES])
    scaled = (moments[:DEGREES] - forward) / (1.0 - forward)
    cover = cover_nodes(cloud_depth)
    depths = cloud_depth / (1.0 - cover) * (1.0 - forward)
    return tuple(make_slab(float(d), 1.0, scaled) for d in depths[1:]), scaled, forward


@dataclass(frozen=True, eq=False)
class BandColumns:
    """All columns of one band at the angle nodes. Light scattered once in the air above the clouds is not in here.

    Attributes:
        many: (suns, views, covers, MODES) I/F of light scattered more than once, by Fourier mode of azimuth.
        cloud_once: (suns, views, covers) I/F of light scattered once by the cloud over its phase function.
        low_air_once, aerosol_once: likewise by the air and the aerosol below the clouds.
        arriving: (suns, covers) irradiance on the ground over pi, of an incoming I/F = 1 beam: mu0 T(mu0).
        arriving_direct: the part of it that was not scattered.
        leaving: (views, covers) part of the ground's light that gets out.
        leaving_direct: the part of it that was not scattered.
        back: (covers,) part of the ground's light that comes back down.
        albedo: (suns, covers) plane albedo over black ground.
    """

    many: Floats
    cloud_once: Floats
    low_air_once: Floats
    aerosol_once: Floats
    arriving: Floats
    arriving_direct: Floats
    leaving: Floats
    leaving_direct: Floats
    back: Floats
    albedo: Floats


@lru_cache(maxsize=64)
def band_columns(optics: EarthOptics, band_nm: float) -> BandColumns:
    """Solve all columns of one band; kept in memory (about 0.3 s and 1 MB a band)."""
    from scipy.interpolate import PchipInterpolator, RectBivariateSpline

    nm = np.array([band_nm])
    depth = optics.depths(nm)[:, 0]
    air, aerosol = float(depth[0]), float(depth[2])
    above = air * optics.cloud_top_hpa / tables.SEA_LEVEL_HPA
    below = air - above
    king = float(tables.king_factor(nm)[0])
    air_moments = np.zeros(DEGREES)
    air_moments[0], air_moments[2] = 1.0, rayleigh_moment(king)
    dust_moments = optics.aerosol_asymmetry ** np.arange(DEGREES)
    scattering = below + optics.aerosol_albedo * aerosol
    low_depth = below + aerosol
    low_moments = (below * air_moments + optics.aerosol_albedo * aerosol * dust_moments) / scattering
    upper = make_slab(above, 1.0, air_moments)
    lower = make_slab(low_depth, scattering / low_depth, low_moments)
    clouds, cloud_scaled, forward = _cloud_slabs(optics.cloud_depth, optics.ice_share)
    upper_modes, cloud_modes, low_modes = (phase_modes(m)[0] for m in (air_moments, cloud_scaled, low_moments))

    mu, _ = gauss_half()
    sine = np.sqrt(1.0 - mu * mu)
    suns, views = slant_cosine(sun_nodes()), slant_cosine(view_nodes())
    sun_sine, view_sine = np.sqrt(1.0 - suns**2), np.sqrt(1.0 - views**2)
    shape = (suns.size, views.size, COVER_NODES)
    many = np.zeros((*shape, MODES))
    once = np.zeros((3, *shape))
    arriving, arriving_direct, albedo = (np.zeros((suns.size, COVER_NODES)) for _ in range(3))
    leaving, leaving_direct = np.zeros((views.size, COVER_NODES)), np.zeros((views.size, COVER_NODES))
    back = np.zeros(COVER_NODES)
    pair = 4.0 * (mu[:, None] + mu[None, :])
    paths = 1.0 / mu[:, None] + 1.0 / mu[None, :]
    out_paths = 1.0 / suns[:, None] + 1.0 / views[None, :]
    out_pair = 4.0 * (suns[:, None] + views[None, :]) / suns[:, None]
    for c in range(COVER_NODES):
        middle = 0.0 if c == 0 else clouds[c - 1].depth
        column = add(upper, lower) if c == 0 else add(add(upper, clouds[c - 1]), lower)
        layers = ((above, upper_modes, 1.0), (middle, cloud_modes, 1.0), (low_depth, low_modes, scattering / low_depth))
        passed = 0.0
        single = np.zeros((MODES, mu.size, mu.size))
        for q, (tau, modes, omega) in enumerate(layers):
            single += omega * modes / pair * np.exp(-passed * paths) * -np.expm1(-tau * paths)
            if q > 0:
                once[q - 1, :, :, c] = np.exp(-passed * out_paths) * -np.expm1(-tau * out_paths) / out_pair
            passed += tau
        rest = column.reflection - single
        for m in range(MODES):
            # Mode m vanishes like the m-th power of both sines; the rest is smooth in the root of the cosine.
            smooth = rest[m] * (mu[:, None] + mu[None, :]) / np.outer(sine, sine) ** m
            spline = RectBivariateSpline(np.sqrt(mu), np.sqrt(mu), smooth, kx=3, ky=3, s=0)
            value = spline(np.sqrt(suns), np.sqrt(views), grid=True)
            value = value * np.outer(sun_sine, view_sine) ** m * (1.0 if m == 0 else 2.0)
            many[:, :, c, m] = value * suns[:, None] / (suns[:, None] + views[None, :])
        diffuse = PchipInterpolator(mu, flux_transmission(column), extrapolate=True)
        plane = PchipInterpolator(mu, plane_albedo(column), extrapolate=True)
        arriving_direct[:, c] = suns * np.exp(-passed / suns)
        arriving[:, c] = arriving_direct[:, c] + suns * np.clip(diffuse(suns), 0.0, 1.0)
        albedo[:, c] = np.clip(plane(suns), 0.0, 1.0)
        leaving_direct[:, c] = np.exp(-passed / views)
        leaving[:, c] = leaving_direct[:, c] + np.clip(diffuse(views), 0.0, 1.0)
        back[c] = spherical_albedo_below(column)
    # A broken cloud: its part of the column, and clear sky between. Ground light mixes between the two.
    cover = cover_nodes(optics.cloud_depth)
    for field in (many, *once, arriving, arriving_direct, albedo, leaving, leaving_direct, back):
        axis = field.ndim - 2 if field is many else field.ndim - 1
        view = np.moveaxis(field, axis, -1)
        view[...] = (1.0 - cover) * view[..., :1] + cover * view
    # Delta-M cut the forward peak off: light scattered once takes the whole phase function over what is left (TMS).
    once[0] /= 1.0 - forward
    once[1] *= below / low_depth
    once[2] *= optics.aerosol_albedo * aerosol / low_depth

    # Ozone lies above all this. Beyond the terminator everything fades with the light in the air.
    dusk = twilight_share(depth[:, None], sun_nodes())[:, 0]
    gas = float(tables.gas_exponent(nm)[0])
    down = dusk * np.exp(-depth[1] / ozone_cosine(sun_nodes()) - gas / np.sqrt(suns))
    up = np.exp(-depth[1] / ozone_cosine(view_nodes()) - gas / np.sqrt(views))
    both = down[:, None, None] * up[None, :, None]
    once *= both
    return BandColumns(
        many * both[..., None],
        once[0],
        once[1],
        once[2],
        arriving * down[:, None],
        arriving_direct * down[:, None] * (sun_nodes() >= 0.0)[:, None],
        leaving * up[:, None],
        leaving_direct * up[:, None],
        back,
        albedo * np.exp(-depth[1] * (1.0 / ozone_cosine(sun_nodes()) + 1.9))[:, None],
    )

"""The Earth, first storey: land, sea with glint, clouds, Rayleigh path light, and a soft limb above the ellipsoid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit, prange

from terraluna.render.angles import fast_exp
from terraluna.render.compiling import FAST
from terraluna.render.materials import Shaded, channel_mix, sun_or_dummy
from terraluna.render.scene_arrays import as_bands

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.render.maps import EarthMaps
    from terraluna.render.scene_arrays import BodyLayer, RenderBody

EULER_GAMMA = 0.5772156649015329
WATER_INDEX = 1.34
"""Refractive index of sea water in the visible (Hale & Querry 1973 for water, salt added)."""

TWILIGHT_WIDTH = 0.08
"""Fall of twilight with the sine of the Sun's depression: 1/e at 4.6 degrees, near the middle of civil twilight."""


DARK = -0.3
"""Sine of the Sun's altitude below which no light is drawn: twilight is 8e-7 there."""

CHUNK = 128
"""Samples worked on at a time, see `terraluna.render.kernels`."""

MU0, MU, COS_PHASE, AREA, TWILIGHT, DAY, PATHS, PATH_LIGHT, COVER, SEA, GLINT, GROUND, LAT, LON = range(14)
CELL_LAND, CELL_WATER, FIRST_BAND = 14, 18, 22
"""Slots of the work array; FIRST_BAND starts one slot a band, and one a channel of the land map after them."""


@njit(cache=True, error_model="numpy", fastmath=FAST)
def entire_exponential_integral(x: float) -> float:
    """Return Ein(x), the integral of (1 - exp(-t)) / t from 0 to x (Abramowitz & Stegun 5.1.53 and 5.1.56)."""
    if x < 1.0:
        term = x
        total = x
        for k in range(2, 14):
            term *= -x / k
            total += term / k
        return total
    decay = math.exp(-x) / x * (x * x + 2.334733 * x + 0.250621) / (x * x + 3.330657 * x + 1.681534)
    return math.log(x) + EULER_GAMMA + decay


@njit(cache=True, error_model="numpy", fastmath=FAST)
def shell_mean(height: float, pixel: float, depth: float, scale: float) -> float:
    """Return the mean over a pixel of 1 - exp(-depth exp(-h / scale)), counting only what lies above the limb.

    Args:
        height: tangent height of the pixel's centre, km (negative inside the limb).
        pixel: size of the pixel, km.
        depth: slant optical depth at h = 0.
        scale: scale height, km.
    """
    low = max(0.0, height - 0.5 * pixel)
    high = height + 0.5 * pixel
    if high <= 0.0:
        return 0.0
    above = entire_exponential_integral(depth * math.exp(-high / scale))
    return scale / pixel * (entire_exponential_integral(depth * math.exp(-low / scale)) - above)


@njit(cache=True, error_model="numpy", fastmath=FAST)
def glint_factor(mu0: float, mu: float, cos_phase: float, slope_variance: float) -> float:
    """Return I/F of a wind-roughened sea's mirror image of the Sun (Cox & Munk 1954, isotropic; Fresnel by Schlick)."""
    half = math.sqrt(max(1e-12, 2.0 + 2.0 * cos_phase))
    tilt = min(1.0, (mu0 + mu) / half)
    square = tilt * tilt
    slope = (1.0 - square) / square
    if slope > 12.0 * slope_variance:
        return 0.0
    normal = ((WATER_INDEX - 1.0) / (WATER_INDEX + 1.0)) ** 2
    fresnel = normal + (1.0 - normal) * (1.0 - 0.5 * half) ** 5
    density = math.exp(-slope / slope_variance) / (math.pi * slope_variance)
    return math.pi * fresnel * density / (4.0 * max(mu, 0.05) * square * square)


@njit(cache=True, error_model="numpy", fastmath=FAST)
def air_chunk(work, optical_depth, soft):  # type: ignore[no-untyped-def]
    """Fill the slots that depend on angles alone; no branch, so that it runs on vector registers."""
    for j in range(CHUNK):
        m0 = work[MU0 * CHUNK + j]
        m = work[MU * CHUNK + j]
        g = work[COS_PHASE * CHUNK + j]
        dusk = min(m0, 0.0) / TWILIGHT_WIDTH
        twilight = fast_exp(-dusk * dusk)
        # Sun and view as the curved atmosphere sees them: never quite horizontal.
        day = max(1e-3, 0.5 * (m0 + math.sqrt(m0 * m0 + soft)))
        slant = math.sqrt(m * m + soft)
        work[TWILIGHT * CHUNK + j] = twilight
        work[DAY * CHUNK + j] = day
        work[PATHS * CHUNK + j] = 1.0 / day + 1.0 / slant
        # Phase function of air 0.75 (1 + cos^2), over 4; single scattering in a plane layer.
        work[PATH_LIGHT * CHUNK + j] = 0.1875 * (1.0 + g * g) * twilight * day / (day + slant)
    for b in range(optical_depth.size):
        tau = optical_depth[b]
        loss = work[(FIRST_BAND + b) * CHUNK : (FIRST_BAND + b + 1) * CHUNK]
        for j in range(CHUNK):
            loss[j] = fast_exp(-0.1 * tau * work[PATHS * CHUNK + j])


@njit(cache=True, error_model="numpy", fastmath=FAST)
def light_chunk(work, mix, sea, cloud_albedo):  # type: ignore[no-untyped-def]
    """Turn each band's slot from the air's transmission into the radiance factor; no branch."""
    bands = mix.shape[0]
    for b in range(bands):
        # Views: the compiler need not fear that an index wraps around.
        light = work[(FIRST_BAND + b) * CHUNK : (FIRST_BAND + b + 1) * CHUNK]
        mixed = work[GROUND * CHUNK : (GROUND + 1) * CHUNK]
        for j in range(CHUNK):
            mixed[j] = 0.0
        for c in range(mix.shape[1]):
            part = mix[b, c]
            channel = work[(FIRST_BAND + bands + c) * CHUNK : (FIRST_BAND + bands + c + 1) * CHUNK]
            if part != 0.0:
                for j in range(CHUNK):
                    mixed[j] += part * channel[j]
        deep = sea[b]
        white = cloud_albedo[b]
        for j in range(CHUNK):
            # Half of what Rayleigh scatters goes on forward; clouds have about 0.4 of the air above them.
            loss = light[j]
            loss2 = loss * loss
            through = loss2 * loss2 * loss
            cover = work[COVER * CHUNK + j]
            wet = work[SEA * CHUNK + j]
            day = work[DAY * CHUNK + j]
            ground = (1.0 - wet) * work[GROUND * CHUNK + j] + wet * deep
            surface = (1.0 - cover) * through * (ground * day + work[GLINT * CHUNK + j]) + cover * loss2 * white * day
            path = work[PATH_LIGHT * CHUNK + j] * (1.0 - through * through) * (1.0 - 0.6 * cover)
            light[j] = work[AREA * CHUNK + j] * (surface * work[TWILIGHT * CHUNK + j] + path)


@njit(cache=True, error_model="numpy", fastmath=FAST)
def cell_chunk(work, height, width, slot):  # type: ignore[no-untyped-def]
    """Write column, row and their fractions of each sample's map cell to four slots; no branch."""
    last = height - 2.0
    for j in range(CHUNK):
        x = (work[LON * CHUNK + j] * (0.5 / math.pi) + 0.5) * width - 0.5
        y = (0.5 - work[LAT * CHUNK + j] * (1.0 / math.pi)) * height - 0.5
        y = min(max(y, 0.0), last + 1.0)
        column = np.floor(x)
        row = min(np.floor(y), last)
        work[slot * CHUNK + j] = column
        work[(slot + 1) * CHUNK + j] = row
        work[(slot + 2) * CHUNK + j] = x - column
        work[(slot + 3) * CHUNK + j] = y - row


@njit(cache=True, error_model="numpy", fastmath=FAST)
def cell_of(work, slot, j, width, channels):  # type: ignore[no-untyped-def]
    """Return the flat places and the weights of a sample's four map values."""
    j0 = int(work[slot * CHUNK + j])
    upper = int(work[(slot + 1) * CHUNK + j]) * width
    fx = work[(slot + 2) * CHUNK + j]
    fy = work[(slot + 3) * CHUNK + j]
    j1 = j0 + 1
    j0 = j0 + width if j0 < 0 else j0
    j1 = 0 if j1 >= width else j1
    w11 = fy * fx
    lower = upper + width
    return (
        (upper + j0) * channels,
        (upper + j1) * channels,
        (lower + j0) * channels,
        (lower + j1) * channels,
        1.0 - fy - fx + w11,
        fx - w11,
        fy - w11,
        w11,
    )


@njit(cache=True, error_model="numpy", fastmath=FAST)
def mean_of_four(flat, a, b, c, d, w00, w01, w10, w11):  # type: ignore[no-untyped-def]
    """Return the weighted mean of four values; unsigned indices, which need no test for wrapping."""
    upper = w00 * flat[np.uint64(a)] + w01 * flat[np.uint64(b)]
    return upper + w10 * flat[np.uint64(c)] + w11 * flat[np.uint64(d)]


@njit(cache=True, error_model="numpy", fastmath=FAST)
def look_up(work, count, slot, flat, width, channels, first):  # type: ignore[no-untyped-def]
    """Look the lit samples of a chunk up in one flattened map; its channels go to the slots from ``first`` on.

    One map at a time: short turns let the processor wait for many cells at once.
    """
    for j in range(count):
        if work[AREA * CHUNK + j] > 0.0 and work[MU0 * CHUNK + j] > DARK:
            a, b, c, d, w00, w01, w10, w11 = cell_of(work, slot, j, width, channels)
            for k in range(channels):
                work[(first + k) * CHUNK + j] = mean_of_four(flat, a + k, b + k, c + k, d + k, w00, w01, w10, w11)


@njit(cache=True, parallel=True, error_model="numpy", fastmath=FAST)
def shade_earth(  # type: ignore[no-untyped-def]
    coverage,
    lat,
    lon,
    mu0,
    mu,
    cos_phase,
    height,
    sun,
    land,
    water,
    clouds,
    sea,
    cloud_albedo,
    optical_depth,
    mix,
    scale_height,
    radius,
    pixel,
    slope_variance,
    radiance,
    opacity,
):
    """Write the Earth's radiance factor and opacity; rows in parallel, no reduction.

    Args:
        coverage: (and the six after it) the layer's arrays.
        sun: (h, w, n) visible Sun, or empty.
        land: (H, W, c) Lambert reflectance.
        water: (H, W) area fraction of water.
        clouds: (H, W) effective cover.
        sea: (bands,) diffuse reflectance of deep water.
        cloud_albedo: (bands,) Lambert reflectance of clouds.
        optical_depth: (bands,) vertical Rayleigh optical depth.
        mix: (bands, c) weights of the land map's channels in each band.
        scale_height: km.
        radius: mean radius, km.
        pixel: km a sample.
        slope_variance: mean square slope of the sea.
        radiance: (h, w, bands), written.
        opacity: (h, w), written: coverage, and the shell's opacity as the mean of the bands.
    """
    rows, columns = coverage.shape
    bands = mix.shape[0]
    shadowed = sun.size > 0
    # Chapman's grazing path: sqrt(pi R / 2H) air masses from the limb point outward, twice that right through.
    grazing = math.sqrt(math.pi * radius / (2.0 * scale_height))
    soft = 1.0 / (grazing * grazing)
    chunks = (columns + CHUNK - 1) // CHUNK
    flat_land = land.ravel()
    flat_water = water.ravel()
    flat_clouds = clouds.ravel()
    for i in prange(rows):
        work = np.zeros((FIRST_BAND + bands + mix.shape[1]) * CHUNK)
        for chunk in range(chunks):
            start = chunk * CHUNK
            count = min(CHUNK, columns - start)
            lit = False
            for j in range(count):
                work[MU0 * CHUNK + j] = mu0[i, start + j]
                work[AREA * CHUNK + j] = coverage[i, start + j]
                # The clear sky around the body has mu0 = -1 too.
                lit = lit or mu0[i, start + j] > DARK
            if lit:
                for j in range(count):
                    work[MU * CHUNK + j] = mu[i, start + j]
                    work[COS_PHASE * CHUNK + j] = cos_phase[i, start + j]
                    work[LAT * CHUNK + j] = lat[i, start + j]
                    work[LON * CHUNK + j] = lon[i, start + j]
                cell_chunk(work, land.shape[0], land.shape[1], CELL_LAND)
                look_up(work, count, CELL_LAND, flat_land, land.shape[1], land.shape[2], FIRST_BAND + bands)
                cell_chunk(work, water.shape[0], water.shape[1], CELL_WATER)
                look_up(work, count, CELL_WATER, flat_water, water.shape[1], 1, SEA)
                if clouds.shape[1] != water.shape[1]:
                    cell_chunk(work, clouds.shape[0], clouds.shape[1], CELL_WATER)
                look_up(work, count, CELL_WATER, flat_clouds, clouds.shape[1], 1, COVER)
                air_chunk(work, optical_depth, soft)
                for j in range(count):
                    m0 = work[MU0 * CHUNK + j]
                    wet = work[SEA * CHUNK + j]
                    glint = 0.0
                    if wet > 0.0 and m0 > 0.0 and work[AREA * CHUNK + j] > 0.0:
                        m = work[MU * CHUNK + j]
                        glint = wet * glint_factor(m0, m, work[COS_PHASE * CHUNK + j], slope_variance)
                    work[GLINT * CHUNK + j] = glint
                light_chunk(work, mix, sea, cloud_albedo)
            for j in range(count):
                area = work[AREA * CHUNK + j]
                opacity[i, start + j] = area
                for b in range(bands):
                    radiance[i, start + j, b] = work[(FIRST_BAND + b) * CHUNK + j] if lit else 0.0
                above = height[i, start + j]
                if area < 1.0 and above + 0.5 * pixel > 0.0 and above < 1.0e8:
                    total = 0.0
                    m0 = work[MU0 * CHUNK + j]
                    g = cos_phase[i, start + j]
                    day = max(1e-3, 0.5 * (m0 + math.sqrt(m0 * m0 + soft)))
                    dusk = min(m0, 0.0) / TWILIGHT_WIDTH
                    glow = 0.1875 * (1.0 + g * g) * math.exp(-dusk * dusk) * day / (day + 1.0 / grazing)
                    for b in range(bands):
                        tau = optical_depth[b]
                        mean = shell_mean(above, pixel, 2.0 * grazing * tau, scale_height)
                        total += mean
                        radiance[i, start + j, b] += glow * math.exp(-0.1 * tau / day) * mean
                    opacity[i, start + j] = min(1.0, area + total / bands)
                if shadowed:
                    for b in range(bands):
                        radiance[i, start + j, b] *= sun[i, start + j, b if sun.shape[2] > 1 else 0]


def rayleigh_depth(bands_nm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the vertical Rayleigh optical depth at sea level: Hansen & Travis 1974, eq. 2.30 (1013 hPa)."""
    um = np.asarray(bands_nm, dtype=np.float64) * 1e-3
    depth: NDArray[np.float64] = 0.008569 * um**-4 * (1.0 + 0.0113 * um**-2 + 0.00013 * um**-4)
    return depth


@dataclass(frozen=True, eq=False)
class EarthMaterial:
    """Land, sea, clouds and clear air, without radiative transfer: quick, and right in look and limb height.

    Attributes:
        maps: the Earth's maps.
        cloud_albedo: Lambert reflectance of full cover, one value or one a band.
        sea_albedo: diffuse reflectance of deep water at 680, 551 and 443 nm.
        wind_m_s: wind that roughens the sea (Cox & Munk: slope variance 0.003 + 0.00512 wind).
        scale_height_km: of the air.
        shell_km: height up to which the limb is drawn.
    """

    maps: EarthMaps
    cloud_albedo: float | tuple[float, ...] = 0.50
    sea_albedo: tuple[float, float, float] = (0.004, 0.012, 0.035)
    wind_m_s: float = 7.0
    scale_height_km: float = 8.0
    shell_km: float = 80.0

    def shade(self, layer: BodyLayer, body: RenderBody, bands_nm: NDArray[np.float64]) -> Shaded:
        """Return the light of a layer (see `terraluna.render.materials.Material`)."""
        samples = layer.radius_px * layer.oversample
        radiance = np.empty((*layer.coverage.shape, len(bands_nm)))
        opacity = np.empty(layer.coverage.shape)
        mix = channel_mix(bands_nm)
        land, water, clouds = (
            p.mip_level(p.texels_per_pixel(samples)) for p in (self.maps.land, self.maps.water, self.maps.clouds)
        )
        shade_earth(
            layer.coverage,
            layer.lat_rad,
            layer.lon_rad,
            layer.mu0,
            layer.mu,
            layer.cos_phase,
            layer.height_km,
            sun_or_dummy(layer),
            land,
            water,
            clouds,
            mix @ np.asarray(self.sea_albedo),
            as_bands(self.cloud_albedo, len(bands_nm), "cloud_albedo"),
            rayleigh_depth(bands_nm),
            mix,
            self.scale_height_km,
            float(body.radii_km.mean()),
            layer.pixel_km,
            0.003 + 0.00512 * self.wind_m_s,
            radiance,
            opacity,
        )
        return Shaded(radiance, opacity[..., None])

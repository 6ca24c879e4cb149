"""The Moon's kernel: relief, skyline, Hapke's law and earthshine, sample by sample."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from terraluna.render.angles import bilinear
from terraluna.render.moon.castshadow import (
    LOW_SUN,
    SUN_RADIUS_RAD,
    height_at,
    soft_cosine,
    sun_above_skyline,
)
from terraluna.render.moon.law import LEAST_COSINE, lobe, log_term, multiple, rough_terms
from terraluna.render.moon.relief import sine_cosine, tilted_cosine

NIGHT_COSINE = -0.45
"""Cosine of incidence on the sphere below which no slope of the map (0.43 at most) turns toward the Sun."""

EARTHSHINE_BELOW = 0.2
"""Earthshine is left out where the Sun stands higher than this sine: it is below 1e-3 of the sunlight there."""

LEAST_DETAIL, MOST_DETAIL = 0.25, 4.0
"""Limits of the albedo map's detail, those of `terraluna.photometry.hapke.sharpening_ratio`."""


@njit(cache=True, error_model="numpy")
def add_light(  # type: ignore[no-untyped-def]
    mu0, mu, cos_g, amount, gains, cells, detail, slots, lobe_slot, tangent, chi, light
):
    """Add the light of one lamp to ``light`` (bands,).

    Args:
        mu0: cosine of incidence, above 0.
        mu: cosine of emission, above 0.
        cos_g: cosine of the phase angle.
        amount: common factor.
        gains: (bands,) factors, among them the brightness of the lamp.
        cells: the cell table's values at the place.
        detail: (bands,) albedo detail.
        slots: values a band in ``cells``.
        lobe_slot: which of them is the lobe; negative where all five parameters are given.
        tangent: (and chi) from `roughness_constants`.
    """
    mu0e, mue, shadow = rough_terms(mu0, mu, cos_g, tangent, chi)
    log_i = log_term(mu0e)
    log_e = log_term(mue)
    common = 0.25 * amount * shadow * mu0e / (mu0e + mue)
    for b in range(light.size):
        w = cells[slots * b]
        if lobe_slot >= 0:
            single = cells[slots * b + lobe_slot]
        else:
            single = lobe(cos_g, cells[5 * b + 1], cells[5 * b + 2], cells[5 * b + 3], cells[5 * b + 4])
        light[b] += common * gains[b] * detail[b] * w * (single + multiple(w, mu0e, mue, log_i, log_e))


@njit(cache=True, parallel=True, error_model="numpy")
def shade_radiometric(  # type: ignore[no-untyped-def]
    coverage,
    lat,
    lon,
    mu0,
    mu,
    cos_phase,
    visible_sun,
    table,
    slots,
    albedo,
    mix,
    gains,
    slopes,
    relief_m,
    highest_km,
    exaggeration,
    cast,
    sun,
    earth,
    earth_gains,
    observer,
    radius,
    tangent,
    chi,
    radiance,
):
    """Write the Moon's radiance factor; rows in parallel, no reduction.

    Args:
        coverage: (and the five after it) the layer's arrays.
        visible_sun: (h, w, n) part of the Sun that other bodies leave, or empty.
        table: (180, 360, slots bands + channels) from `fill_cells`, or the parameters themselves (slots = 5).
        slots: values a band in the table: 2, 3 with earthshine, 5 for the parameters.
        albedo: (H, W, channels) level of the albedo map.
        mix: (bands, channels) weights of the map's channels in each band.
        gains: (bands,) disc factor.
        slopes: (H, W, 2) level of the east and north gradients.
        relief_m: (H, W) level of the heights, m.
        highest_km: largest height, km.
        exaggeration: factor on slopes and heights; 0 for a smooth sphere.
        cast: draw the shadows that the relief casts.
        sun: (3,) unit vector to the Sun, body-fixed.
        earth: (3,) unit vector to the Earth, or empty.
        earth_gains: (bands,) disc factor times the Earth's irradiance over the Sun's.
        observer: (3,) body centre to observer, body-fixed, km.
        radius: km.
        tangent: (and chi) from `roughness_constants`.
        radiance: (h, w, bands), written.
    """
    rows, columns = coverage.shape
    bands, channels = mix.shape
    shadowed = visible_sun.size > 0
    relief = exaggeration > 0.0
    earthlit = earth.size > 0
    direct = slots == 5
    for i in prange(rows):
        cells = np.empty(table.shape[2])
        colour = np.empty(channels)
        slope = np.zeros(2)
        detail = np.empty(bands)
        light = np.empty(bands)
        night = np.empty(bands)
        for j in range(columns):
            for b in range(bands):
                radiance[i, j, b] = 0.0
            if coverage[i, j] <= 0.0 or (mu0[i, j] < NIGHT_COSINE and not earthlit):
                continue
            m0 = mu0[i, j]
            m = mu[i, j]
            sin_lat, cos_lat = sine_cosine(lat[i, j])
            sin_lon, cos_lon = sine_cosine(lon[i, j])
            x = cos_lat * cos_lon
            y = cos_lat * sin_lon
            vx = observer[0] - radius * x
            vy = observer[1] - radius * y
            vz = observer[2] - radius * sin_lat
            norm = 1.0 / math.sqrt(vx * vx + vy * vy + vz * vz)
            east = 0.0
            north = 0.0
            if relief:
                bilinear(slopes, lat[i, j], lon[i, j], slope)
                east = exaggeration * slope[0]
                north = exaggeration * slope[1]
                m = tilted_cosine(m, vx * norm, vy * norm, vz * norm, sin_lat, cos_lat, sin_lon, cos_lon, east, north)
                m0 = tilted_cosine(m0, sun[0], sun[1], sun[2], sin_lat, cos_lat, sin_lon, cos_lon, east, north)
            m = min(1.0, max(m, LEAST_COSINE))
            m0 = min(1.0, soft_cosine(m0, SUN_RADIUS_RAD))
            lit = coverage[i, j]
            if m0 > 0.0 and relief and cast and mu0[i, j] < LOW_SUN:
                own = height_at(relief_m, lat[i, j], lon[i, j])
                lit *= sun_above_skyline(
                    relief_m, highest_km, exaggeration, radius, x, y, sin_lat, mu0[i, j], sun, SUN_RADIUS_RAD, own
                )
            if m0 <= 0.0:
                lit = 0.0
            earthshine = earthlit and (mu0[i, j] < EARTHSHINE_BELOW or shadowed)
            if lit <= 0.0 and not earthshine:
                continue
            bilinear(table, lat[i, j], lon[i, j], cells)
            bilinear(albedo, lat[i, j], lon[i, j], colour)
            for c in range(channels):
                ratio = colour[c] / cells[slots * bands + c]
                colour[c] = min(MOST_DETAIL, max(LEAST_DETAIL, ratio))
            for b in range(bands):
                detail[b] = 0.0
                light[b] = 0.0
                for c in range(channels):
                    detail[b] += mix[b, c] * colour[c]
            if lit > 0.0:
                add_light(
                    m0, m, cos_phase[i, j], lit, gains, cells, detail, slots, -1 if direct else 1, tangent, chi, light
                )
                if shadowed:
                    for b in range(bands):
                        light[b] *= visible_sun[i, j, b if visible_sun.shape[2] > 1 else 0]
            if earthshine:
                me = x * earth[0] + y * earth[1] + sin_lat * earth[2]
                if relief:
                    me = tilted_cosine(
                        me, earth[0], earth[1], earth[2], sin_lat, cos_lat, sin_lon, cos_lon, east, north
                    )
                if me > 0.0:
                    cos_e = min(1.0, max(-1.0, (vx * earth[0] + vy * earth[1] + vz * earth[2]) * norm))
                    night[:] = 0.0
                    add_light(
                        min(1.0, me),
                        m,
                        cos_e,
                        coverage[i, j],
                        earth_gains,
                        cells,
                        detail,
                        slots,
                        -1 if direct else 2,
                        tangent,
                        chi,
                        night,
                    )
                    for b in range(bands):
                        light[b] += night[b]
            for b in range(bands):
                radiance[i, j, b] = light[b]

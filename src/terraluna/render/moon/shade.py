"""The Moon's kernel: relief, skyline, Hapke's law and earthshine, a chunk of samples at a time.

Reading maps takes one sample after the other; the arithmetic between runs on vector registers, chunk by chunk, as in
`terraluna.render.kernels`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from terraluna.render.angles import find_cells, read_channel
from terraluna.render.compiling import FAST
from terraluna.render.moon.castshadow import (
    LOW_SUN,
    SUN_RADIUS_RAD,
    disc_above,
    height_at,
    soft_cosine,
    sun_above_skyline,
)
from terraluna.render.moon.law import LEAST_COSINE, lobe, log_term, multiple, rough_terms
from terraluna.render.moon.relief import sine_cosine, tilted_cosine
from terraluna.render.shadows import LEAST_SUN

EARTHSHINE_BELOW = 0.2
"""Earthshine is left out where the Sun stands higher than this sine: it is below 1e-3 of the sunlight there."""

LEAST_DETAIL, MOST_DETAIL = 0.25, 4.0
"""Limits of the albedo map's detail, those of `terraluna.photometry.hapke.sharpening_ratio`."""

CHUNK = 128
"""Samples worked on at a time: a constant, so that the compiler can prove the slots apart and use vector arithmetic."""

LAT, LON, SUN, VIEW, PHASE, COVER = 0, 1, 2, 3, 4, 5
EAST, NORTH, EARTH, EARTH_PHASE, X, Y, Z = 6, 7, 8, 9, 10, 11, 12
LIT, INCIDENT, EMITTED, EARTHLIT = 13, 14, 15, 16
ANGLE, TURN, COMMON, MU0E, MUE, LOG_I, LOG_E = 17, 18, 19, 20, 21, 22, 23
ALBEDO, LOBE, DETAIL, FX, FY, MAPS = 24, 25, 26, 27, 28, 29
"""Slots of the work array: what the layer holds; what relief and geometry make of it; what one lamp makes of that; one
band's values. From MAPS on: the cell table's values, then the albedo map's."""


@njit(cache=True, inline="always", error_model="numpy", fastmath=FAST)
def slot(work, number):  # type: ignore[no-untyped-def]
    """Return the view (CHUNK,) of a slot."""
    return work[number * CHUNK : (number + 1) * CHUNK]


@njit(cache=True, error_model="numpy", fastmath=FAST)
def tilt_chunk(work, sun, earth, observer, radius):  # type: ignore[no-untyped-def]
    """Turn the cosines of one chunk to the tilted ground; no branch."""
    for j in range(CHUNK):
        sin_lat, cos_lat = sine_cosine(work[LAT * CHUNK + j])
        sin_lon, cos_lon = sine_cosine(work[LON * CHUNK + j])
        x = cos_lat * cos_lon
        y = cos_lat * sin_lon
        vx = observer[0] - radius * x
        vy = observer[1] - radius * y
        vz = observer[2] - radius * sin_lat
        norm = 1.0 / math.sqrt(vx * vx + vy * vy + vz * vz)
        vx *= norm
        vy *= norm
        vz *= norm
        east = work[EAST * CHUNK + j]
        north = work[NORTH * CHUNK + j]
        m = tilted_cosine(work[VIEW * CHUNK + j], vx, vy, vz, sin_lat, cos_lat, sin_lon, cos_lon, east, north)
        m0 = tilted_cosine(
            work[SUN * CHUNK + j], sun[0], sun[1], sun[2], sin_lat, cos_lat, sin_lon, cos_lon, east, north
        )
        me = x * earth[0] + y * earth[1] + sin_lat * earth[2]
        work[EARTH * CHUNK + j] = tilted_cosine(
            me, earth[0], earth[1], earth[2], sin_lat, cos_lat, sin_lon, cos_lon, east, north
        )
        work[EARTH_PHASE * CHUNK + j] = min(1.0, max(-1.0, vx * earth[0] + vy * earth[1] + vz * earth[2]))
        work[EMITTED * CHUNK + j] = min(1.0, max(m, LEAST_COSINE))
        work[INCIDENT * CHUNK + j] = min(1.0, m0)
        work[X * CHUNK + j] = x
        work[Y * CHUNK + j] = y
        work[Z * CHUNK + j] = sin_lat


@njit(cache=True, error_model="numpy", fastmath=FAST)
def light_chunk(work, relief_m, tops, exaggeration, cast, sun, radius, earthlit):  # type: ignore[no-untyped-def]
    """Write what part of each sample the Sun and the Earth reach; tell (any sunlit, any lit by the Earth)."""
    any_sun = False
    any_earth = False
    for j in range(CHUNK):
        cover = work[COVER * CHUNK + j]
        sine = work[SUN * CHUNK + j]
        m0 = work[INCIDENT * CHUNK + j]
        lit = cover
        shade = 1.0
        if exaggeration > 0.0 and cast and cover > 0.0 and LEAST_SUN < sine < LOW_SUN and m0 > -SUN_RADIUS_RAD:
            lat = work[LAT * CHUNK + j]
            lon = work[LON * CHUNK + j]
            row = min(tops.shape[0] - 1, int((0.5 - lat / math.pi) * tops.shape[0]))
            column = min(tops.shape[1] - 1, int((0.5 + lon / (2.0 * math.pi)) * tops.shape[1]))
            shade = sun_above_skyline(
                relief_m,
                tops[row, column, 0],
                tops[row, column, 1],
                exaggeration,
                radius,
                work[X * CHUNK + j],
                work[Y * CHUNK + j],
                work[Z * CHUNK + j],
                sine,
                sun,
                SUN_RADIUS_RAD,
                height_at(relief_m, lat, lon),
            )
        lit *= shade
        if sine < LOW_SUN:
            if m0 < SUN_RADIUS_RAD:
                m0 = soft_cosine(m0, SUN_RADIUS_RAD)
            if cover <= 0.0 or m0 <= 0.0 or sine < LEAST_SUN:
                lit = 0.0
            elif exaggeration > 0.0 and not cast:
                lit *= disc_above(sine / SUN_RADIUS_RAD)
            # Unlit ground takes part in the vector arithmetic below with no weight.
            m0 = max(m0, LEAST_COSINE)
        any_sun = any_sun or lit > 0.0
        work[INCIDENT * CHUNK + j] = max(m0, 1e-6)
        work[LIT * CHUNK + j] = lit
        night = cover if earthlit and sine < EARTHSHINE_BELOW and work[EARTH * CHUNK + j] > 0.0 else 0.0
        any_earth = any_earth or night > 0.0
        work[EARTHLIT * CHUNK + j] = night
    return any_sun, any_earth


@njit(cache=True, error_model="numpy", fastmath=FAST)
def read_table(work, cells, table, values):  # type: ignore[no-untyped-def]
    """Write all values of a table (cells, channels) at the cells found; ``values`` (channels,) is scratch.

    Channels run innermost: they lie side by side in memory, so that a few registers hold them all.
    """
    one = np.float32(1.0)
    for j in range(CHUNK):
        a = cells[0, j]
        b = cells[1, j]
        c = cells[2, j]
        d = cells[3, j]
        fx = np.float32(work[FX * CHUNK + j])
        fy = np.float32(work[FY * CHUNK + j])
        wa = (one - fx) * (one - fy)
        wb = fx * (one - fy)
        wc = (one - fx) * fy
        wd = fx * fy
        for k in range(table.shape[1]):
            values[k] = wa * table[a, k] + wb * table[b, k] + wc * table[c, k] + wd * table[d, k]
        for k in range(table.shape[1]):
            work[(MAPS + k) * CHUNK + j] = values[k]


@njit(cache=True, error_model="numpy", fastmath=FAST)
def read_maps(work, cells, values, table, table_shape, albedo, albedo_shape):  # type: ignore[no-untyped-def]
    """Write the values of the cell table and the detail of the albedo map for one chunk."""
    deep = table.shape[1]
    channels = albedo_shape[2]
    fx, fy = slot(work, FX), slot(work, FY)
    find_cells(slot(work, LAT), slot(work, LON), table_shape[0], table_shape[1], cells, fx, fy)
    read_table(work, cells, table, values)
    find_cells(slot(work, LAT), slot(work, LON), albedo_shape[0], albedo_shape[1], cells, fx, fy)
    for c in range(channels):
        read_channel(cells, fx, fy, albedo, channels, c, slot(work, MAPS + deep + c))
        # The last values of the table are the means that the albedo map is divided by.
        mean = (MAPS + deep - channels + c) * CHUNK
        fine = (MAPS + deep + c) * CHUNK
        for j in range(CHUNK):
            work[DETAIL * CHUNK + j] = work[mean + j]
        for j in range(CHUNK):
            ratio = work[fine + j] / max(work[DETAIL * CHUNK + j], 1e-6)
            work[fine + j] = min(MOST_DETAIL, max(LEAST_DETAIL, ratio))


@njit(cache=True, error_model="numpy", fastmath=FAST)
def lamp_chunk(work, cosine_slot, phase_slot, amount_slot, tangent, chi):  # type: ignore[no-untyped-def]
    """Write what all bands share of the light of one lamp."""
    # To slots that are constants: the compiler has to see that nothing overlaps.
    for j in range(CHUNK):
        work[ANGLE * CHUNK + j] = work[cosine_slot * CHUNK + j]
    for j in range(CHUNK):
        work[TURN * CHUNK + j] = work[phase_slot * CHUNK + j]
    for j in range(CHUNK):
        work[COMMON * CHUNK + j] = work[amount_slot * CHUNK + j]
    for j in range(CHUNK):
        mu0e, mue, shadow = rough_terms(
            max(work[ANGLE * CHUNK + j], 1e-6), work[EMITTED * CHUNK + j], work[TURN * CHUNK + j], tangent, chi
        )
        work[COMMON * CHUNK + j] *= 0.25 * shadow * mu0e / (mu0e + mue)
        work[MU0E * CHUNK + j] = mu0e
        work[MUE * CHUNK + j] = mue
    for j in range(CHUNK):
        work[LOG_I * CHUNK + j] = log_term(work[MU0E * CHUNK + j])
        work[LOG_E * CHUNK + j] = log_term(work[MUE * CHUNK + j])


@njit(cache=True, error_model="numpy", fastmath=FAST)
def band_chunk(work, out, band, slots, lobe_slot, deep, mix, gain):  # type: ignore[no-untyped-def]
    """Write the light of one lamp in one band to ``out`` (CHUNK,); ``lobe_slot`` < 0 evaluates the lobe here."""
    base = (MAPS + slots * band) * CHUNK
    for j in range(CHUNK):
        work[ALBEDO * CHUNK + j] = work[base + j]
    if lobe_slot < 0:
        for j in range(CHUNK):
            out[j] = lobe(
                work[TURN * CHUNK + j],
                work[base + CHUNK + j],
                work[base + 2 * CHUNK + j],
                work[base + 3 * CHUNK + j],
                work[base + 4 * CHUNK + j],
            )
        for j in range(CHUNK):
            work[LOBE * CHUNK + j] = out[j]
    else:
        for j in range(CHUNK):
            work[LOBE * CHUNK + j] = work[base + lobe_slot * CHUNK + j]
    for j in range(CHUNK):
        work[DETAIL * CHUNK + j] = 0.0
    for c in range(mix.shape[1]):
        weight = gain * mix[band, c]
        if weight != 0.0:
            for j in range(CHUNK):
                out[j] = weight * work[(MAPS + deep + c) * CHUNK + j]
            for j in range(CHUNK):
                work[DETAIL * CHUNK + j] += out[j]
    for j in range(CHUNK):
        w = work[ALBEDO * CHUNK + j]
        more = multiple(
            w,
            work[MU0E * CHUNK + j],
            work[MUE * CHUNK + j],
            work[LOG_I * CHUNK + j],
            work[LOG_E * CHUNK + j],
        )
        out[j] = work[COMMON * CHUNK + j] * work[DETAIL * CHUNK + j] * w * (work[LOBE * CHUNK + j] + more)


@njit(cache=True, parallel=True, error_model="numpy", fastmath=FAST)
def shade_radiometric(  # type: ignore[no-untyped-def]
    coverage,
    lat,
    lon,
    mu0,
    mu,
    cos_phase,
    visible_sun,
    table,
    table_shape,
    slots,
    albedo,
    albedo_shape,
    mix,
    gains,
    slopes,
    slopes_shape,
    relief_m,
    tops,
    exaggeration,
    cast,
    sun,
    earth,
    earthlit,
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
        table: (cells, slots bands + channels) from `fill_cells`, or with the parameters themselves (slots = 5).
        table_shape: rows and columns of its cells.
        slots: values a band in the table: 2, 3 with earthshine, 5 for the parameters.
        albedo: flat level of the albedo map.
        albedo_shape: (H, W, channels).
        mix: (bands, channels) weights of the map's channels in each band.
        gains: (bands,) disc factor.
        slopes: flat level of the east and north gradients.
        slopes_shape: (H, W, 2).
        relief_m: (H, W) level of the heights, m.
        tops: from `terraluna.render.moon.castshadow.skyline_tops_km`.
        exaggeration: factor on slopes and heights, 0..1; 0 for a smooth sphere.
        cast: draw the shadows that the relief casts.
        sun: (3,) unit vector to the Sun, body-fixed.
        earth: (3,) unit vector to the Earth; any where not ``earthlit``.
        earthlit: the Earth lights the night.
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
    deep = table.shape[1]
    chunks = (columns + CHUNK - 1) // CHUNK
    for i in prange(rows):
        work = np.zeros((MAPS + deep + channels) * CHUNK)
        out = np.empty(CHUNK)
        cells = np.empty((4, CHUNK), dtype=np.uint64)
        values = np.empty(deep, dtype=np.float32)
        for chunk in range(chunks):
            start = chunk * CHUNK
            count = min(CHUNK, columns - start)
            any_seen = False
            for j in range(CHUNK):
                seen = j < count and coverage[i, start + min(j, count - 1)] > 0.0
                any_seen = any_seen or seen
                k = start + min(j, count - 1)
                work[COVER * CHUNK + j] = coverage[i, k] if seen else 0.0
                work[LAT * CHUNK + j] = lat[i, k] if seen else 0.0
                work[LON * CHUNK + j] = lon[i, k] if seen else 0.0
                work[SUN * CHUNK + j] = mu0[i, k] if seen else -1.0
                work[VIEW * CHUNK + j] = mu[i, k] if seen else 0.5
                work[PHASE * CHUNK + j] = cos_phase[i, k] if seen else 0.0
            any_sun = False
            any_earth = False
            if any_seen:
                if relief:
                    fx, fy = slot(work, FX), slot(work, FY)
                    find_cells(slot(work, LAT), slot(work, LON), slopes_shape[0], slopes_shape[1], cells, fx, fy)
                    read_channel(cells, fx, fy, slopes, 2, 0, slot(work, EAST))
                    read_channel(cells, fx, fy, slopes, 2, 1, slot(work, NORTH))
                    for j in range(CHUNK):
                        work[EAST * CHUNK + j] *= exaggeration
                        work[NORTH * CHUNK + j] *= exaggeration
                tilt_chunk(work, sun, earth, observer, radius)
                any_sun, any_earth = light_chunk(work, relief_m, tops, exaggeration, cast, sun, radius, earthlit)
            if not (any_sun or any_earth):
                for j in range(count):
                    for b in range(bands):
                        radiance[i, start + j, b] = 0.0
                continue
            read_maps(work, cells, values, table, table_shape, albedo, albedo_shape)
            lamp_chunk(work, INCIDENT, PHASE, LIT, tangent, chi)
            for b in range(bands):
                band_chunk(work, out, b, slots, -1 if slots == 5 else 1, deep, mix, gains[b])
                if shadowed:
                    of = b if visible_sun.shape[2] > 1 else 0
                    for j in range(count):
                        out[j] *= visible_sun[i, start + j, of]
                for j in range(count):
                    radiance[i, start + j, b] = out[j]
            if any_earth:
                lamp_chunk(work, EARTH, EARTH_PHASE, EARTHLIT, tangent, chi)
                for b in range(bands):
                    band_chunk(work, out, b, slots, -1 if slots == 5 else 2, deep, mix, earth_gains[b])
                    for j in range(count):
                        radiance[i, start + j, b] += out[j]

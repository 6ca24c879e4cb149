"""The kernel: each sample's place in the frame's tables, the maps below it, the glint, and the limb above."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from terraluna.render.angles import map_cells
from terraluna.render.compiling import FAST
from terraluna.render.earth.grid import COVER_NODES, NIGHT, SUN_NODES, VIEW_NODES, sun_place, view_place
from terraluna.render.earth.ocean import fresnel, glint_shape
from terraluna.render.earth.shell import LIMB_NODES, LIMB_STEP_KM
from terraluna.render.maps import FULL_SCALE


@njit(cache=True, inline="always", error_model="numpy", fastmath=FAST)
def map_value(flat, height, width, channels, channel, cells):  # type: ignore[no-untyped-def]
    """Return a bilinear value of a flattened map of 16-bit numbers; unsigned indices need no test for wrapping."""
    i0, i1, j0, j1, fy, fx = cells
    a = np.uint64((i0 * width + j0) * channels + channel)
    b = np.uint64((i0 * width + j1) * channels + channel)
    c = np.uint64((i1 * width + j0) * channels + channel)
    d = np.uint64((i1 * width + j1) * channels + channel)
    upper = (1.0 - fx) * np.int32(flat[a]) + fx * np.int32(flat[b])
    lower = (1.0 - fx) * np.int32(flat[c]) + fx * np.int32(flat[d])
    return ((1.0 - fy) * upper + fy * lower) * (1.0 / FULL_SCALE)


@njit(cache=True, inline="always", error_model="numpy", fastmath=FAST)
def look_up(flat, k, i, j, c, fi, fj, fc, index, scale, out):  # type: ignore[no-untyped-def]
    """Add the value of a (k, suns, views, covers, bands) table, trilinear, times ``scale`` to ``out``.

    ``index`` is a tuple, one value a band: its length is known when this is compiled.
    """
    bands = len(index)
    column = COVER_NODES * bands
    row = VIEW_NODES * column
    s00 = np.uint64((k * SUN_NODES + i) * row + j * column + c * bands)
    s01 = s00 + np.uint64(column)
    s10 = s00 + np.uint64(row)
    s11 = s10 + np.uint64(column)
    step = np.uint64(bands)
    w11 = scale * fi * fj
    w10 = scale * fi - w11
    w01 = scale * fj - w11
    w00 = scale - scale * fi - w01
    low = 1.0 - fc
    for b in range(bands):
        q = np.uint64(b)
        thin = w00 * flat[s00 + q] + w01 * flat[s01 + q] + w10 * flat[s10 + q] + w11 * flat[s11 + q]
        q += step
        thick = w00 * flat[s00 + q] + w01 * flat[s01 + q] + w10 * flat[s10 + q] + w11 * flat[s11 + q]
        out[b] += low * thin + fc * thick


@njit(cache=True, inline="always", error_model="numpy", fastmath=FAST)
def side_value(flat, i, c, fi, fc, bands, b):  # type: ignore[no-untyped-def]
    """Return the value of a flattened (angles, covers, bands) table in one band, bilinear."""
    start = np.uint64((i * COVER_NODES + c) * bands + b)
    step = np.uint64(bands)
    row = np.uint64(COVER_NODES * bands)
    lower = (1.0 - fc) * flat[start] + fc * flat[start + step]
    return (1.0 - fi) * lower + fi * ((1.0 - fc) * flat[start + row] + fc * flat[start + row + step])


@njit(cache=True, error_model="numpy", fastmath=FAST)
def limb_sum(flat, start, stride, height, b):  # type: ignore[no-untyped-def]
    """Return a running sum over height at ``height``: nodes every `LIMB_STEP_KM`, ``stride`` apart."""
    x = min(max(height / LIMB_STEP_KM, 0.0), LIMB_NODES - 1.000001)
    a = int(x)
    f = x - a
    return (1.0 - f) * flat[start + a * stride + b] + f * flat[start + (a + 1) * stride + b]


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
    land_shape,
    water,
    water_shape,
    clouds,
    cloud_shape,
    phases,
    over_land,
    over_sea,
    arriving,
    leaving,
    back,
    beam,
    gaze,
    limb,
    limb_opacity,
    index,
    variance,
    pixel,
    radiance,
    opacity,
):
    """Write the Earth's radiance factor and opacity; rows in parallel, no reduction.

    Args:
        coverage: (and the six after it) the layer's arrays.
        sun: (h, w, n) visible Sun, or empty.
        land: flattened (rows, columns, bands) reflectance in 1 / `FULL_SCALE`; water and clouds likewise without bands.
        land_shape: rows, columns of the map; water_shape, cloud_shape likewise.
        phases: (and the ten after it) `lut.FrameTables`, arrays flattened.
        variance: mean square slope of the sea.
        pixel: size of a sample, km.
        radiance: (h, w, bands), written.
        opacity: (h, w), written.
    """
    rows, columns = coverage.shape
    bands = len(index)
    shadowed = sun.size > 0
    count = phases.size
    first = phases[0]
    per_phase = (count - 1.0) / (phases[count - 1] - first) if count > 1 else 0.0
    land_rows, land_columns = land_shape
    water_rows, water_columns = water_shape
    cloud_rows, cloud_columns = cloud_shape
    for r in prange(rows):
        out = np.zeros(bands)
        for s in range(columns):
            area = coverage[r, s]
            opacity[r, s] = area
            m0 = mu0[r, s]
            above = height[r, s] + 0.5 * pixel
            shell = area < 1.0 and above > 0.0 and above < 1.0e8
            if m0 <= NIGHT or (area <= 0.0 and not shell):
                for b in range(bands):
                    radiance[r, s, b] = 0.0
                if not shell:
                    continue
            for b in range(bands):
                out[b] = 0.0
            k = 0
            fk = 0.0
            if count > 1:
                x = (math.acos(min(1.0, max(-1.0, cos_phase[r, s]))) - first) * per_phase
                x = min(max(x, 0.0), count - 1.000001)
                k = int(x)
                fk = x - k
            x = sun_place(m0)
            i = int(x)
            fi = x - i
            if area > 0.0 and m0 > NIGHT:
                m = mu[r, s]
                x = view_place(m)
                j = int(x)
                fj = x - j
                phi = lat[r, s]
                lam = lon[r, s]
                cells = map_cells(water_rows, water_columns, phi, lam)
                wet = map_value(water, water_rows, water_columns, 1, 0, cells)
                if cloud_columns != water_columns or cloud_rows != water_rows:
                    cells = map_cells(cloud_rows, cloud_columns, phi, lam)
                x = map_value(clouds, cloud_rows, cloud_columns, 1, 0, cells)
                x = min(max(x, 0.0), 1.0) * (COVER_NODES - 1.000001)
                c = int(x)
                fc = x - c
                if wet > 0.0:
                    look_up(over_sea, k, i, j, c, fi, fj, fc, index, wet * (1.0 - fk), out)
                    if fk > 0.0:
                        look_up(over_sea, k + 1, i, j, c, fi, fj, fc, index, wet * fk, out)
                    if m0 > 0.0:
                        glint = wet * glint_shape(m0, m, cos_phase[r, s], variance)
                        if glint > 0.0:
                            meet = math.sqrt(max(0.0, 0.5 + 0.5 * cos_phase[r, s]))
                            for b in range(bands):
                                passed = side_value(beam, i, c, fi, fc, bands, b) * side_value(
                                    gaze, j, c, fj, fc, bands, b
                                )
                                out[b] += glint * fresnel(meet, index[b]) * passed
                if wet < 1.0:
                    dry = 1.0 - wet
                    look_up(over_land, k, i, j, c, fi, fj, fc, index, dry * (1.0 - fk), out)
                    if fk > 0.0:
                        look_up(over_land, k + 1, i, j, c, fi, fj, fc, index, dry * fk, out)
                    cells = map_cells(land_rows, land_columns, phi, lam)
                    for b in range(bands):
                        ground = map_value(land, land_rows, land_columns, bands, b, cells)
                        sent = side_value(arriving, i, c, fi, fc, bands, b) * side_value(
                            leaving, j, c, fj, fc, bands, b
                        )
                        again = (1.0 - fc) * back[c * bands + b] + fc * back[(c + 1) * bands + b]
                        out[b] += dry * sent * ground / (1.0 - again * ground)
                for b in range(bands):
                    out[b] *= area
            if shell:
                low = max(0.0, height[r, s] - 0.5 * pixel)
                dark = limb_sum(limb_opacity, 0, 1, above, 0) - limb_sum(limb_opacity, 0, 1, low, 0)
                opacity[r, s] = min(1.0, area + dark / pixel)
                if m0 > NIGHT:
                    size = LIMB_NODES * bands
                    for q in range(2):
                        part = 1.0 - fk if q == 0 else fk
                        if part == 0.0:
                            continue
                        start = ((k + q) * SUN_NODES + i) * size
                        for b in range(bands):
                            one = limb_sum(limb, start, bands, above, b) - limb_sum(limb, start, bands, low, b)
                            two = limb_sum(limb, start + size, bands, above, b) - limb_sum(
                                limb, start + size, bands, low, b
                            )
                            out[b] += part * ((1.0 - fi) * one + fi * two) / pixel
            for b in range(bands):
                light = out[b]
                if shadowed:
                    light *= sun[r, s, b if sun.shape[2] > 1 else 0]
                radiance[r, s, b] = light

"""The kernel: each sample's place in the frame's tables, the maps below it, the glint, and the limb above.

What needs no branch runs on vector registers, a chunk of samples at a time; the tables are read one sample after the
other.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from terraluna.render.angles import find_cells, four_values, read_channel
from terraluna.render.compiling import FAST
from terraluna.render.earth.grid import COVER_NODES, NIGHT, SUN_NODES, VIEW_NODES, sun_place, view_place
from terraluna.render.earth.ocean import crest_shadow, facet_light, fresnel
from terraluna.render.earth.shell import LIMB_NODES, LIMB_STEP_KM
from terraluna.render.pyramid import FULL_SCALE

CHUNK = 128
"""Samples worked on at a time."""

LAT, LON, MU0, MU, COS_PHASE, SUN, VIEW, COVER, WET, GLINT, MEET, FX, FY, SLOTS = range(14)
"""Rows of the work array: what the layer holds, the places among the tables' nodes, what lies there. From SLOTS on: the
mirror's reflectance in each band."""


@njit(cache=True, error_model="numpy", fastmath=FAST)
def take_row(source, target):  # type: ignore[no-untyped-def]
    """Copy part of a row to the beginning of a row of the work array."""
    for j in range(source.size):
        target[j] = source[j]


@njit(cache=True, error_model="numpy", fastmath=FAST)
def place_chunk(work, variance, index):  # type: ignore[no-untyped-def]
    """Fill in what angles alone decide; no branch but for the glint."""
    mu0 = work[MU0]
    mu = work[MU]
    cos_phase = work[COS_PHASE]
    sun = work[SUN]
    view = work[VIEW]
    glint = work[GLINT]
    meet = work[MEET]
    for j in range(CHUNK):
        sun[j] = sun_place(mu0[j])
    for j in range(CHUNK):
        view[j] = view_place(mu[j])
    for j in range(CHUNK):
        glint[j] = facet_light(mu0[j], mu[j], cos_phase[j], variance)
    shining = 0
    for j in range(CHUNK):
        shining += glint[j] > 0.0
    if shining > 0:
        for j in range(CHUNK):
            meet[j] = math.sqrt(max(0.0, 0.5 + 0.5 * cos_phase[j]))
        for b in range(len(index)):
            mirror = work[SLOTS + b]
            for j in range(CHUNK):
                mirror[j] = fresnel(meet[j], index[b])
        for j in range(CHUNK):
            if glint[j] > 0.0:
                glint[j] *= crest_shadow(mu0[j], mu[j], variance)


@njit(cache=True, error_model="numpy", fastmath=FAST)
def read_shares(work, cells, water, water_shape, clouds, cloud_shape):  # type: ignore[no-untyped-def]
    """Read water and clouds of a chunk."""
    find_cells(work[LAT], work[LON], water_shape[0], water_shape[1], cells, work[FX], work[FY])
    read_channel(cells, work[FX], work[FY], water, 1, 0, work[WET])
    if cloud_shape[0] != water_shape[0] or cloud_shape[1] != water_shape[1]:
        find_cells(work[LAT], work[LON], cloud_shape[0], cloud_shape[1], cells, work[FX], work[FY])
    read_channel(cells, work[FX], work[FY], clouds, 1, 0, work[COVER])
    wet = work[WET]
    cover = work[COVER]
    for j in range(CHUNK):
        wet[j] *= 1.0 / FULL_SCALE
    for j in range(CHUNK):
        cover[j] = min(max(cover[j] * (1.0 / FULL_SCALE), 0.0), 1.0) * (COVER_NODES - 1.000001)


@njit(cache=True, inline="always", error_model="numpy", fastmath=FAST)
def split(place):  # type: ignore[no-untyped-def]
    """Return the node below a place >= 0 and the distance to it."""
    node = int(place)
    return node, place - node


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
    a, f = split(min(max(height / LIMB_STEP_KM, 0.0), LIMB_NODES - 1.000001))
    return (1.0 - f) * flat[start + a * stride + b] + f * flat[start + (a + 1) * stride + b]


@njit(cache=True, error_model="numpy", fastmath=FAST)
def add_limb(limb, k, fk, place, height, pixel, out):  # type: ignore[no-untyped-def]
    """Add the mean light over a sample of what lies above the ellipsoid.

    Args:
        limb: flattened (phases, suns, heights, bands) table.
        k, fk: place among the phase angles.
        place: place among the Sun nodes.
        height: of the sample's middle, km.
        pixel: its size, km.
        out: (bands,), updated.
    """
    bands = out.size
    i, fi = split(place)
    above = height + 0.5 * pixel
    low = max(0.0, height - 0.5 * pixel)
    size = LIMB_NODES * bands
    for q in range(2):
        part = 1.0 - fk if q == 0 else fk
        if part == 0.0:
            continue
        start = ((k + q) * SUN_NODES + i) * size
        for b in range(bands):
            one = limb_sum(limb, start, bands, above, b) - limb_sum(limb, start, bands, low, b)
            two = limb_sum(limb, start + size, bands, above, b) - limb_sum(limb, start + size, bands, low, b)
            out[b] += part * ((1.0 - fi) * one + fi * two) / pixel


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
    count = phases.size
    first = phases[0]
    per_phase = (count - 1.0) / (phases[count - 1] - first) if count > 1 else 0.0
    chunks = (columns + CHUNK - 1) // CHUNK
    for r in prange(rows):
        out = np.zeros(bands)
        work = np.zeros((SLOTS + bands, CHUNK))
        cells = np.empty((4, CHUNK), dtype=np.uint64)
        for chunk in range(chunks):
            start = chunk * CHUNK
            size = min(CHUNK, columns - start)
            lit = False
            dry = False
            for j in range(size):
                lit |= coverage[r, start + j] > 0.0 and mu0[r, start + j] > NIGHT
            if lit:
                take_row(lat[r, start : start + size], work[LAT])
                take_row(lon[r, start : start + size], work[LON])
                take_row(mu0[r, start : start + size], work[MU0])
                take_row(mu[r, start : start + size], work[MU])
                take_row(cos_phase[r, start : start + size], work[COS_PHASE])
                place_chunk(work, variance, index)
                read_shares(work, cells, water, water_shape, clouds, cloud_shape)
                for j in range(size):
                    dry |= work[WET, j] < 1.0
                if dry:
                    find_cells(work[LAT], work[LON], land_shape[0], land_shape[1], cells, work[FX], work[FY])
            for j in range(size):
                s = start + j
                area = coverage[r, s]
                opacity[r, s] = area
                m0 = mu0[r, s]
                above = height[r, s] + 0.5 * pixel
                shell = area < 1.0 and above > 0.0 and above < 1.0e8
                for b in range(bands):
                    out[b] = 0.0
                if m0 > NIGHT and (area > 0.0 or shell):
                    k = 0
                    fk = 0.0
                    if count > 1:
                        x = (math.acos(min(1.0, max(-1.0, cos_phase[r, s]))) - first) * per_phase
                        k, fk = split(min(max(x, 0.0), count - 1.000001))
                    if area > 0.0:
                        i, fi = split(work[SUN, j])
                        v, fv = split(work[VIEW, j])
                        c, fc = split(work[COVER, j])
                        wet = work[WET, j]
                        if wet > 0.0:
                            look_up(over_sea, k, i, v, c, fi, fv, fc, index, wet * (1.0 - fk), out)
                            if fk > 0.0:
                                look_up(over_sea, k + 1, i, v, c, fi, fv, fc, index, wet * fk, out)
                            glint = wet * work[GLINT, j]
                            if glint > 0.0:
                                for b in range(bands):
                                    passed = side_value(beam, i, c, fi, fc, bands, b) * side_value(
                                        gaze, v, c, fv, fc, bands, b
                                    )
                                    out[b] += glint * work[SLOTS + b, j] * passed
                        if wet < 1.0:
                            share = 1.0 - wet
                            look_up(over_land, k, i, v, c, fi, fv, fc, index, share * (1.0 - fk), out)
                            if fk > 0.0:
                                look_up(over_land, k + 1, i, v, c, fi, fv, fc, index, share * fk, out)
                            for b in range(bands):
                                ground = four_values(cells, work[FX], work[FY], land, bands, b, j) * (1.0 / FULL_SCALE)
                                sent = side_value(arriving, i, c, fi, fc, bands, b) * side_value(
                                    leaving, v, c, fv, fc, bands, b
                                )
                                again = (1.0 - fc) * back[c * bands + b] + fc * back[(c + 1) * bands + b]
                                out[b] += share * sent * ground / (1.0 - again * ground)
                        for b in range(bands):
                            out[b] *= area
                    if shell:
                        add_limb(limb, k, fk, sun_place(m0), height[r, s], pixel, out)
                if shell:
                    low = max(0.0, height[r, s] - 0.5 * pixel)
                    dark = limb_sum(limb_opacity, 0, 1, above, 0) - limb_sum(limb_opacity, 0, 1, low, 0)
                    opacity[r, s] = min(1.0, area + dark / pixel)
                for b in range(bands):
                    radiance[r, s, b] = out[b]
            if sun.size > 0:
                for j in range(size):
                    for b in range(bands):
                        radiance[r, start + j, b] *= sun[r, start + j, b if sun.shape[2] > 1 else 0]

"""Electrons to numbers: shot noise, dark current, defects, full well and blooming, read noise, gain, bias, bits.

Order of the effects, as in the device: light (with pixel response and smear) and dark current -> Poisson -> cosmic rays
-> full well and blooming -> charge trails -> read noise -> gain and bias -> rounding and the converter's range.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from terraluna.errors import InputError
from terraluna.instrument.blooming import bloom
from terraluna.instrument.defects import cosmic_rays, hot_pixels, response_map
from terraluna.instrument.random import SMALL_MEAN, Seed, child, key_of, poisson_steps, seed_sequence
from terraluna.instrument.readout import add_charge, draw_charge, expose_kernel, read_charge
from terraluna.instrument.smear import SmearModel, TrailModel, smear_electrons, trail_electrons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from terraluna.camera.model import Detector

Bleed = Literal["auto", "columns", "rows", "none"]

_NOISE, _COSMIC, _TRAIL, _HOT = range(4)
_MAX_BITS = 16


@dataclass(frozen=True)
class DetectorEffects:
    """Which effects are on, and the numbers that the camera catalogue doesn't hold (all assumed).

    Attributes:
        shot: Poisson noise of light and dark current.
        dark: dark current.
        read_noise: normal noise of the amplifier.
        prnu: pixels respond unequally, by ``prnu_rms``.
        hot_pixels: a share ``hot_share`` of the pixels has more dark current, ``hot_e_s`` in the mean (exponential).
        cosmic_rays: hits at ``cosmic_cm2_s`` a square centimetre and second of exposure and ``readout_s``.
        smear: charge moved under the light (where the caller gives a model).
        trails: charge trails of short exposures (where the caller gives a model).
        full_well: a pixel holds no more than its full well.
        blooming: what a full pixel does: "columns" or "rows" (the excess runs along), "none" (it is drained), "auto"
            (columns in a CCD behind a mechanical or frame-transfer shutter or in TDI, otherwise none).
        bias: the converter's offset.
        quantise: whole numbers only; off: the numbers before rounding and range are kept too (``Exposed.value_dn``).
        saturation: the converter ends at its largest number.
        prnu_rms: deviation of the pixel response.
        hot_share: share of hot pixels.
        hot_e_s: their mean extra dark current, electrons s-1.
        cosmic_cm2_s: rate of cosmic rays.
        readout_s: time for which the charge waits unread, for cosmic rays.
        sensor_seed: makes the fixed pattern (response, hot pixels): one detector keeps it from frame to frame.
    """

    shot: bool = True
    dark: bool = True
    read_noise: bool = True
    prnu: bool = True
    hot_pixels: bool = True
    cosmic_rays: bool = True
    smear: bool = True
    trails: bool = True
    full_well: bool = True
    blooming: Bleed = "auto"
    bias: bool = True
    quantise: bool = True
    saturation: bool = True
    prnu_rms: float = 0.005
    hot_share: float = 2e-5
    hot_e_s: float = 2000.0
    cosmic_cm2_s: float = 5.0
    readout_s: float = 1.0
    sensor_seed: int = 1

    def __post_init__(self) -> None:
        for name in ("prnu_rms", "hot_share", "hot_e_s", "cosmic_cm2_s", "readout_s"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0.0):
                raise InputError(f"detector effects: {name} must be 0 or more (got {value})")
        if self.hot_share > 1.0:
            raise InputError(f"detector effects: hot_share is a share of the pixels, at most 1 (got {self.hot_share})")

    @classmethod
    def none(cls) -> DetectorEffects:
        """Every effect off but the rounding: DN = electrons / gain."""
        return cls(
            shot=False,
            dark=False,
            read_noise=False,
            prnu=False,
            hot_pixels=False,
            cosmic_rays=False,
            smear=False,
            trails=False,
            full_well=False,
            blooming="none",
            bias=False,
            saturation=False,
        )


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a detector: its first row and column, and the size of the whole."""

    row: int
    column: int
    full_rows: int
    full_columns: int


@dataclass(frozen=True, eq=False)
class Exposed:
    """What the detector makes of an exposure; arrays are (rows, columns, bands).

    Attributes:
        dn: numbers, uint16.
        value_dn: the same before rounding and before the converter's range; None unless quantising is off.
        full: pixels whose charge reached the full well, by light alone or by what ran into them.
        record: what each effect did, by effect.
    """

    dn: NDArray[np.uint16]
    value_dn: NDArray[np.float64] | None
    full: NDArray[np.bool_]
    record: dict[str, Any] = field(default_factory=dict)


def expose(
    rate_e_s: NDArray[np.float64],
    exposures_s: Sequence[float],
    detector: Detector,
    *,
    effects: DetectorEffects | None = None,
    seed: Seed = 0,
    pixel_um: float | None = None,
    smear: SmearModel | None = None,
    trails: TrailModel | None = None,
    window: Window | None = None,
) -> Exposed:
    """Expose a detector.

    Args:
        rate_e_s: (rows, columns, bands) or (rows, columns) electrons s-1 by light; each band is an exposure of its own.
        exposures_s: one a band, 0 s or more.
        detector: gain, full well, noise, bits.
        effects: what is on; None: everything.
        seed: seed, SeedSequence or Generator. Equal seeds give equal frames on any number of threads.
        pixel_um: size of a pixel, for the rate of cosmic rays; without it there are none.
        smear: how the charge moves under the light, or None.
        trails: charge trails, or None.
        window: which part of the detector this is; None: the whole. Noise and defects belong to the place on the
            detector, but smear, blooming and trails see only the window.

    Raises:
        InputError: shapes, exposures or rates that make no sense, more than 16 bits.
    """
    on = DetectorEffects() if effects is None else effects
    rate = np.asarray(rate_e_s, dtype=np.float64)
    rate = np.ascontiguousarray(rate[..., None] if rate.ndim == 2 else rate)
    times = _checked(rate, exposures_s, detector)
    rows, columns, bands = rate.shape
    place = Window(0, 0, rows, columns) if window is None else window
    sequence = seed_sequence(seed)
    record: dict[str, Any] = {}

    response = np.ones((1, 1), dtype=np.float32)
    if on.prnu and on.prnu_rms > 0.0:
        response = response_map(on.sensor_seed, on.prnu_rms, place.row, place.column, rows, columns)
        record["prnu"] = {"rms": on.prnu_rms}
    added = np.zeros((1, 1, bands))
    if on.smear and smear is not None and smear.transfer_s_per_row > 0.0:
        added = np.ascontiguousarray(smear_electrons(rate, smear))
        record["smear"] = {"kind": smear.kind, "electrons": [float(v) for v in added.sum(axis=(0, 1))]}
    dark = (detector.dark_e_s if on.dark else 0.0) * times
    if on.dark:
        record["dark"] = {"electrons_a_pixel": [float(v) for v in dark]}
    record["shot"] = {"on": on.shot}

    well = detector.full_well_e if on.full_well else np.inf
    noise = detector.read_noise_e if on.read_noise else 0.0
    offset = detector.bias_dn if on.bias else 0.0
    top = float(2**detector.bits - 1) if on.saturation else float(2**_MAX_BITS - 1)
    keys = np.array([key_of(child(sequence, _NOISE, b)) for b in range(bands)], dtype=np.uint64)
    light = (rate, times, dark, response, added, keys, place.row, place.column, on.shot, _sky_steps(dark))
    reading = (noise, 1.0 / detector.gain_e_dn, offset, well, top)
    dn = np.empty(rate.shape, dtype=np.uint16)
    full = np.zeros(rate.shape, dtype=np.bool_)
    over, bad = expose_kernel(*light, *reading, dn, full)
    if bad:
        raise InputError("electron rates must be finite and not negative: check the picture that was given")

    extras = _extras(on, sequence, times, pixel_um, place, rows, columns, record)
    bleed = _bleed(on.blooming, detector)
    with_trails = on.trails and trails is not None and float(times.min()) < trails.limit_s
    if extras[0].size:
        add_charge(*light, *reading, dn, full, *extras, over)
    special = over.copy()
    if with_trails or not on.quantise or (bleed == "rows" and over.any()):
        special[:] = True
    chosen = np.flatnonzero(special)
    value = None
    if chosen.size:
        # These columns need more than their own pixels: draw their charge again (the same numbers come) and finish it.
        charge = draw_charge(*light, chosen)
        _add_extras(charge, *extras, chosen, columns)
        if on.full_well and bleed != "none":
            lost = [bloom(charge[:, :, b], well, along=bleed) for b in range(bands)]
            record["blooming"] = {"along": bleed, "lost_electrons": lost}
        if with_trails and trails is not None:
            np.minimum(charge, well, out=charge)
            for b in range(bands):
                stream = np.random.default_rng(child(sequence, _TRAIL, b))
                charge[:, :, b] += trail_electrons(charge[:, :, b], float(times[b]), trails, stream)
            record["trails"] = {"below_s": trails.limit_s}
        read_charge(charge, chosen, keys, place.row, place.column, *reading, dn, full)
        value = None if on.quantise else charge
    if on.full_well:
        record["full_well"] = {
            "electrons": well,
            "pixels": [int(np.count_nonzero(full[:, :, b])) for b in range(bands)],
        }
    record |= {"read_noise": {"electrons": noise}, "bias": {"dn": offset}, "range": {"largest_dn": top}}
    return Exposed(dn, value, full, record)


def _sky_steps(dark: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `poisson_steps` of each band's dark charge, (bands, n), filled up with numbers that no draw reaches."""
    steps = [poisson_steps(float(mean)) if mean < SMALL_MEAN else np.empty(0) for mean in dark]
    out = np.ones((len(steps), max(row.size for row in steps)))
    for row, known in zip(out, steps, strict=True):
        row[: known.size] = known
    return out


_Extras = tuple["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.float64]"]


def _extras(
    on: DetectorEffects,
    sequence: np.random.SeedSequence,
    times: NDArray[np.float64],
    pixel_um: float | None,
    place: Window,
    rows: int,
    columns: int,
    record: dict[str, Any],
) -> _Extras:
    """Return charge that single pixels get beside light and dark current: rows, columns, bands, electrons (n,) each.

    A pixel may come more than once; its entries follow each other.
    """
    out: list[tuple[NDArray[np.int64], NDArray[np.int64], int, NDArray[np.float64]]] = []
    if on.hot_pixels and on.dark and on.hot_share > 0.0:
        y, x, extra = hot_pixels(on.sensor_seed, on.hot_share, on.hot_e_s, place, rows, columns)
        for b, t in enumerate(times):
            mean = extra * t
            stream = np.random.default_rng(child(sequence, _HOT, b))
            out.append((y, x, b, stream.poisson(mean).astype(np.float64) if on.shot else mean))
        record["hot_pixels"] = {"count": int(y.size)}
    if on.cosmic_rays and pixel_um is not None:
        hits = []
        for b, t in enumerate(times):
            stream = np.random.default_rng(child(sequence, _COSMIC, b))
            y, x, extra, count = cosmic_rays(
                (rows, columns), stream, on.cosmic_cm2_s * (float(t) + on.readout_s), pixel_um, place
            )
            out.append((y, x, b, extra))
            hits.append(count)
        record["cosmic_rays"] = {"hits": hits}
    none = np.zeros(0, dtype=np.int64)
    i, j = (np.concatenate([none, *(part[k] for part in out)]) for k in (0, 1))
    band = np.concatenate([none, *(np.full(part[0].size, part[2]) for part in out)])
    electrons = np.concatenate([np.zeros(0), *(part[3] for part in out)])
    order = np.lexsort((band, j, i))
    return i[order], j[order], band[order], electrons[order]


def _add_extras(
    charge: NDArray[np.float64],
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    band: NDArray[np.int64],
    electrons: NDArray[np.float64],
    chosen: NDArray[np.int64],
    columns: int,
) -> None:
    """Add the charge of the entries in chosen columns."""
    index = np.full(columns, -1)
    index[chosen] = np.arange(chosen.size)
    here = index[j] >= 0
    np.add.at(charge, (i[here], index[j[here]], band[here]), electrons[here])


def clip_electrons(detector: Detector) -> float:
    """Return the electrons from which a pixel's number means nothing: full well, or the largest useful DN."""
    largest = min(detector.saturation_dn, float(2**detector.bits - 1))
    return float(min(detector.full_well_e, (largest - detector.bias_dn) * detector.gain_e_dn))


def _bleed(blooming: Bleed, detector: Detector) -> Literal["columns", "rows", "none"]:
    if blooming != "auto":
        return blooming
    return "columns" if detector.shutter in ("mechanical", "frame-transfer", "tdi") else "none"


def _checked(rate: NDArray[np.float64], exposures_s: Sequence[float], detector: Detector) -> NDArray[np.float64]:
    times = np.atleast_1d(np.asarray(exposures_s, dtype=np.float64))
    if rate.ndim != 3 or rate.size == 0 or times.shape != (rate.shape[2],):
        raise InputError(f"a picture of shape {rate.shape} needs one exposure a band (got {times.size})")
    for t in times:
        if not (np.isfinite(t) and t >= 0.0):
            raise InputError(f"an exposure must be 0 s or more (got {t:g} s)")
    if not 1 <= detector.bits <= _MAX_BITS:
        raise InputError(f"a converter of {detector.bits} bits does not fit DN of {_MAX_BITS} bits")
    return times

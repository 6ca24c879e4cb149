"""From stored counts to a physical unit, step by step in the order of CCDProc.

Order: look-up table undone, saturation masked, bias subtracted, noise modelled, smear removed, dark (scaled by the
exposure) subtracted, divided by the flat (normalised to mean 1), gain applied, cosmic rays and charge trails masked,
radiometric scale applied. A step without its calibration is left out, a step that the label says was done already is
not done twice, and the history says which were done. The raw frame is never changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from terraluna.errors import InputError
from terraluna.frames.observation import CalibratedFrame, HeaderWarning, Observation, RawFrame
from terraluna.frames.smear import SmearKind, mask_charge_trails, remove_smear, sky_level, smear_from_sky
from terraluna.frames.values import find, number

Floats = NDArray[np.float64]

ONC_GAIN_E_DN: Final = {"ONC-T": 20.95, "ONC-W1": 20.86, "ONC-W2": 20.11}
"""Electrons a count (ONC archive, hyb2_onc_c_elec_20190131.db)."""

ONC_TRANSFER_S: Final = {"ONC-T": 7.460e-6, "ONC-W1": 7.000e-6, "ONC-W2": 7.200e-6}
"""Time to move the charge by one row, s (same file)."""

EPIC_REFLECTANCE: Final = {
    "317": 1.216e-4, "325": 1.111e-4, "340": 1.975e-5, "388": 2.685e-5, "443": 8.34e-6, "551": 6.66e-6,
    "680": 9.3e-6, "688": 2.02e-5, "687": 2.02e-5, "764": 2.36e-5, "780": 1.435e-5, "779": 1.435e-5,
}  # fmt: skip
"""Reflectance a count per second by band (DSCOVR EPIC calibration factors, version 3, ASDC)."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """What is known of a detector; every part may be missing.

    Attributes:
        bias_dn: bias level or frame, DN; ``sky`` takes the level of the frame's own sky.
        dark_dn_s: dark signal, DN per second of exposure, a number or a frame.
        flat: (rows, columns) flat field in any scale.
        bad_pixels: (rows, columns), True where the detector has a bad pixel.
        gain_e_dn: electrons a count.
        read_noise_e: read noise, electrons.
        saturation_dn: counts from which a pixel is saturated.
        transfer_s: time to move the charge by one row, s, for cameras that smear.
        smear: ``model`` (exact, needs unsaturated columns), ``sky`` (from sky rows), ``auto`` (the model where the
            column has no masked pixel, the sky elsewhere) or ``none``.
        smear_kind: which rows smear into a pixel.
        cosmic_sigma: detection limit for cosmic rays, or None to leave them.
        trails_dn: signal above bias from which charge overflows along the column, or None.
        scale: value in ``scale_unit`` of one count per second, or None.
        scale_unit: unit after the radiometric scale.
    """

    bias_dn: float | Floats | Literal["sky"] | None = None
    dark_dn_s: float | Floats | None = None
    flat: Floats | None = None
    bad_pixels: NDArray[np.bool_] | None = None
    gain_e_dn: float | None = None
    read_noise_e: float | None = None
    saturation_dn: float | None = None
    transfer_s: float | None = None
    smear: Literal["none", "model", "sky", "auto"] = "none"
    smear_kind: SmearKind = "both"
    cosmic_sigma: float | None = None
    trails_dn: float | None = None
    scale: float | None = None
    scale_unit: str = "W m-2 sr-1 um-1"


def known_calibration(observation: Observation) -> Calibration:
    """What the label and the published calibrations say of the camera; nothing is guessed."""
    label, camera = observation.label, observation.instrument
    onc = observation.instrument_name.rpartition("_")[2] if "HAYABUSA2" in observation.spacecraft.upper() else ""
    out = Calibration()
    if onc in ONC_GAIN_E_DN and observation.unit == "DN":
        out = replace(out, gain_e_dn=ONC_GAIN_E_DN[onc], transfer_s=ONC_TRANSFER_S[onc], bias_dn="sky", smear="auto")
        sensitivity = number(label.get("SENSSEL"))
        if sensitivity is not None and sensitivity > 0.0:
            out = replace(out, scale=1.0 / sensitivity)  # stored as (counts/s) / (W/m2/um/sr)
    elif camera == "epic" and observation.unit == "DN/s" and observation.filter in EPIC_REFLECTANCE:
        out = replace(out, scale=EPIC_REFLECTANCE[observation.filter], scale_unit="reflectance")
    else:
        scale = number(find(label, "RADIANCE_SCALING_FACTOR"))
        if scale is not None and scale > 0.0 and observation.exposure_s:
            # PDS dictionary: radiance is the stored value times this factor.
            out = replace(out, scale=scale * observation.exposure_s, scale_unit="uW cm-2 sr-1 nm-1")
    return out


def lookup_table(observation: Observation) -> Floats | None:
    """Original counts of each stored 8-bit value (middle of its range), NaN for unused values; None without a table."""
    nodes = find(observation.label, "MRO:LOOKUP_CONVERSION_TABLE")
    if not isinstance(nodes, list) or len(nodes) != 256:
        return None
    table = np.full(256, np.nan)
    for i, node in enumerate(nodes):
        low, high = (number(v) for v in node) if isinstance(node, list) and len(node) == 2 else (None, None)
        if low is not None and high is not None and 0.0 <= low <= high:
            table[i] = (low + high) / 2.0
    return table


def calibrate(frame: RawFrame, calibration: Calibration | None = None) -> CalibratedFrame:
    """Calibrate a frame of one plane.

    Args:
        frame: the pixels as stored.
        calibration: what is known of the detector; :func:`known_calibration` of the observation if None.

    Returns:
        Electrons if the gain is known and there is no radiometric scale, the unit of the scale if there is one and
        the exposure is known, otherwise DN. ``variance`` is None unless gain and read noise are known.

    Raises:
        InputError: the frame isn't one plane, or a calibration frame has another shape.
    """
    if frame.data.ndim != 2:
        raise InputError(f"{frame.observation.path}: a colour picture has no counts to calibrate; use a raw frame")
    known = known_calibration(frame.observation) if calibration is None else calibration
    state = _State(frame, known)
    for step in (_lookup, _saturation, _bias, _noise, _smear, _dark, _flat, _bad, _gain, _trails, _cosmic, _scale):
        step(state)
    return CalibratedFrame(
        data=state.data,
        unit=state.unit,
        mask=state.mask,
        variance=state.variance,
        observation=frame.observation,
        history=tuple(state.history),
        warnings=frame.warnings + tuple(state.warnings),
    )


class _State:
    """The frame on its way through the steps."""

    def __init__(self, frame: RawFrame, calibration: Calibration) -> None:
        self.observation = frame.observation
        self.label: Mapping[str, Any] = frame.observation.label
        self.raw = frame.data
        self.data = frame.data.astype(np.float64)
        self.mask = frame.mask.copy()
        self.unit = frame.observation.unit
        self.known = calibration
        self.variance: Floats | None = None
        self.history: list[str] = []
        self.warnings: list[HeaderWarning] = []

    def plane(self, name: str, value: float | Floats) -> float | Floats:
        """A calibration value, after a check of its shape."""
        if isinstance(value, np.ndarray) and value.shape != self.data.shape:
            raise InputError(
                f"{self.observation.path}: the {name} has shape {value.shape}, the frame {self.data.shape}; "
                "use calibration frames of the same window and binning"
            )
        return value

    def done_before(self, keyword: str, step: str) -> bool:
        """Whether the label says that a step was done already."""
        value = str(find(self.label, keyword) or "").strip().upper()
        if value in {"T", "TRUE", "ONBOARD", "GROUND"}:
            self.history.append(f"{step}: done before ({keyword} = {value})")
            return True
        return False


def _lookup(s: _State) -> None:
    table = lookup_table(s.observation)
    if table is None or s.raw.dtype != np.uint8:
        return
    s.data = table[s.raw]
    unused = np.isnan(s.data)
    s.mask |= unused
    s.data[unused] = 0.0
    s.history.append("look-up table undone: 8-bit values to the middle of their ranges of original counts")


def _saturation(s: _State) -> None:
    if s.known.saturation_dn is not None:
        s.mask |= s.data >= s.known.saturation_dn
        s.history.append(f"saturation: pixels from {s.known.saturation_dn:g} DN masked")


def _bias(s: _State) -> None:
    if s.known.bias_dn is None or s.done_before("BIASCR", "bias"):
        return
    if isinstance(s.known.bias_dn, str):
        level, sigma = sky_level(s.data, s.mask)
        s.data -= level
        s.history.append(f"bias: level of the frame's own sky, {level:.3f} DN (noise {sigma:.3f} DN), subtracted")
    else:
        s.data -= s.plane("bias frame", s.known.bias_dn)
        s.history.append("bias subtracted")


def _noise(s: _State) -> None:
    gain, noise = s.known.gain_e_dn, s.known.read_noise_e
    if gain is not None and noise is not None:
        s.variance = (np.maximum(s.data, 0.0) * gain + noise**2) / gain**2
        s.history.append(f"noise: photons at {gain:g} electrons a count and {noise:g} electrons of read noise")


def _smear(s: _State) -> None:
    if s.known.smear == "none" or s.known.transfer_s is None or s.done_before("SMEARCR", "smear"):
        return
    exposure = s.observation.exposure_s
    saturated: NDArray[np.bool_] = np.asarray(s.mask.any(axis=0), dtype=np.bool_)
    use_model: NDArray[np.bool_] = np.zeros(s.data.shape[1], dtype=np.bool_)
    if s.known.smear == "model":
        use_model[:] = True
    elif s.known.smear == "auto":
        use_model = np.logical_not(saturated)
    if use_model.any() and exposure is None:
        s.warnings.append(HeaderWarning("exposure", "the smear needs an exposure time and the label gives none"))
        use_model[:] = False
    if use_model.any() and exposure is not None:
        s.data[:, use_model] = remove_smear(s.data[:, use_model], exposure, s.known.transfer_s, s.known.smear_kind)
        s.history.append(
            f"smear: model with {s.known.transfer_s:g} s a row removed from {int(use_model.sum())} columns"
        )
    rest = ~use_model
    if rest.any():
        level, sigma = sky_level(s.data, s.mask)
        bright = s.data > level + 0.5 * max(float(np.nanmax(s.data)) - level, 10.0 * sigma)
        sky = ~s.mask & ~_grown(bright | s.mask, 12)
        smear = smear_from_sky(s.data, sky)
        usable = rest & np.isfinite(smear)
        s.data[:, usable] -= smear[usable]
        s.history.append(f"smear: from sky rows removed from {int(usable.sum())} columns")
        if (rest & ~usable).any():
            text = f"{int((rest & ~usable).sum())} columns have too little sky to find their smear; they are masked"
            s.warnings.append(HeaderWarning("smear", text))
            s.mask[:, rest & ~usable] = True


def _grown(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_dilation

    return np.asarray(binary_dilation(mask, iterations=by), dtype=np.bool_) if mask.any() else mask


def _dark(s: _State) -> None:
    if s.known.dark_dn_s is None or s.done_before("DARKCR", "dark"):
        return
    exposure = s.observation.exposure_s
    if exposure is None:
        s.warnings.append(HeaderWarning("exposure", "the dark needs an exposure time and the label gives none"))
        return
    s.data -= np.asarray(s.plane("dark frame", s.known.dark_dn_s)) * exposure
    s.history.append(f"dark scaled to {exposure:g} s subtracted")


def _flat(s: _State) -> None:
    if s.known.flat is None or s.done_before("FLATCR", "flat"):
        return
    flat = np.asarray(s.plane("flat field", s.known.flat), dtype=np.float64)
    good = np.isfinite(flat) & (flat > 0.0)
    if not good.any():
        raise InputError(f"{s.observation.path}: the flat field has no positive value; use another one")
    mean = float(flat[good].mean())
    factor = np.where(good, mean / np.where(good, flat, 1.0), 1.0)
    s.data *= factor
    if s.variance is not None:
        s.variance *= factor**2
    s.mask |= ~good
    s.history.append(f"flat normalised by its mean {mean:.6g} divided out")


def _bad(s: _State) -> None:
    if s.known.bad_pixels is not None:
        bad = np.asarray(s.plane("bad-pixel mask", s.known.bad_pixels), dtype=np.bool_)  # type: ignore[arg-type]
        s.mask |= bad
        s.history.append(f"{int(bad.sum())} bad pixels masked")


def _gain(s: _State) -> None:
    gain = s.known.gain_e_dn
    if gain is None:
        return
    if not gain > 0.0:
        raise InputError(f"the gain is {gain} electrons a count; it must be above 0")
    s.data *= gain
    if s.variance is not None:
        s.variance *= gain**2
    s.unit = "electron"
    s.history.append(f"gain of {gain:g} electrons a count applied")


def _trails(s: _State) -> None:
    if s.known.trails_dn is None:
        return
    limit = s.known.trails_dn * (s.known.gain_e_dn or 1.0)
    found = mask_charge_trails(s.data, s.mask, limit)
    s.mask |= found
    s.history.append(f"charge trails: {int(found.sum())} pixels masked")


def _cosmic(s: _State) -> None:
    if s.known.cosmic_sigma is None:
        return
    if s.known.gain_e_dn is None or s.known.read_noise_e is None:
        s.warnings.append(HeaderWarning("cosmic rays", "finding them needs gain and read noise; none were looked for"))
        return
    from terraluna.frames.cosmic import find_cosmic_rays

    hits = find_cosmic_rays(s.data, s.mask, s.known.read_noise_e, sigma=s.known.cosmic_sigma)
    s.mask |= hits
    s.history.append(f"cosmic rays: {int(hits.sum())} pixels masked at {s.known.cosmic_sigma:g} sigma")


def _scale(s: _State) -> None:
    scale = s.known.scale
    if scale is None or s.done_before("RADCONV", "radiometric scale"):
        return
    per_second = s.observation.unit == "DN/s"
    exposure = 1.0 if per_second else s.observation.exposure_s
    if not exposure:
        s.warnings.append(HeaderWarning("exposure", "the radiometric scale needs an exposure time; it was not applied"))
        return
    factor = scale / exposure / (s.known.gain_e_dn or 1.0)
    s.data *= factor
    if s.variance is not None:
        s.variance *= factor**2
    s.unit = s.known.scale_unit
    s.history.append(f"radiometric scale of {scale:g} {s.unit} for one count per second applied")

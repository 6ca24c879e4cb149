"""One frame's residuals and their derivatives, with the frame's own attitude taken out.

A body's sight is compared as in :mod:`terraluna.opnav.solver`: direction on two axes across the measured one, and
1/range, whitened together. The attitude of each frame is an unknown of that frame alone: it is solved for, and the
residual rows are then rotated so that only those remain which it cannot change (QR elimination, as in square-root
information filters: Bierman 1977). With stars its prior keeps six rows of two full sights; without anything, three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import EARTH_RADII_KM, MOON_RADII_KM
from terraluna.opnav.baseline import baseline
from terraluna.opnav.evidence import whitener
from terraluna.opnav.sequential.types import SeriesFrame
from terraluna.opnav.types import BodyFix, Floats
from terraluna.opnav.vectors import aberrate, cross, rotation_exp, skew, tangent_basis, two_vector_rotation

_MEAN_RADII_KM = {"earth": (2.0 * EARTH_RADII_KM[0] + EARTH_RADII_KM[2]) / 3.0, "moon": MOON_RADII_KM[0]}
_TURNS = 8
_FREE = 1e-9
"""Singular values below this share of the largest: the attitude is not determined about that axis."""


@dataclass(frozen=True, eq=False)
class WhiteSight:
    """A sight as whitened numbers, made once.

    Attributes:
        basis: (3, 3) rows e1, e2, measured direction; camera frame.
        inverse_range: measured, 1/km; 0 for a line of sight.
        whiten: (3, 3) inverse lower Cholesky factor of (e1 part, e2 part, 1/range).
        by_height: derivative of the measured 1/range by the limb height assumed.
        by_scale: (3,) derivative of what was measured by the relative error of the focal length.
        height_km: limb height that the fix assumed.
        moving: whether the direction still contains aberration.
    """

    body: str
    basis: Floats
    inverse_range: float
    whiten: Floats
    by_height: float
    by_scale: Floats
    height_km: float
    moving: bool


def white_sights(frame: SeriesFrame, limb_keys: Mapping[tuple[str, str], object]) -> tuple[WhiteSight, ...]:
    """The frame's usable sights; a limb height that is an unknown of the fit is taken out of their covariance."""
    out = []
    for sight in frame.sights:
        if sight.status == "refused":
            continue
        direction = sight.direction
        e1, e2 = tangent_basis(direction)
        basis = np.vstack((e1, e2, direction))
        # A focal length too short by s puts the true direction closer to the axis, by s (x, y, 0) across it.
        by_scale = np.zeros(3)
        outward = np.array([direction[0], direction[1], 0.0])
        by_scale[:2] = basis[:2] @ outward
        if not isinstance(sight, BodyFix):
            across = basis[:2]
            whiten = np.zeros((3, 3))
            whiten[:2, :2] = whitener(across @ sight.covariance_rad2 @ across.T, f"{frame.name}: {sight.body}")
            out.append(WhiteSight(sight.body, basis, 0.0, whiten, 0.0, by_scale, 0.0, sight.aberration == "present"))
            continue
        distance = sight.range_km
        to_z = np.vstack((e1 / distance, e2 / distance, -direction / distance**2))
        noise = sight.covariance_km2
        radius = _MEAN_RADII_KM[sight.body] + sight.limb_height_km
        if (sight.body, frame.band) in limb_keys and sight.limb_height_sigma_km > 0.0:
            g = sight.limb_height_partial
            noise = noise - sight.limb_height_sigma_km**2 * np.outer(g, g)
        covariance = to_z @ noise @ to_z.T
        scale = np.sqrt(np.diag(covariance))
        whiten = whitener(covariance / np.outer(scale, scale), f"{frame.name}: {sight.body}") / scale
        by_scale[2] = 1.0 / distance
        out.append(
            WhiteSight(
                sight.body,
                basis,
                1.0 / distance,
                whiten,
                -1.0 / (distance * radius),
                by_scale,
                sight.limb_height_km,
                sight.aberration == "present",
            )
        )
    return tuple(out)


@dataclass(frozen=True, eq=False)
class Rows:
    """Whitened residuals (m,) and derivatives (m, k) by the unknowns, and the frame's attitude (3, 3)."""

    residual: Floats
    jacobian: Floats
    attitude: Floats
    free_attitude: bool = False


class FrameModel:
    """Linearises one frame about a state of the spacecraft.

    Args:
        frame: the frame.
        ephemeris: open ephemeris.
        names: all unknowns, those of the path first.
        path_count: how many belong to the path.
        limb_keys: (body, band) whose limb height is an unknown.
    """

    def __init__(
        self,
        frame: SeriesFrame,
        ephemeris: Ephemeris,
        names: Sequence[str],
        path_count: int,
        limb_keys: Mapping[tuple[str, str], object],
    ) -> None:
        self.frame = frame
        self.sights = white_sights(frame, limb_keys)
        self.ephemeris = ephemeris
        self._path_count = path_count
        self._count = len(names)
        self._column = {name: i for i, name in enumerate(names)}
        self._prior = (
            None if frame.attitude is None else whitener(frame.attitude.covariance_rad2, f"{frame.name}: attitude")
        )

    def rows(
        self,
        state: Floats,
        partials: Floats,
        values: Floats,
        bodies: Sequence[str] | None = None,
        *,
        by_clock: Floats | None = None,
        turns: int = _TURNS,
    ) -> Rows | None:
        """Rows at a state; None where the sights chosen say nothing.

        Args:
            state: (6,) from the Earth at the corrected time.
            partials: (6, path unknowns).
            values: (k,) of all unknowns.
            bodies: which sights to use; all if None.
            by_clock: (3,) derivative of the position by the clock; its velocity if None.
            turns: most iterations of the attitude.
        """
        sights = [s for s in self.sights if bodies is None or s.body in bodies]
        if not sights:
            return None
        et = self.frame.et + self._value("clock_s", values)
        place = baseline(self.ephemeris, et, state[:3], state[3:])
        anchors = {"earth": place.earth_km, "moon": place.moon_km}
        seen, shown = [], []
        for sight in sights:
            c = anchors[sight.body] - state[:3]
            d = c / np.sqrt(c @ c)
            seen.append(c)
            velocity = place.observer_velocity_km_s if sight.moving else None
            shown.append(d if velocity is None else aberrate(d, velocity))
        offset = self._boresight(values)
        attitude = self._attitude(sights, shown, offset)
        free = attitude is None
        if attitude is None:
            attitude = np.eye(3)
        drift = state[3:] if by_clock is None else by_clock
        moves = [drift - self.ephemeris.state(s.body, et, "earth")[3:] for s in sights]
        residual, by_attitude, jacobian = self._linearise(
            sights, seen, shown, moves, offset, attitude, partials, values
        )
        for _ in range(0 if free else turns):
            step = np.asarray(np.linalg.lstsq(by_attitude, -residual, rcond=_FREE)[0], dtype=np.float64)
            attitude = rotation_exp(step) @ attitude
            residual, by_attitude, jacobian = self._linearise(
                sights, seen, shown, moves, offset, attitude, partials, values
            )
            if np.abs(step).max() < 1e-12:
                break
        u, s, _ = np.linalg.svd(by_attitude, full_matrices=True)
        # A free attitude can take any direction: only the ranges remain.
        rank = int(np.count_nonzero(s > _FREE * s[0])) if s[0] > 0.0 else 0
        keep = u[:, rank:]
        return Rows(keep.T @ residual, keep.T @ jacobian, offset @ attitude, free)

    def _value(self, name: str, values: Floats) -> float:
        i = self._column.get(name)
        return 0.0 if i is None else float(values[i])

    def _boresight(self, values: Floats) -> Floats:
        camera = self.frame.camera
        x = self._value(f"boresight_x_rad:{camera}", values)
        y = self._value(f"boresight_y_rad:{camera}", values)
        return rotation_exp(np.array([x, y, 0.0]))

    def _attitude(self, sights: Sequence[WhiteSight], shown: Sequence[Floats], offset: Floats) -> Floats | None:
        """A first attitude of the spacecraft: its prior, or from two directions; None where there are not two."""
        if self.frame.attitude is not None:
            return self.frame.attitude.rotation
        pairs = [(d, offset.T @ s.basis[2]) for s, d in zip(sights, shown, strict=True)]
        pairs += [(law.j2000_direction, law.camera_direction) for law in self.frame.laws]
        if len(pairs) < 2:
            return None
        return two_vector_rotation(pairs[0][0], pairs[1][0], pairs[0][1], pairs[1][1])

    def _linearise(
        self,
        sights: Sequence[WhiteSight],
        seen: Sequence[Floats],
        shown: Sequence[Floats],
        moves: Sequence[Floats],
        offset: Floats,
        attitude: Floats,
        partials: Floats,
        values: Floats,
    ) -> tuple[Floats, Floats, Floats]:
        """Residuals (m,), derivatives by the spacecraft's attitude (m, 3) and by the unknowns (m, k)."""
        residuals, turns, columns = [], [], []
        path = self._path_count
        for sight, c, direction, move in zip(sights, seen, shown, moves, strict=True):
            distance = float(np.sqrt(c @ c))
            d = c / distance
            body_frame = attitude @ direction
            z = np.array(
                [
                    sight.basis[0] @ (offset @ body_frame),
                    sight.basis[1] @ (offset @ body_frame),
                    1.0 / distance - sight.inverse_range,
                ]
            )
            turn = np.zeros((3, 3))
            column = np.zeros((3, self._count))
            by_position = np.zeros((3, 3))
            across = (np.eye(3) - np.outer(d, d)) / distance
            for axis in range(2):
                e_body = offset.T @ sight.basis[axis]
                turn[axis] = cross(body_frame, e_body)
                by_position[axis] = -(attitude.T @ e_body) @ across
                by_offset = cross(offset @ body_frame, sight.basis[axis])
                for k, name in enumerate(("boresight_x_rad", "boresight_y_rad")):
                    i = self._column.get(f"{name}:{self.frame.camera}")
                    if i is not None:
                        column[axis, i] = by_offset[k]
            by_position[2] = d / distance**2
            column[:, :path] = by_position @ partials[:3]
            i = self._column.get("clock_s")
            if i is not None:
                column[:, i] += by_position @ move
            for name, by in (
                (f"scale:{self.frame.camera}", sight.by_scale),
                (f"limb_km:{sight.body}:{self.frame.band}", np.array([0.0, 0.0, sight.by_height])),
            ):
                i = self._column.get(name)
                if i is None:
                    continue
                value = float(values[i]) - (sight.height_km if name.startswith("limb") else 0.0)
                # Measured with the wrong value: the residual is model less (measured + by * error).
                z -= by * value * (-1.0 if name.startswith("scale") else 1.0)
                column[:, i] -= by * (-1.0 if name.startswith("scale") else 1.0)
            whiten = sight.whiten if sight.inverse_range > 0.0 else sight.whiten[:2]
            residuals.append(whiten @ z)
            turns.append(whiten @ turn)
            columns.append(whiten @ column)
        if self._prior is not None and self.frame.attitude is not None:
            residuals.append(self._prior @ _log(attitude @ self.frame.attitude.rotation.T))
            turns.append(self._prior)
            columns.append(np.zeros((3, self._count)))
        for law in self.frame.laws:
            e1, e2 = tangent_basis(law.camera_direction)
            body_frame = attitude @ law.j2000_direction
            basis = np.vstack((e1, e2))
            residuals.append(basis @ body_frame / law.sigma_rad)
            turns.append(-(basis @ skew(body_frame)) / law.sigma_rad)
            columns.append(np.zeros((2, self._count)))
        whole = np.vstack(turns)
        return np.concatenate(residuals), whole, np.vstack(columns)


def _log(rotation: Floats) -> Floats:
    """Rotation vector (3,) of a small to moderate rotation."""
    v = 0.5 * np.array(
        [rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]]
    )
    sine = float(np.sqrt(v @ v))
    if sine < 1e-12:
        return v
    angle = float(np.arctan2(sine, 0.5 * (np.trace(rotation) - 1.0)))
    return v * (angle / sine)

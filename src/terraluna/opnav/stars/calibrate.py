"""Camera calibration by bundle adjustment: one camera, an attitude per frame, stars and discs together.

Stars fix focal length, principal point and distortion; the discs of Earth and Moon (centre and apparent radius under a
known scene) do the same where there are no stars: radius and separation together, since either alone trades the focal
length for the clock. Where the clock itself is in doubt it is one more parameter, common to all discs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from terraluna.camera.distortion import Distortion
from terraluna.errors import InputError
from terraluna.opnav.types import Floats, Status
from terraluna.opnav.vectors import rotation_exp
from terraluna.scene.limb import fit_ellipse

if TYPE_CHECKING:
    from terraluna.camera.model import Camera
    from terraluna.opnav.stars.catalogue import Sky
    from terraluna.opnav.stars.solve import StarSolution

PARAMETERS: Final = ("focal", "aspect", "cx", "cy", "k1", "k2", "p1", "p2", "clock")
"""What can be free: focal length (px), fy over fx, principal point (px), Brown-Conrady coefficients, and the clock: by
how many seconds the discs were seen later than ``DiscSight.limb_j2000`` says."""

_STEPS: Final = {
    "focal": 0.1, "aspect": 1e-5, "cx": 0.05, "cy": 0.05, "k1": 1e-4, "k2": 1e-4, "p1": 1e-5, "p2": 1e-5, "clock": 0.1,
}  # fmt: skip
_TURN_STEP: Final = 1e-6
_REJECT: Final = 4.0


@dataclass(frozen=True, eq=False)
class DiscSight:
    """A body's outline as measured: ellipse centre x, y and radius (root of the product of the semi-axes), px.

    Attributes:
        measured_px: (3,) x, y, radius.
        covariance_px2: (3, 3) of it.
        limb_j2000: (m, 3) directions of the limb as seen, J2000, any length (``BodyView.limb_j2000_km``).
        rate_j2000: (m, 3) their change per second, or None: the scene stands still.
    """

    measured_px: Floats
    covariance_px2: Floats
    limb_j2000: Floats
    rate_j2000: Floats | None = None

    def limb_at(self, late_s: float) -> Floats:
        """The limb (m, 3) so many seconds later."""
        return self.limb_j2000 if self.rate_j2000 is None else self.limb_j2000 + late_s * self.rate_j2000


@dataclass(frozen=True, eq=False)
class CalibrationFrame:
    """What one frame brings.

    Attributes:
        attitude: (3, 3) J2000 -> camera, a start within a degree or so.
        pixels: (n, 2) of stars.
        covariance_px2: (n, 2, 2).
        directions: (n, 3) apparent unit vectors, J2000.
        discs: bodies with a known place.
    """

    attitude: Floats
    pixels: Floats = field(default_factory=lambda: np.zeros((0, 2)))
    covariance_px2: Floats = field(default_factory=lambda: np.zeros((0, 2, 2)))
    directions: Floats = field(default_factory=lambda: np.zeros((0, 3)))
    discs: tuple[DiscSight, ...] = ()

    @classmethod
    def from_solution(cls, solution: StarSolution, sky: Sky) -> CalibrationFrame:
        """The matched stars of a solved frame; InputError for a refused one."""
        if solution.status == "refused":
            raise InputError("a refused star solution can't calibrate a camera; leave the frame out")
        return cls(solution.attitude, solution.pixels, solution.covariance_px2, sky.directions[solution.rows])


@dataclass(frozen=True, eq=False)
class Calibration:
    """A calibrated camera.

    Attributes:
        camera: the camera with the new values.
        names: free parameters, in the order of ``values`` and of the first rows of ``covariance``.
        values: (p,).
        covariance: (p, p), scaled by the misfit where that is larger than the stated errors.
        attitudes: (frames, 3, 3) J2000 -> camera.
        residual_px: for each frame the stars' residuals (n, 2), measured minus predicted.
        used: for each frame which stars were used (n,).
        disc_residual_px: for each frame the discs' residuals (d, 3) in x, y, radius, measured minus predicted.
        chi_square: of all that was used, with the stated errors; ``degrees`` of freedom.
        rms_px: of the lengths of the used residuals.
        status: ``ok`` or ``degraded``.
        reasons: ``large_residuals``: chi-square per degree of freedom above 4.
    """

    camera: Camera
    names: tuple[str, ...]
    values: Floats
    covariance: Floats
    attitudes: Floats
    residual_px: tuple[Floats, ...]
    used: tuple[NDArray[np.bool_], ...]
    disc_residual_px: tuple[Floats, ...]
    chi_square: float
    degrees: int
    rms_px: float
    status: Status
    reasons: tuple[str, ...]

    def sigma(self, name: str) -> float:
        """Standard deviation of a free parameter; InputError if it was held."""
        if name not in self.names:
            raise InputError(f"{name!r} was held; the free parameters are {', '.join(self.names)}")
        i = self.names.index(name)
        return float(np.sqrt(self.covariance[i, i]))

    def value(self, name: str) -> float:
        """A free parameter; InputError if it was held."""
        self.sigma(name)
        return float(self.values[self.names.index(name)])


def calibrate(
    camera: Camera,
    frames: Sequence[CalibrationFrame],
    free: Sequence[str] = ("focal",),
    priors: Mapping[str, float] | None = None,
    systematic_px: float = 0.0,
    clock_mean_s: float = 0.0,
) -> Calibration:
    """Fit camera parameters and every frame's attitude to stars and discs by weighted least squares.

    Args:
        camera: the start; also the mean of the priors.
        frames: at least one, with its stars or discs.
        free: names of :data:`PARAMETERS`.
        priors: standard deviations about the start's values, by name.
        systematic_px: error per axis added to every star's own.
        clock_mean_s: mean of the clock's prior.

    Stars whose whitened residual exceeds four times the robust scatter are left out, turn by turn.

    Raises:
        InputError: an unknown parameter, a distortion that isn't Brown-Conrady, or too few measurements.
    """
    problem = _Problem(camera, frames, tuple(free), dict(priors or {}), systematic_px, clock_mean_s)
    used = [np.ones(len(f.pixels), np.bool_) for f in frames]
    for _ in range(10):
        rows, attitudes, values = problem.solve(used)
        fresh = problem.inliers(values, attitudes)
        if all(np.array_equal(a, b) for a, b in zip(fresh, used, strict=True)):
            break
        used = fresh
    jacobian, residual = rows
    p, count = len(free), len(residual)
    degrees = count - p - 3 * len(frames)
    chi_square = float(residual @ residual)
    misfit = max(1.0, chi_square / degrees)
    covariance = np.linalg.inv(jacobian.T @ jacobian)[:p, :p] * misfit
    stars = tuple(problem.star_residuals(values, attitudes, k) for k in range(len(frames)))
    kept = np.concatenate([r[u] for r, u in zip(stars, used, strict=True)])
    rms = float(np.sqrt(np.mean(np.sum(kept**2, axis=1)))) if len(kept) else float("nan")
    bad = chi_square / degrees > 4.0
    return Calibration(
        camera=problem.camera(values),
        names=tuple(free),
        values=values,
        covariance=np.asarray(covariance, dtype=np.float64),
        attitudes=np.array(attitudes),
        residual_px=stars,
        used=tuple(used),
        disc_residual_px=tuple(problem.disc_residuals(values, attitudes[k], k) for k in range(len(frames))),
        chi_square=chi_square,
        degrees=degrees,
        rms_px=rms,
        status="degraded" if bad else "ok",
        reasons=("large_residuals",) if bad else (),
    )


class _Problem:
    """Residuals of all frames as functions of the camera's parameters and small turns of the attitudes."""

    def __init__(
        self,
        camera: Camera,
        frames: Sequence[CalibrationFrame],
        free: tuple[str, ...],
        priors: dict[str, float],
        systematic_px: float,
        clock_mean_s: float,
    ) -> None:
        for name in (*free, *priors):
            if name not in PARAMETERS:
                raise InputError(f"no camera parameter {name!r}; choose from {', '.join(PARAMETERS)}")
        lens = any(n in free for n in ("k1", "k2", "p1", "p2"))
        if lens and camera.distortion.model not in ("none", "brown-conrady"):
            raise InputError(
                f"camera {camera.id!r} has the distortion model {camera.distortion.model!r}: "
                "only Brown-Conrady coefficients can be fitted; free focal length and principal point alone"
            )
        measured = sum(2 * len(f.pixels) + 3 * len(f.discs) for f in frames) + sum(n in priors for n in free)
        if not frames or measured <= len(free) + 3 * len(frames):
            raise InputError(
                f"{measured} measurements can't fix {len(free)} parameters and {len(frames)} attitudes; "
                "add stars or frames, or free fewer parameters"
            )
        self.base, self.frames, self.free, self.priors = camera, frames, free, priors
        c = [*camera.distortion.coefficients, 0.0, 0.0, 0.0, 0.0][:4] if camera.distortion.coefficients else [0.0] * 4
        start = (camera.focal_px_x, camera.focal_px_y / camera.focal_px_x, camera.cx, camera.cy, *c, 0.0)
        self.start = dict(zip(PARAMETERS, start, strict=True))
        self.means = {**self.start, "clock": clock_mean_s}
        eye = np.eye(2) * systematic_px**2
        # Inverse lower Cholesky factors whiten the residuals.
        self.whiten = [
            np.linalg.inv(np.linalg.cholesky(f.covariance_px2 + eye)) if len(f.pixels) else np.zeros((0, 2, 2))
            for f in frames
        ]
        self.disc_whiten = [[np.linalg.inv(np.linalg.cholesky(d.covariance_px2)) for d in f.discs] for f in frames]

    def camera(self, values: Floats) -> Camera:
        v = {**self.start, **dict(zip(self.free, (float(x) for x in values), strict=True))}
        distortion = self.base.distortion
        if any(n in self.free for n in ("k1", "k2", "p1", "p2")):
            rest = distortion.coefficients[4:]
            distortion = Distortion("brown-conrady", (v["k1"], v["k2"], v["p1"], v["p2"], *rest))
        return dataclasses.replace(
            self.base, focal_px_x=v["focal"], focal_px_y=v["focal"] * v["aspect"], cx=v["cx"], cy=v["cy"],
            distortion=distortion,
        )  # fmt: skip

    def star_residuals(self, values: Floats, attitudes: Sequence[Floats], k: int) -> Floats:
        f = self.frames[k]
        if not len(f.pixels):
            return np.zeros((0, 2))
        return np.asarray(f.pixels - self.camera(values).project(f.directions @ attitudes[k].T))

    def disc_residuals(self, values: Floats, R: Floats, k: int) -> Floats:
        """Residuals (d, 3) of the frame's discs, px; the model's ellipse goes through its whole outline."""
        camera = self.camera(values)
        late = float(values[self.free.index("clock")]) if "clock" in self.free else 0.0
        out = np.zeros((len(self.frames[k].discs), 3))
        for row, disc in zip(out, self.frames[k].discs, strict=True):
            seen = fit_ellipse(camera.project(disc.limb_at(late) @ R.T))
            row[:] = disc.measured_px - [seen.x, seen.y, seen.radius]
        return out

    def inliers(self, values: Floats, attitudes: Sequence[Floats]) -> list[NDArray[np.bool_]]:
        lengths = [
            np.linalg.norm(np.einsum("nij,nj->ni", w, self.star_residuals(values, attitudes, k)), axis=1)
            for k, w in enumerate(self.whiten)
        ]
        everything = np.concatenate(lengths) if lengths else np.zeros(0)
        # The median length of a 2-D unit Gaussian is sqrt(2 ln 2).
        scale = max(1.0, float(np.median(everything)) / np.sqrt(2.0 * np.log(2.0))) if everything.size else 1.0
        return [np.asarray(x < _REJECT * scale, dtype=np.bool_) for x in lengths]

    def _frame(self, values: Floats, camera: Camera, R: Floats, k: int, used: NDArray[np.bool_]) -> Floats:
        f = self.frames[k]
        parts = []
        if used.any():
            miss = f.pixels[used] - camera.project(f.directions[used] @ R.T)
            parts.append(np.einsum("nij,nj->ni", self.whiten[k][used], miss).ravel())
        parts += [w @ miss for w, miss in zip(self.disc_whiten[k], self.disc_residuals(values, R, k), strict=True)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def solve(self, used: list[NDArray[np.bool_]]) -> tuple[tuple[Floats, Floats], list[Floats], Floats]:
        """Gauss-Newton with numeric derivatives; the whitened Jacobian and residuals at the end."""
        values = np.array([self.start[n] for n in self.free])
        attitudes = [f.attitude for f in self.frames]
        p, n = len(self.free), len(self.frames)
        for _ in range(12):
            camera = self.camera(values)
            base = [self._frame(values, camera, attitudes[k], k, used[k]) for k in range(n)]
            ends = np.cumsum([0] + [len(b) for b in base])
            held = [i for i, name in enumerate(self.free) if name in self.priors]
            J = np.zeros((ends[-1] + len(held), p + 3 * n))
            r = np.zeros(ends[-1] + len(held))
            r[: ends[-1]] = np.concatenate(base)
            for i, name in enumerate(self.free):
                step = np.zeros(p)
                step[i] = _STEPS[name]
                moved = [(v, self.camera(v)) for v in (values + step, values - step)]
                for k in range(n):
                    up, down = (self._frame(v, c, attitudes[k], k, used[k]) for v, c in moved)
                    J[ends[k] : ends[k + 1], i] = (up - down) / (2.0 * _STEPS[name])
            for k in range(n):
                for a in range(3):
                    turn = np.zeros(3)
                    turn[a] = _TURN_STEP
                    up = self._frame(values, camera, rotation_exp(turn) @ attitudes[k], k, used[k])
                    down = self._frame(values, camera, rotation_exp(-turn) @ attitudes[k], k, used[k])
                    J[ends[k] : ends[k + 1], p + 3 * k + a] = (up - down) / (2.0 * _TURN_STEP)
            for row, i in enumerate(held):
                sigma = self.priors[self.free[i]]
                J[ends[-1] + row, i] = -1.0 / sigma
                r[ends[-1] + row] = (self.means[self.free[i]] - values[i]) / sigma
            scale = np.linalg.norm(J, axis=0)
            if not (scale > 0.0).all():
                raise InputError("a frame or parameter has no measurement that bears on it; leave it out")
            step, *_ = np.linalg.lstsq(J / scale, -r, rcond=None)
            step /= scale
            values = values + step[:p]
            attitudes = [rotation_exp(step[p + 3 * k : p + 3 * k + 3]) @ attitudes[k] for k in range(n)]
            if float(np.max(np.abs(step * scale))) < 1e-6 * max(1.0, float(np.sqrt(r @ r))):
                break
        return (J, r), attitudes, values

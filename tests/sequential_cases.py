"""Simulated series for the sequential estimator: a lunar orbiter without stars, four cruises with a star tracker."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from terraluna.ephemeris import Ephemeris
from terraluna.missions.view import MissionView
from terraluna.opnav import AttitudePrior, BodyFix, DirectionLaw, aberrate, baseline, horizon_covariance
from terraluna.opnav.sequential import Dynamics, SeriesFrame, Unknown, Unknowns
from terraluna.opnav.vectors import rotation_exp, tangent_basis, two_vector_rotation, unit

Floats = NDArray[np.float64]
ARCSEC = np.pi / 180.0 / 3600.0
RADII_KM = {"earth": 6371.0, "moon": 1737.4}


@dataclass(frozen=True)
class Case:
    """A kind of series: the truth's state comes from a mission, everything else from here."""

    name: str
    center: str
    start_utc: str
    offsets_s: tuple[float, ...]
    pixel_rad: float
    noise_px: float
    half_arc_deg: float
    position_sigma_km: float
    velocity_sigma_km_s: float
    clock_sigma_s: float
    star_sigma_rad: tuple[float, float] | None
    law_sigma_rad: float | None
    boresight_sigma_rad: float | None
    moon_height_sigma_km: float
    systematic_px: float

    def unknowns(self) -> Unknowns:
        """Priors that the simulated truth is drawn from."""
        return Unknowns(
            clock=Unknown(self.clock_sigma_s),
            boresight={} if self.boresight_sigma_rad is None else {"camera": Unknown(self.boresight_sigma_rad)},
            limb_km={
                ("earth", "visible"): Unknown(6.5, 20.5),
                ("moon", "visible"): Unknown(self.moon_height_sigma_km),
            },
        )


# Frames every ten minutes on the leg of 3 February 2019; no stars, the anti-Sun law known to half a degree; centre and
# radius of a disc off by 0.3 px a frame, as the navigation of an uncalibrated camera assumes.
LUNAR = Case(
    "longjiang-2", "moon", "2019-02-03T14:30", tuple(600.0 * i for i in range(8)), 210.0 * ARCSEC, 0.1, 60.0,
    30.0, 0.01, 60.0, None, np.radians(0.5), None, 0.5, 0.3,
)  # fmt: skip
# Two days after launch, one frame in three hours; star tracker 10 and 60 arcsec, camera off by 30 arcsec.
CRUISE = Case(
    "tianwen-1", "sun", "2020-07-26T16:00", tuple(10800.0 * i for i in range(10)), 100e-6, 0.1, 60.0,
    1000.0, 0.01, 5.0, (10.0 * ARCSEC, 60.0 * ARCSEC), None, 30.0 * ARCSEC, 0.5, 0.0,
)  # fmt: skip
# From the Sun-Earth point L1, an hour apart, with the Moon before the Earth; 5 and 30 arcsec, 1.07 arcsec a pixel. A
# start that is 3,000 km off can have the Moon on the Earth's other side, and the fit then stays there: one in twelve.
EPIC = Case(
    "dscovr", "earth", "2015-07-16T19:00", tuple(3600.0 * i for i in range(8)), 5.19e-6, 0.1, 90.0,
    500.0, 0.02, 5.0, (5.0 * ARCSEC, 30.0 * ARCSEC), None, 10.0 * ARCSEC, 0.5, 0.0,
)  # fmt: skip
# A week before the swing-by, one frame in six hours.
ONC_T = Case(
    "hayabusa2", "earth", "2015-11-26T03:46", tuple(21600.0 * i for i in range(8)), 107.3e-6, 0.1, 80.0,
    3000.0, 0.02, 5.0, (10.0 * ARCSEC, 60.0 * ARCSEC), None, 30.0 * ARCSEC, 0.5, 0.0,
)  # fmt: skip
# Ten days after the swing-by, one frame in four hours.
MAPCAM = Case(
    "osiris-rex", "earth", "2017-10-02T00:00", tuple(14400.0 * i for i in range(8)), 67.7e-6, 0.1, 90.0,
    3000.0, 0.02, 5.0, (5.0 * ARCSEC, 30.0 * ARCSEC), None, 30.0 * ARCSEC, 0.5, 0.0,
)  # fmt: skip
CASES = (LUNAR, CRUISE, EPIC, ONC_T, MAPCAM)


@dataclass(frozen=True, eq=False)
class Run:
    """One simulated series: nominal and true values of (state, biases) and the frames."""

    case: Case
    dynamics: Dynamics
    epoch: float
    nominal: Floats
    covariance: Floats
    truth: Floats
    biases: Floats
    frames: tuple[SeriesFrame, ...]


class Simulator:
    """Draws series of one case; the nominal orbit is the mission's."""

    def __init__(self, case: Case, ephemeris: Ephemeris) -> None:
        self.case = case
        self.ephemeris = ephemeris
        view = MissionView.open(case.name, ephemeris)
        self.epoch = ephemeris.et(case.start_utc)
        self.tags = self.epoch + np.array(case.offsets_s)
        center = "earth" if case.center == "sun" else case.center
        self.dynamics = Dynamics(ephemeris, (self.epoch, float(self.tags[-1])), center)
        self.nominal = view.trajectory.states_about(center, [self.epoch], ephemeris)[0]

    def draw(self, rng: np.random.Generator, outliers: tuple[int, ...] = ()) -> Run:
        """A series with errors drawn from the priors; frames in ``outliers`` have a Moon displaced by 30 sigma."""
        case = self.case
        sigma = np.repeat([case.position_sigma_km, case.velocity_sigma_km_s], 3)
        truth = self.nominal + sigma * rng.standard_normal(6)
        table = case.unknowns().table()
        biases = np.array([u.mean + u.sigma * rng.standard_normal() for u in table.values()])
        values = dict(zip(table, biases, strict=True))
        times = self.tags + values["clock_s"]
        states, _ = self.dynamics.arc(self.epoch, truth, times)
        states = states + self.ephemeris.states(self.dynamics.center, times, "earth")
        frames = tuple(
            self._frame(i, float(times[i]), states[i], values, rng, i in outliers) for i in range(times.size)
        )
        return Run(case, self.dynamics, self.epoch, self.nominal, np.diag(sigma**2), truth, biases, frames)

    def _frame(
        self, i: int, et: float, state: Floats, values: dict[str, float], rng: np.random.Generator, bad: bool
    ) -> SeriesFrame:
        case = self.case
        place = baseline(self.ephemeris, et, state[:3], state[3:])
        vectors = {"earth": place.earth_km - state[:3], "moon": place.moon_km - state[:3]}
        assert place.observer_velocity_km_s is not None
        seen = {b: aberrate(unit(v), place.observer_velocity_km_s) for b, v in vectors.items()}
        middle = unit(seen["earth"] + seen["moon"])
        spacecraft = two_vector_rotation(middle, np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0]), np.eye(3)[1])
        boresight = values.get("boresight_x_rad:camera", 0.0), values.get("boresight_y_rad:camera", 0.0)
        camera = rotation_exp(np.array([*boresight, 0.0])) @ spacecraft
        attitude, laws = None, ()
        if case.star_sigma_rad is not None:
            spread = np.array([case.star_sigma_rad[0], case.star_sigma_rad[0], case.star_sigma_rad[1]])
            # The measured attitude is off by a draw of its own covariance.
            attitude = AttitudePrior(rotation_exp(spread * rng.standard_normal(3)) @ spacecraft, np.diag(spread**2))
        if case.law_sigma_rad is not None:
            anti_sun = -unit(self.ephemeris.position("sun", et, "earth"))
            shown = spacecraft @ anti_sun
            e1, e2 = tangent_basis(shown)
            error = case.law_sigma_rad * rng.standard_normal(2)
            laws = (
                DirectionLaw(unit(shown + error[0] * e1 + error[1] * e2), anti_sun, case.law_sigma_rad, "anti-Sun"),
            )
        fixes = []
        for body, vector in vectors.items():
            shown = camera @ seen[body]
            fix = self._fix(body, shown, float(np.linalg.norm(vector)), values[f"limb_km:{body}:visible"], rng)
            if bad and body == "moon":
                fix = replace(
                    fix, position_camera_km=fix.position_camera_km + 30.0 * fix.range_sigma_km * fix.direction
                )
            fixes.append(fix)
        return SeriesFrame(f"frame {i}", float(self.tags[i]), tuple(fixes), attitude=attitude, laws=laws)

    def _fix(self, body: str, shown: Floats, distance: float, height: float, rng: np.random.Generator) -> BodyFix:
        case = self.case
        radius = RADII_KM[body]
        pixels = np.tan(np.arcsin(radius / distance)) / case.pixel_rad
        points = max(int(2.0 * np.radians(case.half_arc_deg) * pixels), 8)
        noise = horizon_covariance(
            distance, radius, pixels, np.radians(case.half_arc_deg), case.noise_px, points
        ).covariance_km2
        angle = case.systematic_px * case.pixel_rad
        noise = noise + np.diag([angle * distance, angle * distance, angle * distance**2 / radius]) ** 2
        e1, e2 = tangent_basis(shown)
        to_z = np.diag([1.0 / distance, 1.0 / distance, -1.0 / distance**2])
        n = np.linalg.cholesky(to_z @ noise @ to_z * 1e12) @ rng.standard_normal(3) * 1e-6
        assumed = 20.5 if body == "earth" else 0.0
        # A limb that is higher than assumed makes the body look nearer.
        inverse = (1.0 / distance) * (radius + height) / (radius + assumed) + n[2]
        position = unit(shown + n[0] * e1 + n[1] * e2) / inverse
        m1, m2 = tangent_basis(unit(position))
        axes = np.vstack((m1, m2, unit(position)))
        return BodyFix(body, position, axes.T @ noise @ axes, limb_height_km=assumed)


def nees(error: Floats, covariance: Floats) -> float:
    """Normalised estimation error squared, with the decades taken out of the covariance."""
    scale = np.sqrt(np.diag(covariance))
    scaled = error / scale
    return float(scaled @ np.linalg.solve(covariance / np.outer(scale, scale), scaled))

"""Lost-in-space matching of random fields: none wrong, few refused; the claimed chance of a false match is honest."""

from __future__ import annotations

import numpy as np
import pytest

import star_fields
from terraluna.ephemeris import Ephemeris
from terraluna.opnav.stars import MatchOptions, Sky, match_stars, sky_at, solve_detections

FIELDS = 100
FALSE_DEG = 0.1
"""A wrong match is tens of degrees off; a right one a pixel of 0.04 degrees at most."""
REFUSED_SHARE = 0.05
"""Of the fields with more than four stars. Measured on 2,000 by benchmarks/star_campaign.py: 0.3 %."""
SCALE_TOLERANCE = 2e-3
"""Centroids of 0.1 px over 700 px among ten or more stars give the scale to 1e-4; distortion-free fields."""


@pytest.fixture(scope="module")
def sky(ephemeris: Ephemeris) -> Sky:
    return sky_at(ephemeris, ephemeris.et("2025-03-01T00:00:00"))


def test_random_fields(sky: Sky) -> None:
    refused = 0
    for k in range(FIELDS):
        field = star_fields.random_field(np.random.default_rng([77, k]), sky)
        solution = solve_detections(field.found, field.camera, sky)
        if solution.status == "refused":
            refused += field.real > 4
            assert np.isnan(solution.attitude).all()
            assert solution.reasons
            continue
        assert star_fields.off_by_deg(solution.attitude, field.attitude) < FALSE_DEG
        assert solution.false_match_probability <= 1e-3
    assert refused <= REFUSED_SHARE * FIELDS


def test_attitude_error_matches_its_covariance(sky: Sky) -> None:
    from scipy.spatial.transform import Rotation

    chi = []
    for k in range(40):
        field = star_fields.random_field(np.random.default_rng([78, k]), sky)
        s = solve_detections(field.found, field.camera, sky, MatchOptions(tolerance_px=0.2))
        if s.status == "ok" and len(s.names) > 8:
            delta = Rotation.from_matrix(field.attitude @ s.attitude.T).as_rotvec()
            chi.append(delta @ np.linalg.solve(s.covariance_rad2, delta))
    # Mean of chi-square with 3 degrees: 3; the covariance is scaled up, never down, by the misfit, so it errs low.
    sigma = np.sqrt(6.0 / len(chi))
    assert len(chi) > 20
    assert 1.5 < np.mean(chi) < 3.0 + 3.0 * sigma


def test_chance_of_a_false_match_is_a_bound(sky: Sky) -> None:
    # Fields without a star: a match claimed at 5 % may turn up in 5 % of them: in at most 6 of 40, says the binomial
    # distribution in 99 % of all cases.
    options = MatchOptions(accept=0.05, weak=0.05, most_trials=5_000)
    claims = 0
    for k in range(40):
        rng = np.random.default_rng([79, k])
        camera, found = star_fields.noise_field(rng, rng.uniform(10.0, 40.0), int(rng.integers(10, 30)))
        claims += match_stars(found.pixels, found.sigma_px, camera, sky, options) is not None
    assert claims <= 6


def test_mirrored_field_is_refused(sky: Sky) -> None:
    for k in range(6):
        field = star_fields.random_field(np.random.default_rng([80, k]), sky)
        mirrored = field.found.pixels * [-1.0, 1.0] + [star_fields.SIZE - 1.0, 0.0]
        options = MatchOptions(most_trials=20_000)
        assert match_stars(mirrored, field.found.sigma_px, field.camera, sky, options) is None


@pytest.mark.parametrize("error", [-0.03, 0.03])
def test_unknown_focal_length(sky: Sky, error: float) -> None:
    import dataclasses

    solved = 0
    for k in range(5):
        field = star_fields.random_field(np.random.default_rng([81, k]), sky)
        f = field.camera.focal_px_x * (1.0 + error)
        wrong = dataclasses.replace(field.camera, focal_px_x=f, focal_px_y=f)
        solution = solve_detections(field.found, wrong, sky, MatchOptions(focal_tolerance=0.05))
        if solution.status != "refused":
            solved += 1
            assert solution.scale == pytest.approx(1.0 / (1.0 + error), rel=SCALE_TOLERANCE)
            assert star_fields.off_by_deg(solution.attitude, field.attitude) < FALSE_DEG
            assert "focal_length_off" in solution.reasons
    assert solved >= 4


def test_too_few_detections(sky: Sky) -> None:
    camera, found = star_fields.noise_field(np.random.default_rng(1), 20.0, 3)
    solution = solve_detections(found, camera, sky)
    assert (solution.status, solution.reasons) == ("refused", ("too_few_detections",))
    assert np.isnan(solution.quaternion).all()

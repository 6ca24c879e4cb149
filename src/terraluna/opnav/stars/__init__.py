"""Attitude and camera calibration from stars: masks, centroids, lost-in-space match, attitude, calibration."""

from __future__ import annotations

from terraluna.opnav.stars.attitude import davenport
from terraluna.opnav.stars.calibrate import Calibration, CalibrationFrame, DiscSight, calibrate
from terraluna.opnav.stars.catalogue import Sky, sky_at
from terraluna.opnav.stars.extract import Detections, ExtractOptions, extract
from terraluna.opnav.stars.falsematch import false_match_probability
from terraluna.opnav.stars.masks import Disc, defect_mask, disc_mask, ghost_mask, scene_discs, smear_mask
from terraluna.opnav.stars.match import Match, MatchOptions, match_stars
from terraluna.opnav.stars.solve import StarSolution, default_extraction, solve_detections, solve_stars

__all__ = [
    "Calibration",
    "CalibrationFrame",
    "Detections",
    "Disc",
    "DiscSight",
    "ExtractOptions",
    "Match",
    "MatchOptions",
    "Sky",
    "StarSolution",
    "calibrate",
    "davenport",
    "default_extraction",
    "defect_mask",
    "disc_mask",
    "extract",
    "false_match_probability",
    "ghost_mask",
    "match_stars",
    "scene_discs",
    "sky_at",
    "smear_mask",
    "solve_detections",
    "solve_stars",
]

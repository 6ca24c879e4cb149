"""From limb points and lines of sight to positions with covariances."""

from __future__ import annotations

from terraluna.opnav.baseline import Baseline, baseline
from terraluna.opnav.covariance import HorizonCovariance, arc_points, horizon_covariance
from terraluna.opnav.evidence import (
    AttitudePrior,
    DirectionLaw,
    PositionPrior,
    SunEvidence,
    bright_limb_angle,
    bright_limb_angle_from_pixels,
)
from terraluna.opnav.horizon import linear_horizon_fix
from terraluna.opnav.horizon_tls import horizon_fix
from terraluna.opnav.limb_height import LIMB_HEIGHTS_KM, LimbHeight, limb_height_prior
from terraluna.opnav.los import Triangulation, second_range_roots, triangulate
from terraluna.opnav.prediction import two_body_covariance
from terraluna.opnav.twobody import fix_two_bodies
from terraluna.opnav.types import (
    BodyFix,
    FreeRotation,
    LimbDirections,
    LimbPoints,
    LineOfSight,
    PositionFix,
    Unprojector,
)
from terraluna.opnav.vectors import aberrate, limb_directions, remove_aberration

__all__ = [
    "LIMB_HEIGHTS_KM",
    "AttitudePrior",
    "Baseline",
    "BodyFix",
    "DirectionLaw",
    "FreeRotation",
    "HorizonCovariance",
    "LimbDirections",
    "LimbHeight",
    "LimbPoints",
    "LineOfSight",
    "PositionFix",
    "PositionPrior",
    "SunEvidence",
    "Triangulation",
    "Unprojector",
    "aberrate",
    "arc_points",
    "baseline",
    "bright_limb_angle",
    "bright_limb_angle_from_pixels",
    "fix_two_bodies",
    "horizon_covariance",
    "horizon_fix",
    "limb_directions",
    "limb_height_prior",
    "linear_horizon_fix",
    "remove_aberration",
    "second_range_roots",
    "triangulate",
    "two_body_covariance",
]

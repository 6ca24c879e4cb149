"""Orbit, clock and biases from a series of frames: batch least squares, square-root information filter, smoother."""

from __future__ import annotations

from terraluna.opnav.sequential.batch import fit_series
from terraluna.opnav.sequential.dynamics import Dynamics, KnownPath, OrbitPath, Path
from terraluna.opnav.sequential.output import covariances_at, fitted_trajectory, write_series_oem, write_series_spk
from terraluna.opnav.sequential.srif import filter_series
from terraluna.opnav.sequential.types import (
    Editing,
    FilterResult,
    FilterStep,
    FrameResult,
    SeriesFit,
    SeriesFrame,
    Sight,
    Unknown,
    Unknowns,
)

__all__ = [
    "Dynamics",
    "Editing",
    "FilterResult",
    "FilterStep",
    "FrameResult",
    "KnownPath",
    "OrbitPath",
    "Path",
    "SeriesFit",
    "SeriesFrame",
    "Sight",
    "Unknown",
    "Unknowns",
    "covariances_at",
    "filter_series",
    "fit_series",
    "fitted_trajectory",
    "write_series_oem",
    "write_series_spk",
]

"""Directions in the sky and on a body: unit vectors, from angles and between them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def unit(vectors: Floats | Sequence[float]) -> Floats:
    """Unit vectors along the last axis."""
    v = np.asarray(vectors, dtype=np.float64)
    return np.asarray(v / np.linalg.norm(v, axis=-1, keepdims=True))


def from_angles(longitude: float, latitude: float) -> Floats:
    """Unit vector (3,) of a longitude and a latitude, or of a right ascension and a declination, rad."""
    c = math.cos(latitude)
    return np.array([c * math.cos(longitude), c * math.sin(longitude), math.sin(latitude)])


def angle_between(a: Floats, b: Floats) -> float:
    """Angle between two vectors (3,), rad, precise for small and large ones (Kahan's formula)."""
    u, v = unit(a), unit(b)
    return float(2.0 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v)))

"""What all published facts about a spacecraft's place have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from terraluna.ephemeris.segments import Floats
from terraluna.trajectory.view import View


class Fact(BaseModel, ABC):
    """Shared by all: ``at`` is a UTC date or the name of a free time; ``used = false`` makes it a mere check."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: str
    sigma: float = Field(gt=0)
    used: bool = True
    label: str = ""
    source: str = ""

    @property
    @abstractmethod
    def observed(self) -> Floats:
        """Published values (k,), in the unit of ``sigma``."""

    @abstractmethod
    def computed(self, view: View) -> Floats:
        """The same quantities for a trial state (k,)."""

    def difference(self, view: View) -> Floats:
        """Computed minus observed (k,), in the unit of ``sigma``."""
        return self.computed(view) - self.observed


class ZeroFact(Fact):
    """A fact that is met where its quantity is zero: a contact, a limit that is kept, a place in a plane."""

    @property
    def observed(self) -> Floats:
        """Zero."""
        return np.zeros(1)


def wrap(degrees: float) -> float:
    """A difference of two angles, degrees, -180 to 180."""
    return float((degrees + 180.0) % 360.0 - 180.0)

"""Published claims beside the recomputed values."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from terraluna.ephemeris import Ephemeris
from terraluna.errors import CatalogueError
from terraluna.missions.catalogue import load_mission
from terraluna.missions.model import ClaimSpec, MissionSpec
from terraluna.missions.quantities import Value, compute
from terraluna.missions.view import MissionView

Verdict = Literal["agrees", "disagrees", "contradiction"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClaimResult:
    """A claim, what was published, and what comes out.

    ``contradiction`` means that the claim fails, and that the caption itself also claims something which cannot be
    true at the same time; the note says what.
    """

    mission: str
    claim: str
    published: Value
    computed: Value
    tolerance: float | None
    unit: str
    verdict: Verdict
    quality: str
    at_utc: str
    note: str
    source: str


def check_claims(ephemeris: Ephemeris, missions: Iterable[str]) -> list[ClaimResult]:
    """Recompute every claim of the missions named, in order."""
    out: list[ClaimResult] = []
    for mission_id in missions:
        spec = load_mission(mission_id)
        view = MissionView(spec, ephemeris)
        for claim in spec.claims:
            _log.debug("%s: %s", mission_id, claim.id)
            out.append(_check(view, spec, claim))
    return out


def _check(view: MissionView, spec: MissionSpec, claim: ClaimSpec) -> ClaimResult:
    et = view.portrait_et if claim.at is None else view.ephemeris.et(claim.at)
    computed = compute(claim.quantity, view, et, claim.arguments)
    if isinstance(claim.published, str) != isinstance(computed, str):
        raise CatalogueError(f"{spec.id}.toml: claim {claim.id!r}: published and computed are not of one kind")
    if isinstance(claim.published, str) or isinstance(computed, str):
        holds = claim.published == computed
    else:
        holds = abs(_difference(computed, claim.published, claim.unit)) <= (claim.tolerance or 0.0)
    known = {c.id for c in spec.claims}
    if claim.contradicts is not None and claim.contradicts not in known:
        raise CatalogueError(
            f"{spec.id}.toml: claim {claim.id!r} contradicts {claim.contradicts!r}, which is not there"
        )
    verdict: Verdict = "agrees" if holds else "contradiction" if claim.contradicts else "disagrees"
    return ClaimResult(
        mission=spec.id,
        claim=claim.claim,
        published=claim.published,
        computed=computed,
        tolerance=claim.tolerance,
        unit=claim.unit,
        verdict=verdict,
        quality=spec.quality,
        at_utc=view.ephemeris.utc(et, 0),
        note=claim.note,
        source=claim.source,
    )


def _difference(a: float, b: float, unit: str) -> float:
    if unit == "deg":
        return (a - b + 180.0) % 360.0 - 180.0
    return a - b

"""A plan worked out: each proposal with framing, exposure, chance and downlink, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from terraluna.ephemeris import Ephemeris
from terraluna.errors import TerralunaError
from terraluna.plan.budget import Budget, budget
from terraluna.plan.framing import Framing, frame
from terraluna.plan.planner import Plan, Proposal
from terraluna.scene import Scene, build_scene
from terraluna.scene.apparent import Observer

if TYPE_CHECKING:
    from terraluna.plan.exposure import FilterExposure
    from terraluna.plan.probability import Chance
    from terraluna.render.materials import Material


@dataclass(frozen=True)
class Detail:
    """A proposal worked out; parts that were not asked for, or can't be had, are None, ``notes`` say why."""

    proposal: Proposal
    framing: Framing | None
    exposure: list[FilterExposure] | None
    chance: Chance | None
    budget: Budget | None
    notes: tuple[str, ...]


def proposal_scene(proposal: Proposal, ephemeris: Ephemeris) -> Scene:
    """The scene at the best moment, with camera and attitude where there are such."""
    trajectory = proposal.leg.trajectory
    observer = Observer.from_state(ephemeris, proposal.best, trajectory.state(proposal.best), trajectory.center)
    attitude = None
    if proposal.camera is not None:
        from terraluna.plan.framing import attitudes

        attitude = attitudes(proposal.pointing, proposal.leg, np.array([proposal.best]))[0]
    return build_scene(
        ephemeris, observer, quality=trajectory.quality, camera=proposal.camera, attitude=attitude
    )  # fmt: skip


def work_out(
    plan: Plan, proposal: Proposal, ephemeris: Ephemeris, materials: dict[str, Material] | None = None
) -> Detail:
    """Framing, exposure, chance and downlink of one proposal."""
    request, camera = plan.request, proposal.camera
    if camera is None:
        return Detail(proposal, None, None, None, None, ())
    notes: list[str] = []
    span = proposal.start, proposal.end
    framing = chance = exposure = None
    want = request.want
    bodies = bool(want.both_inside or want.earth_inside), bool(want.both_inside or want.moon_inside)
    try:
        framing = frame(
            camera, proposal.pointing, proposal.leg, span, proposal.best, want.margin_px,
            bodies if any(bodies) else (True, True),
        )  # fmt: skip
        if request.errors is not None:
            from terraluna.plan.probability import chance as work_out_chance

            chance = work_out_chance(
                ephemeris, camera, proposal.pointing, proposal.leg, span, proposal.best, request.errors
            )
        if request.exposure is not None:
            from terraluna.plan.exposure import plan_exposure

            exposure = plan_exposure(proposal_scene(proposal, ephemeris), request.exposure, materials)
    except TerralunaError as error:
        notes.append(str(error))
    down = None if request.downlink is None else budget(camera, request.downlink)
    return Detail(proposal, framing, exposure, chance, down, tuple(notes))


def plan_report(plan: Plan, details: list[Detail], ephemeris: Ephemeris) -> dict[str, Any]:
    """JSON-ready plan: ``windows`` ranked, degrees and UTC; ``conflict`` where there is none."""
    out: dict[str, Any] = {
        "name": plan.title,
        "start_utc": plan.request.start,
        "stop_utc": plan.request.stop,
        "trajectories": [{"name": leg.trajectory.name, "quality": leg.trajectory.quality} for leg in plan.legs],
        "found": plan.found,
        "windows": [_window(detail, k + 1, ephemeris) for k, detail in enumerate(details)],
    }
    if plan.conflict:
        out["conflict"] = plan.conflict
    return out


def _window(detail: Detail, rank: int, ephemeris: Ephemeris) -> dict[str, Any]:
    p = detail.proposal
    out: dict[str, Any] = {
        "rank": rank,
        "start_utc": ephemeris.utc(p.start),
        "end_utc": ephemeris.utc(p.end),
        "best_utc": ephemeris.utc(p.best),
        "why": p.why,
        "duration_s": p.end - p.start,
        "score": p.score,
        "camera": None if p.camera is None else p.camera.id,
        "quality": p.leg.trajectory.quality,
        "view": dict(p.view),
    }
    if detail.framing is not None:
        f = detail.framing
        out["framing"] = {
            "quaternion": [float(v) for v in f.quaternion],
            "ra_deg": f.ra_deg,
            "dec_deg": f.dec_deg,
            "roll_ranges_deg": [list(r) for r in f.roll_ranges_deg],
            "slew_deg_s": f.slew_deg_s,
            "alternatives": [
                {
                    "law": a.name,
                    "earth_margin_px": a.earth_margin_px,
                    "moon_margin_px": a.moon_margin_px,
                    "framed_share": a.framed_share,
                }
                for a in f.alternatives
            ],
        }
    if detail.exposure is not None:
        out["exposure"] = [_exposure(e) for e in detail.exposure]
    if detail.chance is not None:
        c = detail.chance
        out["probability"] = {
            "both": c.both,
            "standard_error": c.error,
            "earth": c.earth,
            "moon": c.moon,
            "expected_limb_share": {"earth": c.coverage[0], "moon": c.coverage[1]},
            "series": {
                "frames": c.series.frames,
                "cadence_s": c.series.cadence_s,
                "probability": c.series.probability,
                "reaches_wish": c.reached,
            },
            "navigation_sigma_km": c.navigation_sigma_km,
            "navigation_driven_by": c.navigation_driven_by,
        }
    if detail.budget is not None:
        b = detail.budget
        out["downlink"] = {
            "picture_bytes": b.picture_bytes,
            "packets": b.packets,
            "sent_bytes": b.sent_bytes,
            "minutes": b.minutes,
            "expected_lost_packets": b.expected_lost,
            "complete_probability": b.complete_probability,
        }
    if detail.notes:
        out["notes"] = list(detail.notes)
    return out


def _exposure(e: FilterExposure) -> dict[str, Any]:
    return {
        "filter": e.filter,
        "exposures_s": list(e.exposures_s),
        "bracket": len(e.exposures_s) > 1,
        "clipped": dict(e.clipped),
        "snr": dict(e.snr),
        "smear_px": e.smear_px,
        "rate_limit_deg_s": e.rate_limit_deg_s,
        "bodies": {
            name: {"shortest_s": b.shortest_s, "longest_s": b.longest_s, "histogram": [float(v) for v in b.histogram]}
            for name, b in e.bodies.items()
        },
        "histogram_edges_e_s": [float(v) for v in e.edges_e_s],
        "refused": e.refused,
    }

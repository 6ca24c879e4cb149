"""The scene as plain data: the contract of ``terraluna scene --json``. Degrees and UTC begin here."""

from __future__ import annotations

import math
from typing import Any

from terraluna.scene.apparent import SurfacePoint
from terraluna.scene.bodies import BodyView
from terraluna.scene.scene import BodyPixels, Scene


def scene_report(scene: Scene) -> dict[str, Any]:
    """JSON-ready description; longitudes east positive -180..180, latitudes planetocentric, apparent places CN+S."""
    elongation = scene.sun_elongation_rad
    return {
        "utc": scene.utc,
        "et": scene.et,
        "observer": {
            "position_j2000_km": [float(v) for v in scene.observer.position_j2000_km],
            "velocity_j2000_km_s": [float(v) for v in scene.observer.velocity_j2000_km_s],
            "quality": scene.quality,
        },
        "earth": _body(scene, scene.earth),
        "moon": _body(scene, scene.moon),
        "separation_deg": math.degrees(scene.separation_rad),
        "depth_order": list(scene.depth_order),
        "event": scene.event,
        "sun": {
            "range_km": scene.sun.range_km,
            "elongation_from_boresight_deg": None if elongation is None else math.degrees(elongation),
        },
        "camera": None if scene.camera is None else scene.camera.id,
    }


def _body(scene: Scene, view: BodyView) -> dict[str, Any]:
    ra, dec = view.ra_dec_rad
    return {
        "range_km": view.range_km,
        "angular_radius_deg": math.degrees(view.angular_radius_rad),
        "phase_deg": math.degrees(view.phase_rad),
        "lit_fraction": view.lit_fraction,
        "ra_deg": math.degrees(ra),
        "dec_deg": math.degrees(dec),
        "sub_observer": _point(view.sub_observer),
        "sub_solar": _point(view.sub_solar),
        "bright_limb_pa_deg": math.degrees(view.bright_limb_pa_rad),
        "north_pole_pa_deg": math.degrees(view.north_pole_pa_rad),
        "frame": view.frame,
        "pixel": _pixels(scene.pixels(view.name)),
    }


def _point(point: SurfacePoint) -> dict[str, float]:
    return {"lat_deg": math.degrees(point.lat), "lon_deg": math.degrees(point.lon)}


def _pixels(pixels: BodyPixels | None) -> dict[str, Any] | None:
    if pixels is None:
        return None
    limb = pixels.limb
    return {
        "x": pixels.x,
        "y": pixels.y,
        "radius": limb.radius,
        "in_frame": pixels.in_frame,
        "partly_in_frame": pixels.partly_in_frame,
        "limb": {
            "x": limb.x,
            "y": limb.y,
            "semi_major": limb.semi_major,
            "semi_minor": limb.semi_minor,
            "angle_deg": math.degrees(limb.angle),
        },
        "north_angle_deg": math.degrees(pixels.north_angle_rad),
        "bright_limb_angle_deg": math.degrees(pixels.bright_limb_angle_rad),
    }

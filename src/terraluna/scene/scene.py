"""The scene: what stands where at an instant, for one observer and, if given, one camera and attitude."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from terraluna.camera.model import Camera
from terraluna.ephemeris import Ephemeris, angle_between
from terraluna.ephemeris.segments import Floats
from terraluna.errors import GeometryError
from terraluna.scene.apparent import ApparentPlace, Observer, apparent_place
from terraluna.scene.bodies import BodyName, BodyView, view_body
from terraluna.scene.events import Event, classify_event, depth_order
from terraluna.scene.limb import Ellipse, fit_ellipse


@dataclass(frozen=True)
class BodyPixels:
    """A body in the image.

    Attributes:
        x, y: image of the body's centre, px; (0, 0) is the centre of the first pixel, y points down.
        limb: ellipse through the image of the limb (its centre is not the image of the body's centre).
        outline: (n, 2) px, the exact image of the limb through the distorted camera.
        in_frame: the whole disc lies on the detector.
        partly_in_frame: some of it does.
        north_angle_rad: direction of the body's north pole in the image, from up, counter-clockwise positive.
        bright_limb_angle_rad: direction of the middle of the lit limb, the same way.
    """

    x: float
    y: float
    limb: Ellipse
    outline: Floats
    in_frame: bool
    partly_in_frame: bool
    north_angle_rad: float
    bright_limb_angle_rad: float


@dataclass(frozen=True)
class Scene:
    """Both bodies, the Sun and the observer at one instant. Build it with :func:`build_scene`."""

    et: float
    utc: str
    observer: Observer
    quality: str
    earth: BodyView
    moon: BodyView
    sun: ApparentPlace
    camera: Camera | None
    attitude: Floats | None

    @property
    def bodies(self) -> tuple[BodyView, BodyView]:
        """Earth and Moon."""
        return self.earth, self.moon

    def body(self, name: BodyName) -> BodyView:
        """One of the two by name."""
        return self.earth if name == "earth" else self.moon

    @property
    def separation_rad(self) -> float:
        """Angle between the apparent centres."""
        return angle_between(self.earth.center_j2000_km, self.moon.center_j2000_km)

    @property
    def depth_order(self) -> tuple[str, str]:
        """Names, nearest first."""
        return depth_order(self.earth, self.moon)

    @property
    def event(self) -> Event:
        """Transit, occultation, or neither."""
        return classify_event(self.earth, self.moon)

    @property
    def sun_elongation_rad(self) -> float | None:
        """Angle of the Sun from the camera's boresight, None without an attitude."""
        if self.attitude is None:
            return None
        return angle_between(self.attitude[2], self.sun.vector_km)

    def pixels(self, name: BodyName, n: int = 360) -> BodyPixels | None:
        """Where a body falls in the image; None without a camera or where the camera cannot see the whole limb."""
        if self.camera is None or self.attitude is None:
            return None
        view = self.body(name)
        camera = self.camera
        outline = camera.project(view.limb_j2000_km(n) @ self.attitude.T)
        center = camera.project((self.attitude @ view.center_j2000_km)[None, :])[0]
        if not (np.isfinite(outline).all() and np.isfinite(center).all()):
            return None
        try:
            limb = fit_ellipse(outline)
        except GeometryError:
            return None
        low, high = outline.min(axis=0), outline.max(axis=0)
        edge = np.array([camera.width, camera.height]) - 0.5
        inside = bool((low >= -0.5).all() and (high <= edge).all())
        partly = bool((high > -0.5).all() and (low < edge).all())
        north = self.image_angle(view, view.rotation[2])
        bright = self.image_angle(view, view.sun_direction_j2000)
        return BodyPixels(float(center[0]), float(center[1]), limb, outline, inside, partly, north, bright)

    def image_angle(self, view: BodyView, direction: Floats) -> float:
        """Direction of a J2000 vector (3,) at a body's image: from up, counter-clockwise positive, rad, -pi to pi."""
        if self.camera is None or self.attitude is None:
            raise GeometryError("a direction in the image needs a camera and an attitude; name a mission or a camera")
        # A short step keeps to the tangent of the image, whatever the distortion.
        step = view.center_j2000_km + 1e-4 * float(np.linalg.norm(view.center_j2000_km)) * direction
        a, b = self.camera.project(np.stack([view.center_j2000_km, step]) @ self.attitude.T)
        return float(np.arctan2(-(b[0] - a[0]), -(b[1] - a[1])))


def build_scene(
    ephemeris: Ephemeris,
    observer: Observer,
    *,
    quality: str,
    camera: Camera | None = None,
    attitude: Floats | None = None,
) -> Scene:
    """The scene of an observer.

    Args:
        ephemeris: open ephemeris.
        observer: place and time of the camera.
        quality: honest quality of the observer's place (``telemetry``, ``navigation``, ``ephemeris`` ...).
        camera: camera model, or None for the sky alone.
        attitude: (3, 3) J2000 to camera axes (+x right, +y down, +z boresight).

    Raises:
        GeometryError: NaN state, observer inside a body, attitude that is not a rotation.
        CoverageError: time outside DE440.
    """
    if attitude is not None:
        attitude = np.asarray(attitude, dtype=np.float64)
        if attitude.shape != (3, 3) or not np.allclose(attitude @ attitude.T, np.eye(3), atol=1e-6):
            raise GeometryError("the camera's attitude is not a rotation matrix; check its quaternion or axes")
    return Scene(
        et=observer.et,
        utc=ephemeris.utc(observer.et),
        observer=observer,
        quality=quality,
        earth=view_body(ephemeris, "earth", observer),
        moon=view_body(ephemeris, "moon", observer),
        sun=apparent_place(ephemeris, "sun", observer),
        camera=camera,
        attitude=attitude,
    )

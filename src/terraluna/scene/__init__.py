"""What stands where at an instant, in the sky and in the image."""

from terraluna.scene.apparent import Observer
from terraluna.scene.bodies import BodyView
from terraluna.scene.report import scene_report
from terraluna.scene.scene import BodyPixels, Scene, build_scene

__all__ = ["BodyPixels", "BodyView", "Observer", "Scene", "build_scene", "scene_report"]

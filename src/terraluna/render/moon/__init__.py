"""The radiometric Moon: Hapke's law with measured parameters, at the level of the measured disc, with relief."""

from terraluna.render.moon.earthlight import EarthLight
from terraluna.render.moon.material import RadiometricMoon

__all__ = ["EarthLight", "RadiometricMoon"]

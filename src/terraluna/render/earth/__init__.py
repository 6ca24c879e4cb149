"""The radiometric Earth: land, sea, clouds, air and limb as radiance factors from 300 to 1100 nm."""

from terraluna.render.earth.clouds import load_cloud_netcdf
from terraluna.render.earth.columns import EarthOptics
from terraluna.render.earth.material import RadiometricEarth

__all__ = ["EarthOptics", "RadiometricEarth", "load_cloud_netcdf"]

"""Sunlight and the Moon: spectra, bands, limb darkening, disc models, resolved reflectance, earthshine and star fluxes.

Wavelengths are vacuum nanometres, spectral irradiances W m-2 nm-1, angles radians unless a name says ``_deg``.
``radiance factor`` is I/F = pi L / F with F the solar irradiance on a surface facing the Sun.
The room uses packaged tables only (``terraluna/data/photometry``, each with its source in SOURCES.md).
"""

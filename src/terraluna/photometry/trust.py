"""What the level of a rendered Moon rests on: inside the data of the measured disc, or beyond them."""

from __future__ import annotations

from collections.abc import Iterable

from terraluna.photometry.lunar_disc import disc_reflectance


def moon_level_notes(phase_rad: float, wavelengths_nm: Iterable[float]) -> tuple[str, ...]:
    """Return a line for each limit of the disc model (LIME 2025-10) that a phase or a band passes; none if inside.

    Args:
        phase_rad: Sun, Moon's centre, observer.
        wavelengths_nm: effective wavelengths of the bands.

    Raises:
        InputError: see :func:`~terraluna.photometry.lunar_disc.disc_reflectance`.
    """
    notes = (note for nm in wavelengths_nm for note in disc_reflectance(nm, phase_rad).notes)
    return tuple(dict.fromkeys(notes))

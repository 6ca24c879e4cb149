"""Checking what a header claims against the ephemeris and against itself.

A contradiction is a warning that names the keyword; nothing is ever corrected. Two kinds of evidence are used: where
the Sun, the planets and the Moon are (DE440), and whether the header's own positions, distances and angles fit one
another. Tolerances are physical, not statistical: how far a body moves while the header's epoch is uncertain, plus
light time and aberration (archives mix geometric and apparent places), plus the digits printed.
"""

from terraluna.frames.sanity.check import check_header
from terraluna.frames.sanity.times import check_times, fill_times

__all__ = ["check_header", "check_times", "fill_times"]

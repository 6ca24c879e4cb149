"""How the renderer's kernels are compiled."""

from __future__ import annotations

from typing import Final

FAST: Final = {"contract", "arcp", "nsz"}
"""Liberties that the compiler may take with rounding: fused multiply-add, products with a reciprocal, the sign of zero.

They cost a last digit and save a third of the time. Not-a-number and infinity keep their meaning, and the order of sums
is kept, so that a frame is the same, bit for bit, on any number of threads.
"""

"""Earth-Moon group photos from spacecraft: plan, predict, develop and navigate by them.

Importing this package is cheap; heavy libraries are imported by the functions that need them.
The public names are in :mod:`terraluna.api`.
"""

__version__ = "0.1.0"

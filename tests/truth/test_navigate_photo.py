"""A photo with EXIF and an OEM through the command: focal length, place, and what an incomplete label says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from scipy.stats import chi2
from typer.testing import CliRunner

import photos
from terraluna.cli.navigate import navigate
from terraluna.ephemeris import Ephemeris
from terraluna.errors import InputError

app = typer.Typer()
app.command()(navigate)

FOCAL_RELATIVE = 0.003
"""A fifth of a pixel of the Moon's radius of 67 px."""


def run(*arguments: str | Path) -> dict:  # type: ignore[type-arg]
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"], catch_exceptions=False)
    report = json.loads(result.stdout)
    assert result.exit_code == (1 if report["status"] == "refused" else 0)
    return report  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def taken(ephemeris: Ephemeris, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, NDArray[np.float64]]:
    return photos.take(ephemeris, tmp_path_factory.mktemp("photo"))  # type: ignore[no-any-return]


def test_focal_length_and_place(taken: tuple[Path, Path, NDArray[np.float64]]) -> None:
    photo, oem, truth = taken
    fix = run(photo, "--trajectory", oem)["fixes"][0]
    assert fix["utc"].startswith("2022-11-28T21:12:40.25")
    focal = fix["focal"]
    assert focal["label_px"] == pytest.approx(photos.FOCAL_PX, rel=0.02)
    assert abs(focal["label_px"] - photos.FOCAL_PX) > 10.0
    assert focal["focal_px"] == pytest.approx(photos.FOCAL_PX, rel=FOCAL_RELATIVE)
    assert abs(focal["focal_px"] - photos.FOCAL_PX) < 3.0 * focal["sigma_px"]
    error = np.array(fix["position_earth_j2000_km"]) - truth
    assert error @ np.linalg.solve(np.array(fix["covariance_km2"]), error) < chi2.ppf(0.9973, 3)
    # Nothing but the light says how the camera is turned about the line of both bodies.
    assert fix["driven_by"]["attitude"] == "bright_limb"
    assert fix["status"] == "ok"


def test_without_the_trajectory_at_its_time_a_label_is_not_enough(
    taken: tuple[Path, Path, NDArray[np.float64]],
) -> None:
    photo, oem, _ = taken
    report = run(photo, "--trajectory", oem, "--at", "2030-01-01T00:00:00")
    assert report["status"] == "refused"
    assert report["fixes"][0]["reasons"] == ["focal_length_not_refined"]


@pytest.mark.parametrize(
    ("tags", "text"),
    [
        ({"FocalLengthIn35mmFilm": None}, "the label gives no focal length; name the camera"),
        ({"DateTimeOriginal": None}, "its time is not known; give it with --at"),
    ],
)
def test_incomplete_labels(
    tags: dict[str, None],
    text: str,
    taken: tuple[Path, Path, NDArray[np.float64]],
    ephemeris: Ephemeris,
    tmp_path: Path,
) -> None:
    photo, _, _ = photos.take(ephemeris, tmp_path, **tags)
    with pytest.raises(InputError, match=text):
        run(photo, "--trajectory", taken[1])


def test_a_clock_without_zone_is_marked(
    taken: tuple[Path, Path, NDArray[np.float64]], ephemeris: Ephemeris, tmp_path: Path
) -> None:
    photo, _, _ = photos.take(ephemeris, tmp_path, OffsetTimeOriginal=None)
    assert "time_zone_unknown" in run(photo, "--trajectory", taken[1])["fixes"][0]["reasons"]


def test_something_has_to_be_known(taken: tuple[Path, Path, NDArray[np.float64]]) -> None:
    with pytest.raises(InputError, match="say what is known: --mission M, --trajectory FILE"):
        run(taken[0])
    with pytest.raises(InputError, match=r"nothing\.oem: no such file; name an OEM or an SPK"):
        run(taken[0], "--trajectory", "nothing.oem")
    with pytest.raises(InputError, match=r"photo\.jpg: is not a valid CCSDS OEM"):
        run(taken[0], "--trajectory", taken[0])

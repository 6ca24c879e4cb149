"""Make the pictures of docs/images that lay rendered frames beside real ones.

    python tools/build_docs_pictures.py [transit] [earth] [eclipse]

The real frames are those of the tests (``TERRALUNA_TEST_DATA``): the still of DSCOVR's transit and the EPIC frame of
2019-06-13 (NASA, public domain), and frames 226 and 229 of Longjiang-2 (Harbin Institute of Technology and the
amateur-radio community, CC BY 4.0). Look at what comes out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "images"
DATA = Path(os.environ.get("TERRALUNA_TEST_DATA", ROOT / ".." / "shared" / "data"))
sys.path.insert(0, str(ROOT / "tests"))

Picture = NDArray[np.uint8]

SIDE = 800
GAP = 6
LABEL = 20
MARK = (255, 210, 0)


def labelled(picture: Image.Image, text: str) -> Image.Image:
    """The picture with a line of text above it."""
    out = Image.new("RGB", (picture.width, picture.height + LABEL), (16, 18, 22))
    out.paste(picture, (0, LABEL))
    ImageDraw.Draw(out).text((4, 3), text, fill=(225, 225, 225), font=ImageFont.load_default(13))
    return out


def beside(pictures: Sequence[Image.Image], vertical: bool = False) -> Image.Image:
    """Pictures in a row, or in a column."""
    size = (
        (max(p.width for p in pictures), sum(p.height for p in pictures) + GAP * (len(pictures) - 1))
        if vertical
        else (sum(p.width for p in pictures) + GAP * (len(pictures) - 1), max(p.height for p in pictures))
    )
    out = Image.new("RGB", size, (16, 18, 22))
    at = 0
    for picture in pictures:
        out.paste(picture, (0, at) if vertical else (at, 0))
        at += (picture.height if vertical else picture.width) + GAP
    return out


def save(picture: Image.Image, name: str) -> None:
    """Write a JPEG of the documentation."""
    picture.save(OUT / name, quality=88)
    print(f"{OUT / name}: {picture.width} x {picture.height} px, {(OUT / name).stat().st_size // 1024} kB")


def developed(image: NDArray[np.float64], white: float) -> Image.Image:
    """I/F in the portrait's bands as a picture."""
    from terraluna.render.natural import natural_colour
    from terraluna.render.stretch import to_picture

    return Image.fromarray(np.asarray(to_picture(natural_colour(image), white=white), dtype=np.uint8))


def transit() -> None:
    """The filter wheel's sequence, noise included, beside the published still."""
    from terraluna.ephemeris import Ephemeris
    from terraluna.instrument.sequence import simulate_sequence
    from terraluna.missions.view import MissionView

    with Ephemeris() as ephemeris:
        view = MissionView.open("dscovr", ephemeris)
        image = simulate_sequence(view.scene, view.portrait_et, view.camera).composite()
        earth = view.scene().pixels("earth")
    assert earth is not None
    ours = developed(image, 0.7)
    # The still's Earth is 620.8 px across about (381.5, 429.0): its SOURCE note.
    scale = 2.0 * earth.limb.radius / 620.8
    left, top = earth.x - 381.5 * scale, earth.y - 429.0 * scale
    box = (left, top, left + SIDE * scale, top + SIDE * scale)
    ours = ours.transform((SIDE, SIDE), Image.Transform.EXTENT, box, Image.Resampling.BICUBIC)
    real = Image.open(DATA / "published" / "dscovr_transit_20150716_still.jpg").convert("RGB")
    save(beside([labelled(ours, "rendered"), labelled(real, "published (NASA)")]), "epic_transit.jpg")


def earth() -> None:
    """A frame rendered from the metadata of a real one, with the packaged clouds, beside it."""
    import epic_frame
    from terraluna.ephemeris import Ephemeris
    from terraluna.render.frame import render_frame
    from terraluna.render.from_scene import render_bodies

    with Ephemeris() as ephemeris:
        scene = epic_frame.scene(ephemeris, epic_frame.metadata(DATA))
        camera, place = scene.camera, scene.pixels("earth")
        assert camera is not None
        assert place is not None
        # The published frame is centred on the Earth.
        camera = replace(camera, cx=camera.cx + 1023.5 - place.x, cy=camera.cy + 1023.5 - place.y)
        frame = render_frame(camera, render_bodies(replace(scene, camera=camera)), psf=camera.psf)
    ours = developed(frame.image, 0.85)
    real = Image.open(DATA / f"{epic_frame.NAME}.png").convert("RGB")
    cut = (200, 200, 1848, 1848)
    pair = [p.crop(cut).resize((SIDE, SIDE), Image.Resampling.LANCZOS) for p in (ours, real)]
    save(
        beside([labelled(pair[0], "rendered, clouds of another day"), labelled(pair[1], "EPIC (NASA)")]),
        "epic_2019.jpg",
    )


def eclipse() -> None:
    """Frames 226 and 229 of Longjiang-2 and their renderings, green light; the Earth enlarged, the shadow marked."""
    import eclipse_frames as measured
    from terraluna.camera.catalogue import load_camera
    from terraluna.downlink import decode_files
    from terraluna.ephemeris import Ephemeris
    from terraluna.render.stretch import srgb
    from terraluna.render.surfaces import surface_materials
    from terraluna.trajectory.source import trajectory_from_spec

    materials = surface_materials()
    rows = []
    with Ephemeris() as ephemeris:
        trajectory = trajectory_from_spec(measured.STATE_28_JUNE, ephemeris)
        for number, frame in measured.FRAMES.items():
            path = DATA / "longjiang2" / "ssdv" / f"img_{number}.ssdv"
            real = decode_files([path])[0].pixels[:, :, 1].astype(np.float64)
            disc = measured.disc(real, frame.earth_near)
            scene, _, _ = measured.fitted(ephemeris, trajectory, load_camera("longjiang-2-2x"), frame, real, materials)
            light = measured.draw(scene, materials)
            rows_px, columns_px = np.indices(light.shape)
            on_earth = np.hypot(columns_px - disc[0], rows_px - disc[1]) < disc[2]
            # Exposed like the frame: the Earth's brighter half has the brightness that it has there.
            level = np.quantile(light[on_earth], 0.75)
            ours = 255.0 * srgb(light / level * linear(np.quantile(real[on_earth], 0.75) / 255.0))
            spot = measured.dark_spot(real, disc)
            wholes, insets = [], []
            for picture, text in ((real, f"frame {number}, received"), (ours, f"frame {number}, rendered")):
                place = measured.disc(picture, disc[:2])
                grey = Image.fromarray(np.clip(picture, 0.0, 255.0).astype(np.uint8)).convert("RGB")
                wholes.append(labelled(grey.resize((400, 300), Image.Resampling.LANCZOS), text))
                insets.append(inset(grey, place, spot))
            rows.append(beside([wholes[0], insets[0], wholes[1], insets[1]]))
    save(beside(rows, vertical=True), "eclipse_2019.jpg")


def linear(code: float) -> float:
    """The light of an sRGB code, both 0 to 1."""
    return float(((code + 0.055) / 1.055) ** 2.4)


def inset(picture: Image.Image, disc: tuple[float, float, float], spot: NDArray[np.float64]) -> Image.Image:
    """The Earth enlarged, with a ring of 2 px radius where the real frame has the shadow."""
    x, y, _ = disc
    half, side = 42.0, 300
    box = (x + 0.5 - half, y + 0.5 - half, x + 0.5 + half, y + 0.5 + half)
    out = picture.transform((side, side), Image.Transform.EXTENT, box, Image.Resampling.BICUBIC)
    zoom = side / (2.0 * half)
    u, v = (half + spot) * zoom
    ring = 2.0 * zoom
    ImageDraw.Draw(out).ellipse((u - ring, v - ring, u + ring, v + ring), outline=MARK, width=2)
    return labelled(out, "Earth; ring: the shadow as received")


def main() -> None:
    """Make the pictures that are named, or all."""
    known = {"transit": transit, "earth": earth, "eclipse": eclipse}
    for name in sys.argv[1:] or list(known):
        known[name]()


if __name__ == "__main__":
    main()

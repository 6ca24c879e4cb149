"""Public frames from the network, checked by SHA-256 and kept in a cache.

The registries (``data/fetch/<mission>.json``) hold base address, licence and the checksum of every file. A file that
was cut off is asked for from where it ended, if the server can do that.
"""

from __future__ import annotations

import hashlib
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from importlib.resources import files as resource_files
from pathlib import Path
from typing import Any, Final

from terraluna import __version__
from terraluna.errors import InputError, OutputError

log = logging.getLogger(__name__)

_TIMEOUT_S: Final = 20.0
_PIECE: Final = 65536
_SPARE: Final = 4096
"""Bytes beyond a file's known size after which a server is not believed."""


@dataclass(frozen=True)
class Registry:
    """The public files of a mission.

    Attributes:
        mission: its id.
        base_url: folder of the files, ending in a slash.
        licence: whose they are and how they may be used.
        checksums: SHA-256 by file name.
        sizes: bytes by file name.
    """

    mission: str
    base_url: str
    licence: str
    checksums: dict[str, str]
    sizes: dict[str, int]

    def select(self, names: list[str] | None) -> list[str]:
        """The names to fetch: those given, or all; InputError for one that isn't in the registry."""
        for name in names or []:
            if name not in self.checksums:
                raise InputError(
                    f"{name}: is not among the public files of {self.mission}; they are "
                    f"{', '.join(list(self.checksums)[:4])} ... ({len(self.checksums)} files)"
                )
        return list(dict.fromkeys(names)) if names else list(self.checksums)


@dataclass(frozen=True)
class Fetched:
    """What a fetch gave: folder, all paths, and the names that came over the network this time."""

    folder: Path
    base_url: str
    paths: tuple[Path, ...]
    fetched: tuple[str, ...]


def load_registry(mission: str) -> Registry:
    """The registry of a mission.

    Raises:
        InputError: unknown mission, or one without public frames here.
    """
    from terraluna.missions.catalogue import load_mission

    spec = load_mission(mission)
    place = resource_files("terraluna").joinpath(f"data/fetch/{spec.id}.json")
    if not place.is_file():
        raise InputError(f"{spec.id}: no public frames are registered for this mission; try longjiang-2")
    data: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    return Registry(
        mission=data["mission"],
        base_url=data["base_url"],
        licence=data["licence"],
        checksums={name: entry["sha256"] for name, entry in data["files"].items()},
        sizes={name: int(entry["bytes"]) for name, entry in data["files"].items()},
    )


def fetch_mission(
    registry: Registry,
    *,
    folder: Path | None = None,
    base_url: str | None = None,
    names: list[str] | None = None,
    offline: bool = False,
    step: Callable[[str], None] | None = None,
) -> Fetched:
    """Fetch files into a folder; those that are there with the right checksum stay as they are.

    Args:
        registry: of the mission.
        folder: where to keep them; the user's cache (``TERRALUNA_CACHE`` or the system's) if None.
        base_url: another address that holds the same files.
        names: which files; all if None.
        offline: never ask the network.
        step: called with each name when it is done.

    Raises:
        InputError: an address that can't be used, the network is off, or a file isn't what the registry says.
        OutputError: the folder can't be written.
    """
    import pooch

    address = _address(base_url or registry.base_url)
    place = folder if folder is not None else Path(pooch.os_cache("terraluna")) / registry.mission
    cache = pooch.create(
        path=place,
        base_url=address,
        registry={name: f"sha256:{digest}" for name, digest in registry.checksums.items()},
        env=None if folder is not None else "TERRALUNA_CACHE",
        retry_if_failed=0,
    )
    # pooch tells of each download at its own level; commands speak for themselves.
    pooch.get_logger().setLevel(logging.WARNING)
    if names is not None:
        registry.select(names)
    wanted = list(registry.checksums) if names is None else names
    paths, fetched = [], []
    for name in wanted:
        path = Path(cache.abspath) / name
        if not _right(path, registry.checksums[name]):
            if offline:
                raise InputError(
                    f"{name}: is not in the cache {cache.abspath}, and --offline forbids the network; "
                    "fetch it once online"
                )
            loader = _Downloader(Path(cache.abspath) / f".{name}.part", registry.sizes[name], registry.checksums[name])
            try:
                cache.fetch(name, downloader=loader)
            except ValueError as error:
                raise InputError(
                    f"{address}{name}: is not the file that the registry knows (SHA-256 differs); it may have changed"
                ) from error
            except OSError as error:
                raise OutputError(
                    f"{path}: cannot be written ({error.strerror or error}); choose another folder with -o"
                ) from error
            fetched.append(name)
        paths.append(path)
        if step is not None:
            step(name)
    return Fetched(Path(cache.abspath), address, tuple(paths), tuple(fetched))


def _address(url: str) -> str:
    if not url.lower().startswith(("http://", "https://")):
        raise InputError(f"--base-url {url}: must begin with http:// or https://")
    return url if url.endswith("/") else f"{url}/"


def _right(path: Path, digest: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except OSError:
        return False


class _Downloader:
    """pooch's hook: fetches a file by way of a ``.part`` file that a later run goes on with."""

    def __init__(self, part: Path, size: int, digest: str) -> None:
        self.part = part
        self.size = size
        self.digest = digest

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        """Download ``url`` to ``output_file``; InputError in one line if the network does not give it."""
        del pooch
        have = self.part.stat().st_size if self.part.is_file() else 0
        if not 0 < have < self.size:
            self.part.unlink(missing_ok=True)
            have = 0
        self._get(url, have)
        if have and not _right(self.part, self.digest):
            # What was there was not the beginning of this file: once more from the start.
            self.part.unlink(missing_ok=True)
            self._get(url, 0)
        Path(output_file).write_bytes(self.part.read_bytes())
        self.part.unlink(missing_ok=True)

    def _get(self, url: str, have: int) -> None:
        request = urllib.request.Request(url, headers={"User-Agent": f"terraluna/{__version__}"})
        if have:
            request.add_header("Range", f"bytes={have}-")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                resumed = have > 0 and answer.status == 206
                if have:
                    log.info("%s: %s at byte %d", url, "resumed" if resumed else "begun anew", have if resumed else 0)
                total = have if resumed else 0
                with self.part.open("ab" if resumed else "wb") as out:
                    while piece := answer.read(_PIECE):
                        total += len(piece)
                        if total > self.size + _SPARE:
                            raise InputError(f"{url}: is larger than the {self.size} bytes that the registry says")
                        out.write(piece)
        except urllib.error.HTTPError as error:
            raise InputError(f"{url}: the server says {error.code} {error.reason}; check --base-url") from None
        except (urllib.error.URLError, TimeoutError, ConnectionError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise InputError(
                f"{url}: cannot be reached ({' '.join(str(reason).split())[:100]}); "
                "check the network, or name another place with --base-url; a later run goes on where this one ended"
            ) from None
        if total < self.size:
            raise InputError(f"{url}: the connection ended after {total} of {self.size} bytes; run the command again")

"""Output files that are whole or absent: written under a temporary name in the same folder, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from terraluna.errors import OutputError


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Gives a temporary path in the folder of `path` to write to, and renames it to `path` on success.

    The folder is made if it is missing. On any error nothing is left behind. OutputError (one line) if the folder or
    the file cannot be written. The temporary name keeps the suffix, for writers that choose their format by it.
    """
    temporary: Path | None = None
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise OutputError(f"{path}: cannot be written (it is a folder): choose another name")
            handle, name = tempfile.mkstemp(prefix=f".{path.stem[:40]}.", suffix=f".part{path.suffix}", dir=path.parent)
            os.close(handle)
            temporary = Path(name)
            yield temporary
            # mkstemp makes files private; a result should have the mode that an ordinary open would give.
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except OSError as error:
            raise OutputError(
                f"{path}: cannot be written ({error.strerror or error}): choose another folder or name"
            ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes `data` to `path` by way of `atomic_write`."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 `text` to `path` by way of `atomic_write`."""
    write_bytes(path, text.encode())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

"""Decoding while packets still arrive, from standard input or from files that grow."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from terraluna.downlink.decode import DecodeOptions, DecodeResult, Downlink
from terraluna.errors import InputError

STDIN = "-"
_CHUNK = 65536


def follow(
    names: list[str], options: DecodeOptions, idle_s: float = 0.0, interval_s: float = 0.5, poll_s: float = 0.1
) -> Iterator[DecodeResult]:
    """Yields the result so far, at most every `interval_s` while packets come in, and once more at the end.

    Args:
        names: file names, or `-` for standard input.
        idle_s: ends after this time without new bytes; 0 waits for the end of standard input, and for ever on files.
        poll_s: how often a file is looked at.

    Ctrl-C ends the wait as the end of the input would. InputError if a file cannot be read.
    """
    downlink = Downlink(options)
    with ExitStack() as stack:
        open_inputs = {downlink.open(n): _open(n, stack) for n in names}
        pipes = {s for s in open_inputs if names[s] == STDIN}
        changed = False
        last_bytes = time.monotonic()
        next_result = 0.0
        try:
            while open_inputs:
                arrived = False
                for source, stream in list(open_inputs.items()):
                    data = _read_some(stream, poll_s) if source in pipes else stream.read(_CHUNK)
                    if data:
                        arrived = True
                        changed = downlink.feed(source, data) > 0 or changed
                    elif data is not None and source in pipes:
                        changed = downlink.close(source) > 0 or changed
                        del open_inputs[source]
                now = time.monotonic()
                if arrived:
                    last_bytes = now
                elif idle_s and now - last_bytes > idle_s:
                    break
                elif open_inputs and not pipes & open_inputs.keys():
                    time.sleep(poll_s)
                if changed and now >= next_result:
                    changed = False
                    yield downlink.result()
                    # A decode that takes long on a long stream must not eat the time for reading.
                    next_result = time.monotonic() + max(interval_s, 5 * (time.monotonic() - now))
        except KeyboardInterrupt:
            pass
        for source in open_inputs:
            downlink.close(source)
    yield downlink.result()


def read_stdin() -> bytes:
    """All of standard input; InputError if it is a terminal."""
    return _stdin().read()


def _stdin() -> BinaryIO:
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError("-: standard input is a terminal: pipe packets into it or name a file")
    return sys.stdin.buffer


def _open(name: str, stack: ExitStack) -> BinaryIO:
    if name == STDIN:
        return _stdin()
    try:
        return stack.enter_context(Path(name).open("rb"))
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror or error}): check the name") from error


def _read_some(stream: BinaryIO, wait_s: float) -> bytes | None:
    """What a pipe holds now, b"" at its end, None if nothing came within `wait_s`."""
    ready, _, _ = select.select([stream], [], [], wait_s)
    return os.read(stream.fileno(), _CHUNK) if ready else None

"""Fetching from a local server: checksums, cache, resume, offline, wrong files."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from terraluna.errors import InputError
from terraluna.frames.fetch import fetch_mission, load_registry


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, with ranges, and keeps what was asked for."""

    asked: list[tuple[str, str | None]]
    ranges = True

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        span = self.headers.get("Range")
        type(self).asked.append((self.path.rsplit("/", 1)[1], span))
        if span is None or not self.ranges:
            super().do_GET()
            return
        data = Path(self.translate_path(self.path)).read_bytes()
        first = int(span.removeprefix("bytes=").rstrip("-"))
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - first))
        self.end_headers()
        self.wfile.write(data[first:])


@pytest.fixture
def server(test_data: Path) -> Iterator[tuple[str, type[_Handler]]]:
    class Handler(_Handler):
        asked: list[tuple[str, str | None]] = []  # noqa: RUF012

        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(test_data / "longjiang2" / "ssdv"))  # type: ignore[arg-type]

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}/", Handler
        httpd.shutdown()
        thread.join()


def test_fetches_all_then_uses_the_cache(server: tuple[str, type[_Handler]], tmp_path: Path, test_data: Path) -> None:
    url, handler = server
    registry = load_registry("longjiang-2")
    result = fetch_mission(registry, folder=tmp_path, base_url=url)
    source = test_data / "longjiang2" / "ssdv"
    assert {p.name for p in result.paths} == {p.name for p in source.glob("*.ssdv")}
    assert all(p.read_bytes() == (source / p.name).read_bytes() for p in result.paths)
    count = len(handler.asked)
    again = fetch_mission(registry, folder=tmp_path, base_url=url, offline=True)
    assert again.fetched == ()
    assert len(handler.asked) == count
    assert not list(tmp_path.glob(".*"))


def test_goes_on_where_a_download_ended(server: tuple[str, type[_Handler]], tmp_path: Path, test_data: Path) -> None:
    url, handler = server
    name = "img_176.ssdv"
    whole = (test_data / "longjiang2" / "ssdv" / name).read_bytes()
    (tmp_path / f".{name}.part").write_bytes(whole[:5000])
    result = fetch_mission(load_registry("longjiang-2"), folder=tmp_path, base_url=url, names=[name])
    assert handler.asked == [(name, "bytes=5000-")]
    assert result.paths[0].read_bytes() == whole


@pytest.mark.parametrize("ranges", [True, False])
def test_a_wrong_beginning_or_a_server_without_ranges_costs_a_new_start(
    server: tuple[str, type[_Handler]], tmp_path: Path, test_data: Path, ranges: bool
) -> None:
    url, handler = server
    handler.ranges = ranges
    name = "img_175.ssdv"
    (tmp_path / f".{name}.part").write_bytes(b"x" * 300)
    result = fetch_mission(load_registry("longjiang-2"), folder=tmp_path, base_url=url, names=[name])
    assert result.paths[0].read_bytes() == (test_data / "longjiang2" / "ssdv" / name).read_bytes()


def test_refuses_another_content(tmp_path: Path, server: tuple[str, type[_Handler]]) -> None:
    from dataclasses import replace

    registry = load_registry("longjiang-2")
    wrong = replace(registry, checksums={**registry.checksums, "img_176.ssdv": "0" * 64})
    with pytest.raises(InputError, match="SHA-256 differs"):
        fetch_mission(wrong, folder=tmp_path, base_url=server[0], names=["img_176.ssdv"])
    assert list(tmp_path.iterdir()) == []


def test_offline_and_unreachable_are_one_line(tmp_path: Path, server: tuple[str, type[_Handler]]) -> None:
    registry = load_registry("longjiang-2")
    cases = [
        ({"offline": True, "base_url": server[0]}, "--offline"),
        ({"base_url": "http://127.0.0.1:9/"}, "cannot be reached"),
        ({"base_url": server[0] + "nowhere/"}, "404"),
        ({"base_url": "ftp://127.0.0.1/"}, "must begin with http"),
        ({"base_url": server[0], "names": ["../secret"]}, "is not among"),
    ]
    for options, text in cases:
        with pytest.raises(InputError, match=text) as caught:
            fetch_mission(registry, folder=tmp_path, **{"names": ["img_176.ssdv"], **options})  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
    for mission in ("mro", "nothing"):
        with pytest.raises(InputError):
            load_registry(mission)

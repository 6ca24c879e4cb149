"""Run every benchmark, each in a process of its own: ``python -m benchmarks``, or some by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PEER = {"bench_render.py": ["--peer"]}


def main() -> int:
    """Return the worst exit code."""
    worst = 0
    for script in sorted(Path(__file__).parent.glob("bench_*.py")):
        if len(sys.argv) > 1 and not any(word in script.name for word in sys.argv[1:]):
            continue
        print(f"== {script.name}", flush=True)
        worst = max(worst, subprocess.run([sys.executable, str(script), *PEER.get(script.name, [])]).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())

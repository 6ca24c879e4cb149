"""Sets of time windows and their algebra: and, or, not, widen, and the shortest that counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Windows:
    """Closed intervals of time, sorted and apart: each (start, end), TDB seconds past J2000."""

    spans: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of(cls, spans: Iterable[tuple[float, float]]) -> Windows:
        """Any intervals, in any order, merged where they touch or overlap; those that end before they start go."""
        merged: list[tuple[float, float]] = []
        for start, end in sorted(s for s in spans if s[0] <= s[1]):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((float(start), float(end)))
        return cls(tuple(merged))

    def __iter__(self) -> Iterator[tuple[float, float]]:
        return iter(self.spans)

    def __len__(self) -> int:
        return len(self.spans)

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __contains__(self, et: float) -> bool:
        return any(start <= et <= end for start, end in self.spans)

    @property
    def duration_s(self) -> float:
        """Sum of the lengths."""
        return sum(end - start for start, end in self.spans)

    def __and__(self, other: Windows) -> Windows:
        out: list[tuple[float, float]] = []
        i = j = 0
        while i < len(self.spans) and j < len(other.spans):
            (a, b), (c, d) = self.spans[i], other.spans[j]
            if max(a, c) <= min(b, d):
                out.append((max(a, c), min(b, d)))
            if b < d:
                i += 1
            else:
                j += 1
        return Windows(tuple(out))

    def __or__(self, other: Windows) -> Windows:
        return Windows.of([*self.spans, *other.spans])

    def without(self, other: Windows) -> Windows:
        """The part of these windows that is in none of ``other``; pieces of no length go."""
        out: list[tuple[float, float]] = []
        for start, end in self.spans:
            at = start
            for a, b in other.spans:
                if b <= at or a >= end:
                    continue
                if a > at:
                    out.append((at, a))
                at = max(at, b)
            if at < end:
                out.append((at, end))
        return Windows(tuple(out))

    def widened(self, before_s: float, after_s: float) -> Windows:
        """Each window begun ``before_s`` earlier and ended ``after_s`` later (negative: later, earlier)."""
        return Windows.of((start - before_s, end + after_s) for start, end in self.spans)

    def at_least(self, seconds: float) -> Windows:
        """The windows that last ``seconds`` or longer."""
        return Windows(tuple(s for s in self.spans if s[1] - s[0] >= seconds))

    def nearest(self, et: float) -> float:
        """Time inside the windows that is nearest to ``et``; ``et`` itself where there are none."""
        return min((min(max(et, a), b) for a, b in self.spans), key=lambda t: abs(t - et), default=et)

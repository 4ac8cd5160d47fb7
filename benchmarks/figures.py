"""What a workload measured, as it is written to build/bench.json and to the documentation."""

from typing import Final

import msgspec

_MISSING: Final = "-"


class Cpu(msgspec.Struct, frozen=True):
    """CPU per operation in microseconds, user and system. None where it was not measured."""

    ours: float | None = None
    database: float | None = None


class Peer(msgspec.Struct, frozen=True):
    """What the same workload did on a peer. `figure` is None when the peer is not installed."""

    name: str
    version: str | None = None
    figure: float | None = None
    cpu: Cpu = Cpu()


class Limit(msgspec.Struct, frozen=True):
    """What the machine allows at most, in the unit of the figure, and how that was measured."""

    what: str
    figure: float


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `ratio` is ours to the peer's, of rates and times alike. `met` is None where no
    target is set, or where the target needs a peer that is not installed."""

    name: str
    case: str
    figure: float
    unit: str
    cpu: Cpu = Cpu()
    peer: Peer | None = None
    ratio: float | None = None
    limit: Limit | None = None
    target: str | None = None
    met: bool | None = None
    note: str = ""


def short(number: float | None) -> str:
    """A number with three digits that count."""
    if number is None:
        return _MISSING
    if abs(number) >= 100:
        return f"{number:,.0f}".replace(",", "\u202f")
    return f"{number:.3g}"


def line(row: Figure) -> str:
    """A row for the terminal."""
    words = [f"{row.name:<18} {row.case:<34} {short(row.figure):>8} {row.unit}"]
    if row.cpu.ours is not None:
        words.append(f"cpu {short(row.cpu.ours)} + {short(row.cpu.database)} us")
    if row.peer is not None:
        words.append(_peer(row))
    if row.limit is not None:
        words.append(f"limit {short(row.limit.figure)} ({row.limit.what})")
    if row.target is not None:
        words.append(f"target {row.target}: {_verdict(row)}")
    if row.note:
        words.append(row.note)
    return " | ".join(words)


def table(rows: list[Figure]) -> str:
    """Rows of a Markdown table."""
    lines = [
        "| name | case | figure | CPU per operation (ours + database) | peer | ratio | limit "
        "| target | met |",
        "|---|---|--:|--:|---|--:|---|---|---|",
    ]
    for row in rows:
        peer = _MISSING
        if row.peer is not None:
            peer = f"{row.peer.name} {short(row.peer.figure)}"
            if row.peer.figure is None:
                peer = f"{row.peer.name}: skipped, not installed"
        limit = f"{short(row.limit.figure)} ({row.limit.what})" if row.limit else _MISSING
        cpu = _MISSING
        if row.cpu.ours is not None:
            cpu = f"{short(row.cpu.ours)} + {short(row.cpu.database)} µs"
        cells = [
            row.name,
            row.case + (f" ({row.note})" if row.note else ""),
            f"{short(row.figure)} {row.unit}",
            cpu,
            peer,
            short(row.ratio),
            limit,
            row.target or _MISSING,
            _verdict(row),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _peer(row: Figure) -> str:
    assert row.peer is not None
    if row.peer.figure is None:
        return f"{row.peer.name} is not installed: skipped"
    return f"{row.peer.name} {short(row.peer.figure)}, ratio {short(row.ratio)}"


def _verdict(row: Figure) -> str:
    if row.met is None:
        return _MISSING
    return "yes" if row.met else "**no**"

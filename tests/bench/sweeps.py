"""Cost against the number of calls, the packet rate and the subscribers per track: as tables and as one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from tests.bench.chart import Panel, Series, chart
from tests.bench.clip import RATES
from tests.bench.work import Figures, Work


@dataclass(frozen=True, slots=True)
class Sweep:
    """One thing that is varied: a field of `Work`, its values, what a picture calls it, and a table where it stays."""

    field: str
    values: Sequence[float]
    label: str
    unit: str

    def of(self, base: Work) -> list[Work]:
        """`base` with each of the values."""
        return [replace(base, **{self.field: cast("Any", value)}) for value in self.values]


SWEEPS = {
    "calls": Sweep("calls", (1, 3, 10, 20, 30), "calls", "calls"),
    "rate": Sweep("rate", RATES, "times the standard packet rate", "times the packet rate"),
    "subscribers": Sweep("subscribers", (1, 2, 3, 5), "subscribers per track", "per track"),
}


def sweep(names: Sequence[str], compare: Callable[[Work], Figures], base: Work) -> dict[str, list[Figures]]:
    """What `compare` finds for every value of each named sweep; everything else is as in `base`."""
    return {name: [compare(work) for work in SWEEPS[name].of(base)] for name in names}


def tables(found: dict[str, list[Figures]]) -> str:
    """The sweeps as tables of Markdown."""
    return "\n\n".join(_table(name, results) for name, results in found.items())


def _table(name: str, results: Sequence[Figures]) -> str:
    sweep = SWEEPS[name]
    rest = ", ".join(f"{results[0][s.field]:g} {s.unit}" for s in SWEEPS.values() if s is not sweep)
    systems = _systems(results)
    heads = [f"{sweep.label}; {rest}", *(f"{system}, %" for system in systems)]
    heads += ["ratio"] * (len(systems) > 1) + ["packets/s in, out", "µs a packet sent on", "p50 / p99, ms", "lost"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    reasons: dict[str, None] = {}
    for result in results:
        cells = [f"{result[sweep.field]:g}"]
        for system in systems:
            figures = result["systems"].get(system)
            cells.append(f"{figures['cpu_percent_per_call']:.2f}" if figures else "not comparable")
        if len(systems) > 1:
            cells.append(", ".join(f"{ratio:.2f}" for ratio in result["ratios"].values()) or "-")
        ours = result["systems"]["visavis"]
        cells.append(f"{ours['packets_per_second']}, {ours['delivered_per_second']}")
        cells.append(f"{ours['us_per_delivery']:.1f}")
        cells.append(f"{ours['latency_p50_ms']:.2f} / {ours['latency_p99_ms']:.1f}")
        cells.append(" and ".join(f"{figures['lost']}" for figures in result["systems"].values()))
        lines.append("| " + " | ".join(cells) + " |")
        reasons |= {f"{system}: {reason}": None for system, reason in result["missing"].items()}
    return "\n".join([*lines, *reasons])


def picture(found: dict[str, list[Figures]]) -> str:
    """One panel for each sweep, as SVG."""
    return chart("Recorded calls: % of a core per call", [_panel(name, results) for name, results in found.items()])


def _panel(name: str, results: Sequence[Figures]) -> Panel:
    sweep = SWEEPS[name]
    series = [
        Series(
            system,
            [
                (result[sweep.field], result["systems"][system]["cpu_percent_per_call"])
                for result in results
                if system in result["systems"]
            ],
        )
        for system in _systems(results)
    ]
    return Panel(sweep.label, series)


def _systems(results: Sequence[Figures]) -> list[str]:
    return list(dict.fromkeys(system for result in results for system in result["systems"]))

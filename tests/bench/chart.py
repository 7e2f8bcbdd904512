"""Line charts side by side as SVG, for the documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 400, 340, 45, 15, 50, 60
FONT = 'font-family="sans-serif" font-size="13"'
COLOURS = ("#0b6e4f", "#b3541e", "#3b5b92")


@dataclass(frozen=True, slots=True)
class Series:
    """One line: points (x, y) with ascending x."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart with its own axes."""

    x_label: str
    series: Sequence[Series]


def chart(title: str, panels: Sequence[Panel]) -> str:
    """The picture; all axes begin at zero. A line keeps its colour from panel to panel."""
    width = WIDTH * len(panels)
    names = list(dict.fromkeys(line.name for panel in panels for line in panel.series))
    colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" {FONT}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="16">{escape(title)}</text>',
    ]
    for index, name in enumerate(names):
        parts.append(f'<text x="{LEFT + 110 * index}" y="44" fill="{colours[name]}">● {escape(name)}</text>')
    for index, panel in enumerate(panels):
        parts += [f'<g transform="translate({WIDTH * index})">', *_panel(panel, colours), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel, colours: dict[str, str]) -> list[str]:
    right = max(x for line in panel.series for x, _ in line.points) or 1
    top = max(y for line in panel.series for _, y in line.points) * 1.15 or 1

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + (WIDTH - LEFT - RIGHT - 10) * x / right
        return round(across, 1), round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * y / top, 1)

    parts = []
    for step in range(5):
        value = top * step / 4
        x, y = place(0, value)
        parts.append(f'<line x1="{x}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 6}" y="{y + 4}" text-anchor="end">{value:.1f}</text>')
    for x_value in sorted({x for line in panel.series for x, _ in line.points}):
        x, y = place(x_value, 0)
        parts.append(f'<text x="{x}" y="{y + 18}" text-anchor="middle">{x_value:g}</text>')
    middle = (LEFT + WIDTH - RIGHT) // 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">{escape(panel.x_label)}</text>')
    for line in panel.series:
        colour = colours[line.name]
        places = [place(*point) for point in line.points]
        path = " ".join(f"{x},{y}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}"/>' for x, y in places]
    return parts

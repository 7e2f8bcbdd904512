"""A line chart as SVG, for the documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 360, 60, 50, 40
FONT = 'font-family="sans-serif" font-size="12"'
COLOURS = ("#0b6e4f", "#b3541e", "#3b5b92")


@dataclass(frozen=True, slots=True)
class Series:
    """One line: points (x, y) with ascending x."""

    name: str
    points: Sequence[tuple[float, float]]


def chart(title: str, x_label: str, y_label: str, series: Sequence[Series]) -> str:
    """The picture; both axes begin at zero."""
    right = max(x for line in series for x, _ in line.points) or 1
    top = max(y for line in series for _, y in line.points) * 1.15 or 1

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + (WIDTH - LEFT - 20) * x / right
        return round(across, 1), round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * y / top, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}: {escape(y_label)} by {escape(x_label)}</text>',
    ]
    for step in range(5):
        value = top * step / 4
        x, y = place(0, value)
        parts.append(f'<line x1="{x}" y1="{y}" x2="{WIDTH - 20}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 8}" y="{y + 4}" text-anchor="end">{value:.2f}</text>')
    for x_value in sorted({x for line in series for x, _ in line.points}):
        x, y = place(x_value, 0)
        parts.append(f'<text x="{x}" y="{y + 18}" text-anchor="middle">{x_value:g}</text>')
    parts.append(f'<text x="{WIDTH // 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x_label)}</text>')
    for index, line in enumerate(series):
        colour = COLOURS[index % len(COLOURS)]
        places = [place(*point) for point in line.points]
        path = " ".join(f"{x},{y}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places]
        x, y = places[-1]
        parts.append(f'<text x="{x - 4}" y="{y - 10}" text-anchor="end" fill="{colour}">{escape(line.name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"

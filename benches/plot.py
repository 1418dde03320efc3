"""Line plots with logarithmic axes, as SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    Lines = Mapping[str, Mapping[int, float]]

COLOURS = ("#0072b2", "#56b4e9", "#009e73", "#d55e00", "#cc79a7", "#e69f00", "#000000")
TOP, BOTTOM = 70, 350


@dataclass(frozen=True)
class Panel:
    """A plot in a picture."""

    title: str
    lines: Lines
    """The values of each label, by their position on the horizontal axis."""
    left: int = 60
    width: int = 330

    def svg(self, axis: str) -> list[str]:
        """Return the SVG elements of the plot."""
        xs = sorted({x for line in self.lines.values() for x in line})
        values = [y for line in self.lines.values() for y in line.values()]
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        first, last = math.log10(xs[0]), math.log10(xs[-1])

        def at(x: float, y: float) -> tuple[float, float]:
            across = (math.log10(x) - first) / ((last - first) or 1)
            up = (math.log10(y) - low) / ((high - low) or 1)
            return self.left + across * self.width, BOTTOM - up * (BOTTOM - TOP)

        svg = [f'<text x="{self.left}" y="18">{self.title}</text>']
        for power in range(low, high + 1):
            _, y = at(xs[0], 10**power)
            svg.append(f'<path d="M{self.left} {y:.1f}h{self.width}" stroke="#ddd"/>')
            svg.append(f'<text x="{self.left - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
        for number in xs:
            x, _ = at(number, 10**low)
            svg.append(f'<path d="M{x:.1f} {BOTTOM}V{TOP}" stroke="#eee"/>')
            svg.append(f'<text x="{x:.1f}" y="{BOTTOM + 18}" text-anchor="middle">{number:,}</text>')
        middle = self.left + self.width / 2
        svg.append(f'<text x="{middle:g}" y="{BOTTOM + 40}" text-anchor="middle">{axis}</text>')
        for colour, line in zip(COLOURS, self.lines.values(), strict=False):
            path = " ".join("{:.1f},{:.1f}".format(*at(*point)) for point in sorted(line.items()))
            svg.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        return svg


def picture(axis: str, *panels: Panel) -> str:
    """Return a picture of panels next to each other. The labels of the first one are above them."""
    width = 40 + max(panel.left + panel.width for panel in panels)
    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 400" font-family="sans-serif" font-size="12">'
    ]
    svg.append(f'<rect width="{width}" height="400" fill="white"/>')
    for panel in panels:
        svg += panel.svg(axis)
    for number, (colour, label) in enumerate(zip(COLOURS, panels[0].lines, strict=False)):
        x, y = 80 + 230 * (number % 3), 36 + 18 * (number // 3)
        svg.append(f'<path d="M{x} {y}h24" stroke="{colour}" stroke-width="2"/>')
        svg.append(f'<text x="{x + 30}" y="{y + 4}">{label}</text>')
    return "\n".join([*svg, "</svg>\n"])

#!/usr/bin/env python3
"""Draws the lines that the workloads print as JSON, as SVG by hand: nothing but Python is needed.

    TIDINGS_BENCH_FULL=1 cargo bench --features test-util --bench workloads -- W11 | python3 docs/plots/plot.py docs/plots

`just year` and `just soak` do that.

Reads lines from standard input, skips what is no point of a line, and writes year.svg or soak.svg, whichever came.
"""

import json
import math
import sys
from pathlib import Path

WIDTH, HEIGHT = 760, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 44
COLORS = ["#0b6e99", "#c2410c", "#4d7c0f", "#7e22ce", "#525252"]
MIB = 1024 * 1024


def steps(most):
    """About five round numbers from nothing to a little more than `most`."""
    rough = max(most, 1e-9) / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * nice for nice in (1, 2, 5, 10) if power * nice >= rough)
    return [step * count for count in range(math.ceil(most / step) + 1)]


def number(value):
    return f"{value:g}"


def chart(title, across, up, lines, top):
    """One chart, its upper edge at `top`; `lines` are (name, [(x, y)])."""
    xs = steps(max(x for _, points in lines for x, _ in points))
    ys = steps(max(y for _, points in lines for _, y in points))
    most = max(x for _, points in lines for x, _ in points)
    plot_width, plot_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(x, y):
        return (LEFT + plot_width * x / max(most, 1e-9),
                top + TOP + plot_height * (1 - y / ys[-1]))

    out = [f'<text x="{LEFT}" y="{top + 16}" font-size="14" font-weight="bold">{title}</text>']
    for y in ys:
        _, at = place(0, y)
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{number(y)}</text>')
    base = top + HEIGHT - BOTTOM
    for x in (x for x in xs if x <= most):
        at, _ = place(x, 0)
        out.append(f'<text x="{at:.1f}" y="{base + 16}" text-anchor="middle">{number(x)}</text>')
    out.append(f'<text x="{WIDTH - RIGHT}" y="{base + 34}" text-anchor="end">{across}</text>')
    out.append(f'<text x="{LEFT - 6}" y="{top + TOP - 10}" text-anchor="end">{up}</text>')
    label = LEFT
    for (name, points), color in zip(lines, COLORS):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        out.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.8"/>')
        out.append(f'<rect x="{label}" y="{base + 26}" width="10" height="10" fill="{color}"/>')
        out.append(f'<text x="{label + 14}" y="{base + 35}">{name}</text>')
        label += 26 + 7 * len(name)
    return out


def svg(charts):
    height = HEIGHT * len(charts)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
           'font-family="sans-serif" font-size="11">',
           f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>']
    for nth, one in enumerate(charts):
        out += chart(*one, nth * HEIGHT)
    return "\n".join(out + ["</svg>", ""])


def line(points, across, up, scale=1.0):
    return [(point[across], point[up] / scale) for point in points]


def year(points):
    names = [("file", "the file, its length"), ("disk", "the file on the disk"), ("rows", "what it holds: all rows"), ("entries", "of that entries"),
             ("free", "free pages")]
    lines = [(name, line(points, "week", key, MIB)) for key, name in names]
    return svg([("A year of a busy user", "week", "MiB", lines)])


def soak(points):
    nodes = sorted({point["node"] for point in points})

    def of(key, scale):
        return [(node, line([point for point in points if point["node"] == node], "second", key, scale))
                for node in nodes]

    for point in points:
        point["each"] = point["file"] / max(point["entries"], 1)
    return svg([
        ("Anonymous memory", "second", "MiB", of("memory", MIB)),
        ("The file, for each entry held", "second", "bytes", of("each", 1)),
        ("Entries held", "second", "thousand", of("entries", 1000)),
    ])


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/plots")
    series = {}
    for text in sys.stdin:
        if text.startswith("{"):
            point = json.loads(text)
            series.setdefault(point.get("series"), []).append(point)
        else:
            sys.stdout.write(text)
    for name, draw in (("year", year), ("soak", soak)):
        if name in series:
            (folder / f"{name}.svg").write_text(draw(series[name]), encoding="ascii")
            print(f"{folder / name}.svg: {len(series[name])} points")


if __name__ == "__main__":
    main()

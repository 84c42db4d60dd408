"""Charts as SVG by hand: nothing but Python is needed."""

import math
from html import escape

WIDTH, HEIGHT = 760, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 28, 46, 60
# Colours that differ to everybody, and strokes that differ without colour.
COLORS = ["#0b6e99", "#c2410c", "#4d7c0f", "#7e22ce", "#525252"]
DASHES = ["", "7 4", "2 3", "9 3 2 3", "1 2"]
INK, PALE, GOOD, BAD = "#1f2937", "#d4d4d8", "#0b6e99", "#c2410c"


def number(value):
    """As short as it can be said: 250000 is 250 k."""
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


class Linear:
    """From nothing to a little more than the most."""

    def __init__(self, values):
        most = max([*values, 1e-9])
        rough = most / 5
        power = 10 ** math.floor(math.log10(rough))
        step = next(power * nice for nice in (1, 2, 5, 10) if power * nice >= rough)
        self.ticks = [step * count for count in range(math.ceil(most / step - 1e-9) + 1)]
        self.end = self.ticks[-1]

    def place(self, value):
        return value / self.end


class Log:
    """From 1, 2 or 5 times a power of ten to another such number."""

    def __init__(self, values):
        values = [value for value in values if value > 0] or [1]
        nice = [digit * 10.0 ** power for power in range(-12, 13) for digit in (1, 2, 5)]
        low = max(at for at in nice if at <= min(values) * (1 + 1e-9))
        high = min(at for at in nice if at >= max(values) * (1 - 1e-9) and at > low)
        self.low, self.high = low, high
        inside = [at for at in nice if low <= at <= high]
        # Where there are many, the powers of ten are enough.
        self.ticks = inside if len(inside) <= 8 else [at for at in inside if math.log10(at) % 1 < 1e-6]

    def place(self, value):
        return math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)


class Fitted(Linear):
    """Linear to the very end of the values: for time that passes."""

    def __init__(self, values):
        super().__init__(values)
        self.end = max([*values, 1e-9])
        self.ticks = [tick for tick in self.ticks if tick <= self.end]


def text(x, y, what, anchor="start", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(what)}</text>'


def marks(nth, points, color):
    """A shape of its own for each line, where its points are few."""
    shapes = ["circle", "square", "up", "diamond"]
    return [shape(shapes[nth % len(shapes)], x, y, color) for x, y in points]


def shape(kind, x, y, color, size=4.0):
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" fill="{color}"/>'
    corners = {
        "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
        "up": [(0, -1.2), (1.2, 1), (-1.2, 1)],
        "diamond": [(0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)],
        "cross": [(-1.3, -0.7), (-0.7, -1.3), (0, -0.6), (0.7, -1.3), (1.3, -0.7), (0.6, 0), (1.3, 0.7),
                  (0.7, 1.3), (0, 0.6), (-0.7, 1.3), (-1.3, 0.7), (-0.6, 0)],
    }[kind]
    points = " ".join(f"{x + size * dx:.1f},{y + size * dy:.1f}" for dx, dy in corners)
    return f'<polygon points="{points}" fill="{color}"/>'


def chart(title, across, up, lines, top, along=Fitted, upward=Linear):
    """One chart, its upper edge at `top`; `lines` are (name, [(x, y)])."""
    xs = along([x for _, points in lines for x, _ in points])
    ys = upward([y for _, points in lines for _, y in points])
    plot_width, plot_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(x, y):
        return (LEFT + plot_width * xs.place(x), top + TOP + plot_height * (1 - ys.place(y)))

    out = [text(LEFT, top + 16, title, more='font-size="14" font-weight="bold"')]
    for y in ys.ticks:
        at = top + TOP + plot_height * (1 - ys.place(y))
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="{PALE}"/>')
        out.append(text(LEFT - 6, at + 4, number(y), "end"))
    base = top + HEIGHT - BOTTOM
    for x in xs.ticks:
        at = LEFT + plot_width * xs.place(x)
        out.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{base}" y2="{base + 4}" stroke="{INK}"/>')
        out.append(text(at, base + 16, number(x), "middle"))
    out.append(text(WIDTH - RIGHT, base + 31, across, "end"))
    out.append(text(LEFT - 6, top + TOP - 12, up, "end"))
    label = LEFT
    for nth, (name, points) in enumerate(lines):
        color, dash = COLORS[nth % len(COLORS)], DASHES[nth % len(DASHES)]
        placed = [place(*point) for point in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        style = f'fill="none" stroke="{color}" stroke-width="1.8" stroke-dasharray="{dash}"'
        out.append(f'<polyline points="{path}" {style}/>')
        at = base + 46
        out.append(f'<polyline points="{label},{at} {label + 22},{at}" {style}/>')
        if len(points) <= 20:
            out += marks(nth, placed, color)
            out += marks(nth, [(label + 11, at)], color)
        out.append(text(label + 28, at + 4, name))
        label += 46 + 6.2 * len(name)
    return out


def page(height, body, width=WIDTH):
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
           f'font-family="sans-serif" font-size="11" fill="{INK}">',
           f'<rect width="{width}" height="{height}" fill="#fff"/>']
    return "\n".join([*out, *body, "</svg>", ""])


def charts(*all_charts):
    """Charts one below the other; each is the arguments of `chart` but for its place."""
    body = []
    for nth, (*arguments, options) in enumerate(all_charts):
        body += chart(*arguments, nth * HEIGHT, **options)
    return page(HEIGHT * len(all_charts), body)

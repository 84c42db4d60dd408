#!/usr/bin/env python3
"""Makes the table and the plots of docs/performance.md from what the workloads print as JSON.

    TIDINGS_BENCH_JSON=1 cargo bench --bench workloads -- W2 W4 | python3 docs/plots/plot.py

Reads lines from standard input, or from the files that are named. Lines of rows and series that came anew take the place of
the old ones in docs/plots/figures.jsonl, so a run of some rows leaves the others as they are; then everything is made again
from that file. Needs nothing but Python.
"""

import json
import math
import sys
from pathlib import Path

from draw import BAD, GOOD, INK, PALE, RIGHT, Log, charts, page, shape, text

HERE = Path(__file__).resolve().parent
FIGURES = HERE / "figures.jsonl"
REPORT = HERE.parent / "performance.md"
MIB = 1024 * 1024
HEAD = ["| # | Measured | Figure | Limit, same run | Ratio | Budget | Verdict |",
        "| --- | --- | --- | --- | --- | --- | --- |"]
# Workloads of a table of their own: they have no budget, or one that this project gave itself.
OTHERS = ("W9", "W10", "W11", "W12", "micro")


def kind(line):
    """Lines of the same kind are replaced together."""
    return (line.get("series", ""), line.get("number", ""), "machine" in line)


def place(row):
    """W2a comes before W10, and the budget of idling after both."""
    name = row["number"]
    digits = "".join(letter for letter in name if letter.isdigit())
    return (int(digits) if digits else {"idle": 8.5}.get(name, 99), name)


def last_of_each(lines):
    """Of rows that came twice, as several runs after another say them, the last; points of lines are all kept."""
    rows = {(line["number"], line["what"]): line for line in lines if "series" not in line and "number" in line}
    spreads = {(line["number"], line["what"]): line for line in lines if line.get("series") == "spread"}
    latest = [*rows.values(), *spreads.values()]
    return [line for line in lines if "number" not in line or any(line is one for one in latest)]


def merged(new):
    old = [json.loads(line) for line in FIGURES.read_text().splitlines()] if FIGURES.exists() else []
    new = last_of_each(new)
    came = {kind(line) for line in new}
    lines = [line for line in old if kind(line) not in came] + new
    lines.sort(key=lambda line: ("number" in line and "series" not in line,
                                 place(line) if "number" in line else (0, ""), line.get("series", "")))
    FIGURES.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return lines


def told(row):
    ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2f}"
    cells = [row[name] for name in ("number", "what", "figure", "limit")] + [ratio, row["budget"], row["verdict"]]
    return "| " + " | ".join(cells) + " |"


def table(rows):
    verdicts = [row["verdict"] for row in rows]
    count = f"{verdicts.count('met')} met, {verdicts.count('missed')} missed."
    return "\n".join([*HEAD, *map(told, rows), "", count])


def machine(lines):
    """On what all of this was measured."""
    seen = []
    for line in lines:
        if "machine" in line and line["machine"] not in seen:
            seen.append(line["machine"])
    return "\n".join(seen)


def between(report, mark, new):
    start, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->"
    before, found, rest = report.partition(start)
    _, closed, after = rest.partition(end)
    assert found and closed, f"{REPORT} has no place for {mark}"
    return f"{before}{start}{new}\n{end}{after}"


def shortened(what, most):
    return what if len(what) <= most else what[:most - 3].rstrip() + "..."


def budgets(rows):
    """A line a budget: how many times the limit it takes, and how many it may."""
    worse = {}
    for row in rows:
        limit, value, bound = row["limit_value"], row["value"], row["bound"]
        both = (limit, value) if row["is_least"] else (value, limit)
        allowed = (limit, bound) if row["is_least"] else (bound, limit)
        worse[id(row)] = [top / bottom if bottom else (1.0 if top == bottom else math.inf) for top, bottom in (both, allowed)]
    finite = [value for pair in worse.values() for value in pair if 0 < value < math.inf]
    axis = Log([max(value, 1e-3) for value in finite])
    names, step, top, width = 470, 17, 74, 960
    right = width - RIGHT - 38
    bottom = top + step * len(rows)

    def across(value):
        return names + (right - names) * min(max(axis.place(value), 0), 1) if value < math.inf else right

    out = [text(8, 18, "Each budget: the figure as a multiple of its limit", more='font-size="14" font-weight="bold"'),
           text(8, 36, "Further right is worse; of rates, it is the limit over the figure. The bar is what the budget allows.")]
    legend = [("circle", GOOD, "met", 8), ("cross", BAD, "missed", 64), (None, INK, "budget", 138)]
    for what, color, name, x in legend:
        if what:
            out.append(shape(what, x + 4, 50, color))
        else:
            out.append(f'<line x1="{x + 4}" x2="{x + 4}" y1="44" y2="56" stroke="{color}" stroke-width="2"/>')
        out.append(text(x + 13, 54, name))
    for tick in axis.ticks:
        at = across(tick)
        out.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top - 4}" y2="{bottom}" stroke="{PALE}" '
                   f'stroke-width="{2 if tick == 1 else 1}"/>')
        for y in (top - 8, bottom + 14):
            out.append(text(at, y, f"{tick:g}", "middle"))
    for nth, row in enumerate(rows):
        y = top + step * nth + step / 2
        if nth % 2:
            out.insert(0, f'<rect x="0" y="{y - step / 2}" width="{width}" height="{step}" fill="#f6f6f7"/>')
        value, allowed = worse[id(row)]
        color, what = (GOOD, "circle") if row["verdict"] == "met" else (BAD, "cross")
        out.append(text(8, y + 4, row["number"], more='font-weight="bold"'))
        out.append(text(44, y + 4, shortened(row["what"], 76)))
        at, end = across(value), across(allowed)
        out.append(f'<line x1="{at:.1f}" x2="{end:.1f}" y1="{y}" y2="{y}" stroke="{color}" stroke-opacity="0.45"/>')
        out.append(f'<line x1="{end:.1f}" x2="{end:.1f}" y1="{y - 6}" y2="{y + 6}" stroke="{INK}" stroke-width="2"/>')
        out.append(shape(what, at, y, color))
        out.append(text(width - 8, y + 4, "-" if value == math.inf else f"{value:.2f}", "end"))
    return page(bottom + 24, out, width)


def intake(points):
    lines = [(name, [(point["held"], point[key]) for point in points])
             for name, key in (("taken in by us", "ours"), ("bare redb rows, sorted", "limit"))]
    return charts(("W2: taking in posts, over how many are held", "held after it", "posts/s", lines, {"along": Log}))


def replica(points):
    def of(*names):
        return [(name, [(point["posts"], point[key]) for point in points]) for name, key in names]

    along = {"along": Log}
    return charts(
        ("W4: a new replica of 100 feeds, with connecting", "posts", "posts/s",
         of(("over iroh, verified", "ours"), ("bare redb rows, sorted", "limit")), along),
        ("Its processor time a post", "posts", "us",
         of(("receiver", "receiver"), ("sender", "sender"), ("bare Ed25519 and BLAKE3", "cpu_limit")), along))


def latency(points):
    def of(name):
        return [(point["what"], list(enumerate(point["percentiles"]))) for point in points if point["number"] == name]

    titles = [("W1a", "W1a: one own post, durable"), ("W6", "W6: a live post, from send() to the follower's stream")]
    return charts(*((title, "percent of all take no longer", "ms", of(name), {"upward": Log})
                    for name, title in titles if of(name)))


def line(points, across, up, scale=1.0):
    return [(point[across], point[up] / scale) for point in points]


def year(points):
    names = [("file", "the file, its length"), ("disk", "the file on the disk"), ("rows", "all rows that it holds"),
             ("entries", "of that entries")]
    lines = [(name, line(points, "week", key, MIB)) for key, name in names]
    return charts(("A year of a busy user", "week", "MiB", lines, {}))


def soak(points):
    nodes = sorted({point["node"] for point in points})

    def of(key, scale):
        return [(node, line([point for point in points if point["node"] == node], "second", key, scale))
                for node in nodes]

    points = [{**point, "each": point["file"] / max(point["entries"], 1)} for point in points]
    return charts(
        ("Anonymous memory", "second", "MiB", of("memory", MIB), {}),
        ("The file, for each entry held", "second", "bytes", of("each", 1), {}),
        ("Entries held", "second", "thousand", of("entries", 1000), {}))


def read():
    """Lines of JSON; all else is passed on to whoever looks."""
    texts = [Path(name).read_text() for name in sys.argv[1:]] or [sys.stdin.read()]
    lines = []
    for text_line in "".join(texts).splitlines():
        if text_line.startswith("{"):
            lines.append(json.loads(text_line))
        elif text_line:
            print(text_line)
    return [line for line in lines if "number" in line or "series" in line or "machine" in line]


def main():
    new = read()
    lines = merged(new)
    rows = [line for line in lines if "series" not in line and "number" in line]
    print(table([line for line in new if "series" not in line and "number" in line]))
    report = REPORT.read_text()
    report = between(report, "machine", machine(lines))
    report = between(report, "table", table([row for row in rows if row["number"] not in OTHERS]))
    report = between(report, "other rows", table([row for row in rows if row["number"] in OTHERS]))
    REPORT.write_text(report)
    judged = [row for row in rows if row["bound"] is not None and row["number"] not in OTHERS]
    if judged:
        (HERE / "budgets.svg").write_text(budgets(judged), encoding="ascii")
    for name, draw in (("intake", intake), ("replica", replica), ("spread", latency), ("year", year), ("soak", soak)):
        points = [line for line in lines if line.get("series") == name]
        if points:
            (HERE / f"{name}.svg").write_text(draw(points), encoding="ascii")


if __name__ == "__main__":
    main()

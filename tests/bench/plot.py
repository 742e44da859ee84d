#!/usr/bin/python3
"""Draws curves as SVG: readable on white and on black, since its colours follow the reader's.

  tests/bench/plot.py ROWS.json FOLDER     draws anew what `script/bench --json` kept

No library: none that Debian has follows the reader's colours, and what is needed here is axes, lines and words.
"""
import html
import json
import math
import pathlib
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM, GAP = 380, 250, 58, 16, 58, 42, 20
COLOURS = {"stager": "#3b82f6", "updater": "#e8833a", "broker": "#a970d8", "all": "#2fa866"}
STYLE = """text { font: 12px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600; font-size: 13px } .axis { stroke: #1f2328 }
.grid { stroke: #1f2328; opacity: .13 } .line { fill: none; stroke-width: 2 } .linear { stroke: #1f2328; stroke-dasharray: 4 4; opacity: .6 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .axis, .grid, .linear { stroke: #e6edf3 } }"""


def words(number, power=False):
    if power and number >= 10000:
        return "10" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(round(math.log10(number))))
    return f"{number:,.10g}"


class Scale:
    """Values to pixels: linear from zero, or logarithmic between powers of ten."""

    def __init__(self, values, logarithmic, begin, end):
        self.logarithmic, self.begin, self.end = logarithmic, begin, end
        if logarithmic:
            self.low, self.high = math.floor(math.log10(min(values)) + 1e-9), math.ceil(math.log10(max(values)) - 1e-9)
            self.high = max(self.high, self.low + 1)
            self.ticks = [10.0 ** power for power in range(self.low, self.high + 1)]
        else:
            step = 10 ** math.floor(math.log10(max(values)))
            step = next(step * part for part in (0.2, 0.25, 0.5, 1, 2) if max(values) / (step * part) <= 6)
            count = math.ceil(max(values) / step)
            self.low, self.high = 0, step * count
            self.ticks = [step * number for number in range(count + 1)]

    def at(self, value):
        share = ((math.log10(value) if self.logarithmic else value) - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)


def text(x, y, content, anchor="middle", kind=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{html.escape(content)}</text>'


def line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def axes(curve, across, up):
    yield line(across.begin, up.begin, across.end, up.begin, "axis")
    for tick in up.ticks:
        yield line(across.begin, up.at(tick), across.end, up.at(tick), "grid")
        yield text(across.begin - 6, up.at(tick) + 4, words(tick, up.logarithmic), "end")
    for tick in curve.get("ticks") or across.ticks:
        yield line(across.at(tick), up.begin, across.at(tick), up.begin + 4, "axis")
        yield text(across.at(tick), up.begin + 17, words(tick, across.logarithmic))
    yield text((across.begin + across.end) / 2, up.begin + 35, curve["x"])


def panel(curve, left):
    """{"title", "x", "series": {name: [[x, y], …]}}, and where they are so "logarithmic": "x", "xy"; "linear": the y that
    would stay if growth were linear."""
    points = [point for series in curve["series"].values() for point in series]
    logarithmic = curve.get("logarithmic", "")
    across = Scale([x for x, _ in points], "x" in logarithmic, left + LEFT, left + WIDTH - RIGHT)
    up = Scale([y for _, y in points] + [curve.get("linear", 0) or points[0][1]], "y" in logarithmic, HEIGHT - BOTTOM, TOP)
    yield text(left + LEFT, 18, curve["title"], "start", ' class="title"')
    yield from axes(curve, across, up)
    if "linear" in curve:
        yield line(across.begin, up.at(curve["linear"]), across.end, up.at(curve["linear"]), "linear")
    x = left + LEFT
    for name, series in curve["series"].items():
        colour = COLOURS.get(name, COLOURS["stager"])
        path = " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in series)
        yield f'<polyline points="{path}" class="line" stroke="{colour}"/>'
        yield from (f'<circle cx="{across.at(x):.1f}" cy="{up.at(y):.1f}" r="3" fill="{colour}"><title>{x:,}: {y:,.4g}</title></circle>'
                    for x, y in series)
        if len(curve["series"]) == 1:
            continue
        yield f'<rect x="{x}" y="31" width="10" height="10" rx="2" fill="{colour}"/>'
        yield text(x + 14, 40, name, "start")
        x += 26 + 6.6 * len(name)
    if "linear" in curve:
        yield line(x, 36, x + 18, 36, "linear")
        yield text(x + 22, 40, "linear", "start")


def draw(path, curves):
    width = len(curves) * WIDTH + (len(curves) - 1) * GAP
    body = "\n".join(element for number, curve in enumerate(curves) for element in panel(curve, number * (WIDTH + GAP)))
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" role="img">\n'
                    f"<style>{STYLE}</style>\n{body}\n</svg>\n")


def draw_rows(rows, folder):
    for row in rows:
        if "curves" in row:
            draw(pathlib.Path(folder) / f"{row['plot']}.svg", row["curves"])


if __name__ == "__main__":
    draw_rows(json.loads(pathlib.Path(sys.argv[1]).read_text()), sys.argv[2])

"""The report of a run: performance.json (every row), performance.md (tables), images/performance.png.

.venv/bin/python -m benchmarks.report docs/performance.json --out docs     # the same page again from the rows
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import figures, plot
from benchmarks.figures import shown
from benchmarks.servers import SERVERS

Found = dict[str, Any]
WORDS = {server.name: server.words for server in SERVERS} | {"mp4": "H.264 as MP4", "jpeg": "JPEG"}
# From so many cores on that strangers had, figures are called disturbed.
_DISTURBED = 0.1
_ROLES = ("web", "engine", "serve", "cameras")


def write(found: Found, out: Path) -> list[Path]:
    """All three into that folder; the files written."""
    out.mkdir(parents=True, exist_ok=True)
    rows, page, image = out / "performance.json", out / "performance.md", out / "images" / "performance.png"
    rows.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    drawn = plot.draw(found, image)
    page.write_text(text(found, image.relative_to(out).as_posix() if drawn else ""))
    return [rows, page, *([image] if drawn else [])]


def text(found: Found, image: str) -> str:
    """The page. `image`: where the plot is, empty where there is none."""
    parts: list[tuple[str, Callable[[Found], list[str]]]] = [
        ("mjpeg", _mjpeg), ("film", _film), ("idle", _idle), ("spread", _spread), ("deaf", _deaf),
    ]  # fmt: skip
    lines = _head(found)
    for name, tell in parts:
        if name not in found:
            continue
        if "failed" in found[name]:
            lines += [f"## {name}", "", f"This part failed: {found[name]['failed']}", ""]
        else:
            lines += tell(found[name])
        if name == "mjpeg" and image:
            lines += [f"![CPU for each picture and its age, by number of viewers]({image})", ""]
    return "\n".join(lines)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table of Markdown, with an empty line behind it."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines] + [""]


def _head(found: Found) -> list[str]:
    run = found["run"]
    machine, picture = run["machine"], run["picture"]
    told = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    cores = " and ".join(",".join(map(str, run["cores"][who])) for who in ("server", "others"))
    return [
        "# What live pictures cost",
        "",
        "`make bench` writes this page, its plot and `performance.json`, in which every single window stands; all",
        "figures are of one run. Another machine has other figures: what carries over are the ratios.",
        "",
        f"- {machine['date']}, {run['minutes']:g} minutes, rounds: {run['rounds']}, windows of {run['seconds']:g} s:",
        f"  `{run['command']}`",
        f"- {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']:g} GB, {machine['system']}",
        f"- {told}",
        f"- One camera, {picture['width']}×{picture['height']}, {picture['fps']} pictures a second of"
        f" {picture['bytes'] / 1000:.0f} KB; over loopback. Cores of the server, and of camera and viewers: {cores}.",
        f"- {_disturbance(figures.others(found))}",
        "",
    ]


def _disturbance(values: list[float]) -> str:
    """How much strangers took while it was measured."""
    if not values:
        return "Nothing was measured."
    usual, most = figures.middle(values) or 0.0, max(values)
    told = f"Other programs of the machine took {usual:.2f} cores in the median window and {most:.2f} in the worst."
    if usual < _DISTURBED:
        return told
    return f"{told} **These figures are disturbed**: times and ages are too long, ratios still say something."


def _columns(rounds: list[figures.Round], names: Sequence[str], path: str) -> list[str]:
    viewers = figures.viewers_of(rounds)
    rows = [[WORDS[name], *(shown(figures.median(rounds, name, n, path)) for n in viewers)] for name in names]
    return table(["Viewers", *map(str, viewers)], rows)


def _troubles(rounds: list[figures.Round]) -> list[str]:
    """Windows without figures, and why."""
    found = figures.troubles(rounds)
    lines = [f"- {WORDS[name]}, {viewers} viewers: {'; '.join(words)}" for (name, viewers), words in found.items()]
    return (
        ["More than one viewer in ten was not let in or thrown out, so there is no figure:", "", *lines, ""]
        if lines
        else []
    )


def _mjpeg(part: Found) -> list[str]:
    rounds, names = part["rounds"], figures.names_of(part["rounds"])
    lines = ["## MJPEG, one camera and many viewers", ""]
    lines += [f"Left out: {WORDS[name]}, because {why}." for name, why in part["skipped"].items()]
    lines += [
        *([""] if part["skipped"] else []),
        "Fairwatch is the whole house (engine, web, camera process), with log-in, access check and viewing sessions;",
        "detection, stills and recording are off. motion always detects. The floor hands bytes on and nothing else.",
        "A server that gives fifty or more viewers less than half of the pictures is not asked for more viewers.",
        "",
        *_troubles(rounds),
        "CPU of the server for each picture delivered, µs:",
        "",
        *_columns(rounds, names, "us"),
        *_web_alone(rounds, "fairwatch"),
        *_ratios(rounds, names),
        "Age of a picture when its last byte has come, median, ms (where pictures are encoded anew: of one viewer):",
        "",
        *_columns(rounds, names, "age_ms.median"),
        "The same, 95th percentile, ms:",
        "",
        *_columns(rounds, names, "age_ms.p95"),
        "Pictures a second that a viewer gets, median:",
        "",
        *_columns(rounds, names, "fps"),
        "Memory of the server, MB (PSS):",
        "",
        *_columns(rounds, names, "pss_mb"),
        *_further(rounds, names),
    ]
    return lines


def _web_alone(rounds: list[figures.Round], *names: str) -> list[str]:
    viewers = figures.viewers_of(rounds)
    rows = [
        [
            WORDS[name],
            *(shown(figures.middle(figures.web_us(figures.row_of(one, name, n)) for one in rounds)) for n in viewers),
        ]
        for name in names
    ]
    if all(cell == "–" for line in rows for cell in line[1:]):
        return []
    return ["The web process alone:", "", *table(["Viewers", *map(str, viewers)], rows)]


def _ratios(rounds: list[figures.Round], names: list[str]) -> list[str]:
    viewers, rest = figures.viewers_of(rounds), [name for name in names if name != "fairwatch"]
    if "fairwatch" not in names or not rest:
        return []
    rows = [
        [WORDS[name], *(figures.spread(figures.ratios(rounds, "fairwatch", name, n)) for n in viewers)] for name in rest
    ]
    words = "CPU of Fairwatch for each picture, as a multiple of theirs; median of the rounds (least–most):"
    return [words, "", *table(["Viewers", *map(str, viewers)], rows)]


def _further(rounds: list[figures.Round], names: Sequence[str]) -> list[str]:
    """What one more viewer costs."""
    viewers = figures.viewers_of(rounds)
    steps = list(zip(viewers, viewers[1:], strict=False))
    if not steps:
        return []
    rows = [
        [
            WORDS[name],
            *(shown(figures.further(rounds, name, *step)) for step in steps),
            *(f"{each:.2f}" if each is not None else "–" for each in [_memory(rounds, name)]),
        ]
        for name in names
    ]
    words = (
        "One viewer more: CPU for each further picture between these numbers of viewers, µs; and resident memory, MB:"
    )
    return [words, "", *table(["", *(f"{few} to {many}" for few, many in steps), "MB a viewer"], rows)]


def _memory(rounds: list[figures.Round], name: str) -> float | None:
    """MB for each viewer, from the fewest to the most that this one was measured with."""
    measured = sorted({row["viewers"] for one in rounds for row in one.get(name, [])})
    return figures.each_viewer(rounds, name, measured[0], measured[-1]) if len(measured) > 1 else None


def _film(part: Found) -> list[str]:
    rounds, names = part["rounds"], figures.names_of(part["rounds"])
    return [
        "## The live socket",
        "",
        "Viewers of `/ws/live/`, one tile each: an H.264 camera as MP4 (a file of 2 Mbit/s played as a camera, key",
        "frames every 2 s) and the MJPEG camera as JPEG. Ages are from the capture time the house tells.",
        "",
        *_troubles(rounds),
        "CPU of the house for each picture delivered, µs:",
        "",
        *_columns(rounds, names, "us"),
        *_web_alone(rounds, *names),
        "Age, median, ms:",
        "",
        *_columns(rounds, names, "age_ms.median"),
        "Age, 95th percentile, ms:",
        "",
        *_columns(rounds, names, "age_ms.p95"),
        "Pictures a second that a viewer gets, median:",
        "",
        *_columns(rounds, names, "fps"),
        "Memory of the house, MB (PSS):",
        "",
        *_columns(rounds, names, "pss_mb"),
        *_further(rounds, names),
    ]


def _idle(part: Found) -> list[str]:
    kinds = {"mjpeg": "MJPEG", "h264": "H.264"}
    rows = [
        [
            kinds[row["kind"]],
            "nobody" if not row["viewers"] else "one, by MJPEG",
            *(f"{row['roles'].get(role, 0) * 100:.2f} %" for role in _ROLES),
            f"{row['cores'] * 100:.1f} %",
            shown(row["pss_mb"]),
        ]
        for row in part["rows"]
    ]
    return [
        f"## {part['cameras']} cameras that nobody watches",
        "",
        f"Percent of a core over {part['seconds']:g} s, camera processes together; nothing is recorded or detected.",
        "",
        *table(["Cameras", "Who watches", "web", "engine", "serve", "cameras", "all", "MB (PSS)"], rows),
    ]


def _spread(part: Found) -> list[str]:
    rounds, each = part["rounds"], part["viewers"] // part["cameras"]
    words = {"one": f"all {part['viewers']} at one camera", "eight": f"{each} at each of {part['cameras']}"}
    rows = []
    for name, told in words.items():
        web = figures.middle(figures.web_us(one[name]) for one in rounds)
        values = [figures.middle(figures.value(one[name], path) for one in rounds) for path in ("us", "age_ms.median")]
        rows.append([told, shown(web), *map(shown, values)])
    both = {
        "web": [_by(figures.web_us(one["eight"]), figures.web_us(one["one"])) for one in rounds],
        "house": [_by(one["eight"]["us"], one["one"]["us"]) for one in rounds],
    }
    return [
        "## One camera or eight",
        "",
        f"A house with {part['cameras']} cameras and {part['viewers']} viewers by MJPEG; CPU for each picture, µs.",
        "",
        *table(["Viewers", "web", "the whole house", "age, median, ms"], rows),
        f"Spread over eight by all at one: web {figures.spread(both['web'])}, house {figures.spread(both['house'])}.",
        "",
    ]


def _deaf(part: Found) -> list[str]:
    kinds = {"reading": f"{part['reading']}", "deaf": f"{part['reading']}, and {part['deaf']} that never read"}
    rows = []
    for name, told in kinds.items():
        paths = ("us", "fps", "age_ms.median", "pss_mb")
        values = [shown(figures.middle(figures.value(one[name], path) for one in part["rounds"])) for path in paths]
        dropped = figures.middle(one[name]["deaf_dropped"] for one in part["rounds"])
        thrown_out = figures.troubles([{name: [one[name]]} for one in part["rounds"]]).values()
        rows.append(
            [" ".join([told, *(f"({'; '.join(words)})" for words in thrown_out)]), *values, f"{dropped or 0:.0f}"]
        )
    return [
        "## Viewers that never read",
        "",
        f"Over {part['seconds']:g} s, MJPEG. They hold no pictures up, and the kernel drops them.",
        "",
        *table(["Viewers", "CPU, µs", "pictures a second", "age, median, ms", "MB (PSS)", "dropped"], rows),
    ]


def _by(one: float | None, other: float | None) -> float:
    """How many times the other; nought where nothing came."""
    return one / other if one and other else 0.0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    for path in write(json.loads(options.rows.read_text()), options.out):
        print(path)

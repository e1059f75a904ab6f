"""The plot of a run: what a picture costs and how old it is, by the number of viewers."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import figures

# Colours that people who see fewer of them can tell apart (Okabe and Ito).
_COLOURS = {
    "fairwatch": "#0072b2",
    "floor": "#000000",
    "motion": "#d55e00",
    "django-asgi": "#009e73",
    "django-gthread": "#cc79a7",
    "flask": "#e69f00",
    "mjpg-streamer": "#56b4e9",
}
_PANELS = {"us": "CPU for each picture, µs", "age_ms.median": "age of a picture on arrival, median, ms"}


def draw(found: dict[str, Any], path: Path) -> bool:
    """Into that file; False where there is nothing to draw or nothing to draw with (requirements-bench.txt)."""
    rounds = found.get("mjpeg", {}).get("rounds", [])
    names = figures.names_of(rounds)
    if not names or not find_spec("matplotlib"):
        return False
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    from benchmarks.report import WORDS

    page, panels = pyplot.subplots(1, len(_PANELS), figsize=(11, 4.6), layout="constrained")
    for panel, (field, title) in zip(panels, _PANELS.items(), strict=True):
        for name in names:
            viewers = figures.viewers_of([{name: one.get(name, [])} for one in rounds])
            points = [(n, figures.median(rounds, name, n, field)) for n in viewers]
            there = [(n, value) for n, value in points if value]
            panel.plot(
                [n for n, _ in there], [value for _, value in there],
                marker="o", markersize=4, color=_COLOURS[name], label=WORDS[name],
                linewidth=2.6 if name == "fairwatch" else 1.3, linestyle="--" if name == "floor" else "-",
            )  # fmt: skip
        ticks = figures.viewers_of(rounds)
        panel.set(xscale="log", yscale="log", title=title, xlabel="viewers")
        panel.set_xticks(ticks, [str(one) for one in ticks])
        panel.minorticks_off()
        panel.grid(visible=True, which="major", color="#dddddd")
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    page.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    page.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(page)
    return True

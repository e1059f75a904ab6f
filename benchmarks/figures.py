"""Medians over the rounds of a run, and ratios, which are made within one round and only then put side by side."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

Row = dict[str, Any]
Round = dict[str, list[Row]]


def viewers_of(rounds: Sequence[Round]) -> list[int]:
    """Every number of viewers that was measured, smallest first."""
    return sorted({row["viewers"] for one in rounds for rows in one.values() for row in rows})


def names_of(rounds: Sequence[Round]) -> list[str]:
    """Everyone of whom there is a figure, in the order of the first round."""
    names = dict.fromkeys(name for one in rounds for name in one)
    return [name for name in names if any(one.get(name) for one in rounds)]


def row_of(one: Round, name: str, viewers: int) -> Row | None:
    """What that server's window with so many viewers gave in one round, if there was one that is not broken."""
    return next((row for row in one.get(name, []) if row["viewers"] == viewers and not broken(row)), None)


def broken(row: Row) -> bool:
    """Whether more than one viewer in ten was not let in or was thrown out: its figures mean nothing."""
    return bool(sum(row["troubles"].values()) > row["viewers"] // 10)


def troubles(rounds: Sequence[Round]) -> dict[tuple[str, int], list[str]]:
    """What went wrong in windows that are broken, by server and number of viewers."""
    found: dict[tuple[str, int], list[str]] = {}
    for one in rounds:
        for name, rows in one.items():
            for row in filter(broken, rows):
                words = ", ".join(f"{count} × {trouble}" for trouble, count in row["troubles"].items())
                found.setdefault((name, row["viewers"]), []).append(words)
    return found


def value(row: Row | None, path: str) -> float | None:
    """`age_ms.median` of a row; None where it is not told."""
    found: Any = row
    for word in path.split("."):
        found = (found or {}).get(word)
    return found if isinstance(found, int | float) else None


def web_us(row: Row | None) -> float | None:
    """CPU µs of the web process alone for each picture delivered."""
    if not row or "roles" not in row or not row["a_second"]:
        return None
    return float(row["roles"].get("web", 0.0)) / float(row["a_second"]) * 1e6


def median(rounds: Sequence[Round], name: str, viewers: int, path: str) -> float | None:
    """Over the rounds; None where it was never measured."""
    return middle(value(row_of(one, name, viewers), path) for one in rounds)


def middle(values: Iterable[float | None]) -> float | None:
    """The median of those that there are."""
    there = [one for one in values if one is not None]
    return statistics.median(there) if there else None


def ratios(rounds: Sequence[Round], name: str, other: str, viewers: int, path: str = "us") -> list[float]:
    """`name` by `other`, for each round in which both were measured."""
    both = [(value(row_of(one, name, viewers), path), value(row_of(one, other, viewers), path)) for one in rounds]
    return [mine / theirs for mine, theirs in both if mine is not None and theirs]


def further(rounds: Sequence[Round], name: str, few: int, many: int) -> float | None:
    """CPU µs for each further picture delivered, from few viewers to many."""
    found = []
    for one in rounds:
        low, high = row_of(one, name, few), row_of(one, name, many)
        if low and high and high["a_second"] > low["a_second"]:
            found.append((high["cores"] - low["cores"]) / (high["a_second"] - low["a_second"]) * 1e6)
    return middle(found)


def each_viewer(rounds: Sequence[Round], name: str, few: int, many: int) -> float | None:
    """MB of resident memory for each further viewer, from few to many."""
    found = []
    for one in rounds:
        low, high = row_of(one, name, few), row_of(one, name, many)
        if low and high:
            found.append((high["rss_mb"] - low["rss_mb"]) / (many - few))
    return middle(found)


def others(found: dict[str, Any]) -> list[float]:
    """Cores that strangers had in each window of the whole run."""
    values: list[float] = []
    for part in found.values():
        for one in part.get("rounds", []) if isinstance(part, dict) and isinstance(part.get("rounds"), list) else []:
            for rows in one.values():
                values += [row["others"] for row in (rows if isinstance(rows, list) else [rows])]
        values += [row["others"] for row in part.get("rows", [])]
    return values


def shown(number: float | None) -> str:
    """With as many digits as mean something; a dash where there is none."""
    if number is None:
        return "–"
    if number >= 100:
        return f"{number:,.0f}"
    if number >= 10:
        return f"{number:.1f}"
    return f"{number:.2f}"


def spread(values: Sequence[float]) -> str:
    """The median, and from where to where the rounds went."""
    if not values:
        return "–"
    middle_one = f"{statistics.median(values):.2f}"
    return middle_one if len(values) == 1 else f"{middle_one} ({min(values):.2f}–{max(values):.2f})"

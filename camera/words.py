"""Sizes and spans of time in words, the same on every page."""


def size(count: float) -> str:
    """Bytes as people say them, in thousands: «840 MB», «1.2 GB»."""
    value = float(max(0.0, count))
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 9.95 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def span(seconds: float) -> str:
    """«40 s», «3 min», «5 h», «11 days»."""
    for unit, length, until in (("s", 1, 90), ("min", 60, 5400), ("h", 3600, 172_800)):
        if seconds < until:
            return f"{max(0, round(seconds / length))} {unit}"
    return f"{round(seconds / 86_400)} days"


def many(count: int, one: str) -> str:
    """«1 recording», «12 recordings»."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"

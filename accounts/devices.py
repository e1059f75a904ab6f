"""A User-Agent in words people use: "Firefox on Android", "VLC", "curl". It is what the viewer says, no proof."""

import re

# In this order: everybody claims to be Mozilla, Edge claims to be Chrome, and Chrome claims to be Safari.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chromium", "Chromium"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Web0S", "a television"),
    ("Tizen", "a television"),
    ("SmartTV", "a television"),
    ("SMART-TV", "a television"),
    ("Android", "Android"),
    ("CrOS", "Chromebook"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)
PROGRAMS = (
    ("VLC", "VLC"),
    ("LibVLC", "VLC"),
    ("HomeAssistant", "Home Assistant"),
    ("Home Assistant", "Home Assistant"),
    ("Lavf", "FFmpeg"),
    ("GStreamer", "GStreamer"),
    ("mpv", "mpv"),
    ("Kodi", "Kodi"),
)
LONGEST = 60
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def _first(table: tuple[tuple[str, str], ...], agent: str) -> str:
    return next((words for mark, words in table if mark in agent), "")


def device_words(agent: str) -> str:
    """At most 60 characters, without control characters; empty when the viewer does not say."""
    agent = _CONTROL.sub("", agent).strip()[:400]
    program = _first(PROGRAMS, agent)
    if program:
        return program
    browser, system = _first(BROWSERS, agent), _first(SYSTEMS, agent)
    if browser:
        return f"{browser} on {system}" if system else browser
    if system and agent.startswith("Mozilla"):
        return f"a browser on {system}"
    return agent.partition("/")[0].partition(" ")[0][:LONGEST]

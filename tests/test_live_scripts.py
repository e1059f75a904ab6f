"""The scripts of the wall and the live page: whatever they import is fetched at once."""

import re
from collections.abc import Callable
from pathlib import Path

from django.test import Client

from accounts.models import User
from camera.models import Camera

SCRIPTS = Path(__file__).resolve().parent.parent / "static" / "js"


def imported(name: str) -> set[str]:
    """Every module below `name`, by file name."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        text = (SCRIPTS / waiting.pop()).read_text()
        new = set(re.findall(r'^(?:import|export) [^;]*?from "\./([^"]+)"', text, re.MULTILINE)) - found
        found |= new
        waiting += new
    return found


def test_all_that_the_live_script_imports_is_preloaded(
    client_of: Callable[[User | None], Client], alice: User, yard: Camera
) -> None:
    wanted = imported("live.js")
    assert {"live-tile.js", "live-boxes.js"} <= wanted
    page = client_of(alice).get("/live/yard/").content.decode()
    assert set(re.findall(r'<link rel="modulepreload" href="/static/js/([^"]+)">', page)) == wanted

"""Which tests of browsers and real processes go to the same worker, and which go first; a plugin of pytest.

With `--dist loadgroup` tests of a module whose fixtures are made once for it (a house, a browser) stay together; others
go to whoever is free. What takes longest goes first, so that nobody waits for one late long test.
"""

from typing import Any

import pytest

# By their times; a module that is not here comes after them, in its usual place.
LONGEST = (
    "test_push_api_real",
    "test_processes_recording",
    "test_logs_browser",
    "test_processes",
    "test_webcam_e2e",
    "test_videostream_processes",
    "test_e2e_recording",
    "test_e2e",
)
SHARED_SCOPES = ("class", "module", "package")


def _shares(item: pytest.Item) -> bool:
    """Whether one of its fixtures is made once for its module."""
    fixtures: dict[str, Any] = item._fixtureinfo.name2fixturedefs
    return any(found and found[-1].scope in SHARED_SCOPES for found in fixtures.values())


def _module(item: pytest.Item) -> str:
    return item.path.stem


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("loadgroup", False):
        return
    for item in items:
        if _shares(item):
            item.add_marker(pytest.mark.xdist_group(_module(item)))
    rank = {name: at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(_module(item), len(rank)))

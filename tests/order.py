"""Which tests of browsers and real processes go first, when workers take one file after another; a plugin of pytest.

What takes longest goes first, so that nobody waits for one late long file.
"""

import pytest

# By their times; a file that is not here comes after them, in its usual place.
LONGEST = (
    "test_push_api_real",
    "test_processes_recording",
    "test_logs_browser",
    "test_processes",
    "test_webcam_e2e",
    "test_live_ways",
    "test_videostream_processes",
    "test_e2e",
    "test_e2e_recording",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))

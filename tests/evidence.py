"""What a failed test leaves to look at: the log of its house, and of every open page a picture, its address and words.

A plugin of pytest (see pyproject.toml). Pictures lie in tests/artifacts/.
"""

import re
from collections import defaultdict, deque
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import pytest

PICTURES = Path(__file__).parent / "artifacts"
LINES = 150
SAID = 40

_heard: "WeakSet[Any]" = WeakSet()
_said: "WeakKeyDictionary[Any, deque[str]]" = WeakKeyDictionary()


def _listen(context: Any) -> None:
    """Keep the last words of a browser context's pages: console, errors of scripts, requests that failed."""
    if context in _heard:
        return
    _heard.add(context)
    words = _said.setdefault(context, deque(maxlen=SAID))
    context.on("console", lambda message: words.append(f"{message.type}: {message.text}"))
    context.on("weberror", lambda error: words.append(f"error: {error.error}"))
    context.on("requestfailed", lambda request: words.append(f"failed: {request.url} {request.failure}"))


def _kind(value: Any) -> str:
    return type(value).__name__ if type(value).__module__.startswith("playwright.sync_api") else ""


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
    value = yield
    if _kind(value) == "Browser" and value not in _heard:
        _heard.add(value)
        value.on("context", _listen)
    return value


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and report.when != "teardown":
        values = list(getattr(item, "funcargs", {}).values())
        report.sections += [*_logs(values), *_pages(item, values)]
    return report


def _logs(values: list[Any]) -> Iterator[tuple[str, str]]:
    # Not at the top: this plugin is loaded before pytest looks after the asserts of what tests import.
    from tests.house import RealHouse

    found = [getattr(value, "house", value) for value in values]
    for house in {id(one): one for one in found if isinstance(one, RealHouse)}.values():
        yield f"log of the house in {house.folder}", house.last_words(LINES)


def _contexts(values: list[Any]) -> list[Any]:
    found: dict[int, Any] = {}
    for value in values:
        kind = _kind(value)
        if kind == "Browser":
            found |= {id(one): one for one in value.contexts}
        elif kind in ("BrowserContext", "Page"):
            context = value.context if kind == "Page" else value
            found[id(context)] = context
    return list(found.values())


def _pages(item: pytest.Item, values: list[Any]) -> Iterator[tuple[str, str]]:
    counts: dict[str, int] = defaultdict(int)
    for context in _contexts(values):
        try:
            pages = list(context.pages)
        except Exception as error:  # the browser itself may be what failed
            yield "a browser context", f"cannot be looked at: {error}"
            continue
        for page in pages:
            name = re.sub(r"[^\w.-]+", "-", item.nodeid.rpartition("/")[2])
            counts[name] += 1
            yield f"page {page.url}", _picture(page, PICTURES / f"{name}-{counts[name]}.png")
        if said := _said.get(context):
            yield "the pages said", "\n".join(said)


def _picture(page: Any, path: Path) -> str:
    PICTURES.mkdir(exist_ok=True)
    try:
        page.screenshot(path=str(path), timeout=5_000)
    except Exception as error:  # a page that hangs must not hide what the test says
        return f"no picture: {str(error).splitlines()[0]}"
    return f"picture: {path}"

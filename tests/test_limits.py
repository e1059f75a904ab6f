"""Large bodies are refused before Django sees them."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from surveillance.limits import BodyLimit


async def reading_app(scope: Any, receive: Any, send: Any) -> None:
    taken = 0
    while True:
        message = await receive()
        taken += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(taken).encode()})


def ask(headers: list[tuple[bytes, bytes]], chunks: list[bytes]) -> tuple[int, int]:
    """(status, chunks taken) of a request with that body against a limit of 100 bytes."""
    sent: list[dict[str, Any]] = []
    source: Iterator[bytes] = iter(chunks)
    left = len(chunks)

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": next(source), "more_body": left > 0}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {"type": "http", "path": "/anything", "headers": headers}
    asyncio.run(BodyLimit(reading_app, lambda path: 100)(scope, receive, send))
    return sent[0]["status"], len(chunks) - left


def test_a_small_body_passes() -> None:
    assert ask([(b"content-length", b"10")], [b"x" * 10]) == (200, 1)


def test_a_declared_large_body_is_refused_unread() -> None:
    assert ask([(b"content-length", b"101")], [b"x" * 101]) == (413, 0)


def test_a_chunked_large_body_is_refused_as_soon_as_it_is_too_large() -> None:
    assert ask([], [b"x" * 60] * 50) == (413, 2)


def test_a_body_larger_than_declared_is_refused() -> None:
    assert ask([(b"content-length", b"5")], [b"x" * 60] * 3)[0] == 413


@pytest.mark.parametrize("value", [b"-1", b"1e3", b"", b"9" * 16, b"+5", b"\xb2"])
def test_an_odd_length_is_refused(value: bytes) -> None:
    assert ask([(b"content-length", value)], [b""])[0] == 400


def test_two_different_lengths_are_refused() -> None:
    assert ask([(b"content-length", b"1"), (b"content-length", b"2")], [b""])[0] == 400

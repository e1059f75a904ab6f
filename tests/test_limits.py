"""Large bodies are refused before Django sees them."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from surveillance.limits import DRAINED_BYTES, BodyLimit


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
    """(status, chunks taken by the time of the answer) of a request with that body against a limit of 100 bytes."""
    sent: list[dict[str, Any]] = []
    taken = 0
    source: Iterator[bytes] = iter(chunks)
    left = len(chunks)

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": next(source), "more_body": left > 0}

    async def send(message: Any) -> None:
        nonlocal taken
        if not sent:
            taken = len(chunks) - left
        sent.append(dict(message))

    scope = {"type": "http", "path": "/anything", "headers": headers}
    asyncio.run(BodyLimit(reading_app, lambda path: 100)(scope, receive, send))
    assert not sent[-1].get("more_body")
    return sent[0]["status"], taken


def test_a_small_body_passes() -> None:
    assert ask([(b"content-length", b"10")], [b"x" * 10]) == (200, 1)


def test_a_declared_large_body_is_refused_before_it_is_read() -> None:
    assert ask([(b"content-length", b"101")], [b"x" * 101]) == (413, 0)


def test_a_chunked_large_body_is_refused_as_soon_as_it_is_too_large() -> None:
    assert ask([], [b"x" * 60] * 50) == (413, 2)


def test_a_body_larger_than_declared_is_refused() -> None:
    assert ask([(b"content-length", b"5")], [b"x" * 60] * 3)[0] == 413


def drained(chunks: Iterator[bytes], seconds: float = 0.0) -> tuple[int, bool]:
    """(bytes read of a refused body, whether the connection was closed then); each chunk takes `seconds`."""
    taken, sent = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        await asyncio.sleep(seconds)
        piece = next(chunks)
        taken += len(piece)
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {"type": "http", "path": "/anything", "headers": [(b"content-length", b"300000000")]}
    asyncio.run(BodyLimit(reading_app, lambda path: 100)(scope, receive, send))
    assert sent[0]["status"] == 413 and (b"connection", b"close") in sent[0]["headers"]
    return taken, not sent[-1].get("more_body")


def test_of_a_refused_body_so_much_is_read_that_the_answer_is_seen_and_no_more() -> None:
    assert drained(b"x" * 2**20 for _ in range(300)) == (DRAINED_BYTES, True)


def test_a_refused_body_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("surveillance.limits.DRAINED_SECONDS", 0.05)
    taken, closed = drained((b"x" for _ in range(300)), seconds=0.02)
    assert closed and taken < 5


@pytest.mark.parametrize("value", [b"-1", b"1e3", b"", b"9" * 16, b"+5", b"\xb2"])
def test_an_odd_length_is_refused(value: bytes) -> None:
    assert ask([(b"content-length", value)], [b""])[0] == 400


def test_two_different_lengths_are_refused() -> None:
    assert ask([(b"content-length", b"1"), (b"content-length", b"2")], [b""])[0] == 400

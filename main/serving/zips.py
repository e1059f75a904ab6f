"""Many files as one ZIP, made while it is sent: constant memory however many there are, nothing on the disk."""

import asyncio
import contextlib
import time
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from camera.paths import UnsafePathError, inside
from main.serving.ranges import ASK_EVERY, PIECE, NoFileError, OpenedFile, always

ZIP = "application/zip"
# A picture that is larger is none of ours.
MOST_BYTES = 32 * 1024 * 1024
_MODE = 0o100644 << 16
Stamp = tuple[int, int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the ZIP: its name below the root, what it is called in the ZIP, and its local time there."""

    file: str
    name: str
    stamp: Stamp


class Sink:
    """Takes what the ZIP is made of, until it is fetched; knows no place, so that nothing is ever gone back to."""

    def __init__(self) -> None:
        self._held = bytearray()

    def __len__(self) -> int:
        return len(self._held)

    def write(self, data: bytes) -> int:
        self._held += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits anywhere else."""

    def fetch(self) -> bytes:
        held, self._held = bytes(self._held), bytearray()
        return held


def pieces(root: Path | str, members: Iterable[Member]) -> Generator[bytes, None, None]:
    """The ZIP in pieces of at least PIECE bytes, but for the last. What has gone meanwhile, or is no ordinary file, is
    left out."""
    sink = Sink()
    # It asks for no more than `write` and `flush` of a file without a place.
    with zipfile.ZipFile(cast(IO[bytes], sink), "w", zipfile.ZIP_STORED) as made:
        for member in members:
            data = _read(root, member)
            if data is None:
                continue
            info = zipfile.ZipInfo(member.name, member.stamp)
            info.external_attr = _MODE
            made.writestr(info, data)
            if len(sink) >= PIECE:
                yield sink.fetch()
    yield sink.fetch()


def _read(root: Path | str, member: Member) -> bytes | None:
    try:
        opened = OpenedFile(inside(root, member.file))
    except (NoFileError, UnsafePathError):
        return None
    try:
        data = opened.read(opened.size, 0) if opened.size <= MOST_BYTES else b""
    except OSError:
        return None
    finally:
        opened.close()
    return data or None


class ZipBody:
    """The body of a reply. Files are read in threads; it breaks off when `still` (called in a thread) says no."""

    def __init__(self, made: Generator[bytes, None, None], still: Callable[[], bool] = always) -> None:
        self._made, self._still = made, still

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        asked = time.monotonic()
        try:
            while piece := await asyncio.to_thread(next, self._made, b""):
                yield piece
                if time.monotonic() - asked >= ASK_EVERY:
                    if not await asyncio.to_thread(self._still):
                        # The connection must break: what came so far is not all.
                        raise NoFileError("whoever reads it may not any more")
                    asked = time.monotonic()
        finally:
            self.close()

    def close(self) -> None:
        # A thread that still reads the next piece ends with it.
        with contextlib.suppress(ValueError):
            self._made.close()


def zip_reply(
    root: Path | str, members: Iterable[Member], name: str, still: Callable[[], bool]
) -> StreamingHttpResponse:
    """The reply that sends `members` as a ZIP called `name`. How long it will be is not known beforehand."""
    disposition = content_disposition_header(True, name)
    assert disposition is not None
    headers = {"Content-Type": ZIP, "Content-Disposition": disposition, "X-Content-Type-Options": "nosniff"}
    return StreamingHttpResponse(ZipBody(pieces(root, members), still), headers=headers)

"""Live pictures as multipart/x-mixed-replace: for programs, televisions and pages without JavaScript."""

import asyncio
import io
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import lru_cache
from typing import Protocol

from camera.live.feed import BOUNDARY, CLOSING, Bell, Pace, Picture
from camera.live.hub import Hub
from camera.packets import REASON_TEXT, CameraState, StateName

CONTENT_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"
PLACEHOLDER_EVERY = 5.0
# A camera that is online may need this long for its first picture before viewers are told that there is none yet.
PATIENCE = 2.0
WORDS = {
    StateName.CONNECTING: "Connecting",
    StateName.ONLINE: "Waiting for the first picture",
    StateName.OFFLINE: "No picture",
    StateName.PAUSED: "Paused",
    StateName.DISABLED: "Switched off",
}


class Audience(Protocol):
    """Whoever watches: may be told to go."""

    @property
    def gone(self) -> bool: ...


class Viewer(Audience, Protocol):
    """One who is told what was sent as well."""

    def sent(self, size: int) -> None: ...


async def parts(hub: Hub, camera: int, viewer: Viewer, bell: Bell) -> AsyncGenerator[bytes, None]:
    """What follows OPENING in the body of the stream, until the viewer is gone. `bell` wakes it, so ring it when the
    viewer has to go."""
    async with aclosing(items(hub, camera, viewer, bell)) as stream:
        async for item in stream:
            part = item.part() if isinstance(item, Picture) else item
            yield part
            viewer.sent(len(part))


async def items(hub: Hub, camera: int, viewer: Audience, bell: Bell) -> AsyncGenerator[Picture | bytes, None]:
    """The same before it is put into words: pictures, and what stands for one as a part.

    A viewer that takes long gets the newest picture next, not the one after its last.
    """
    feed = hub.feed(camera)
    pace, seen, placeholder = Pace(), None, _Placeholder()
    with feed.listening(bell):
        while not (viewer.gone or hub.closing):
            now = time.monotonic()
            picture: Picture | None = hub.live(feed)
            item: Picture | bytes | None = None
            pause = 0.5
            if picture is None:
                seen = None
                item = await placeholder.due(hub.state(camera), now)
            elif picture is not seen:
                if pace.ready(now, hub.viewer_fps):
                    seen = item = picture
                    placeholder = _Placeholder()
                else:
                    pause = min(pause, pace.patience(now, hub.viewer_fps))
            if item is None:
                await bell.wait(pause)
            else:
                yield item


class _Placeholder:
    """Says for one viewer when the next placeholder is due: at once, at every change and every 5 s."""

    def __init__(self) -> None:
        self._told: tuple[str, str] | None = None
        self._due = time.monotonic() + PATIENCE

    async def due(self, state: CameraState, now: float) -> bytes | None:
        told = told_of(state)
        waiting = state.state in (StateName.ONLINE, StateName.CONNECTING)
        at_once = told != self._told and (self._told is not None or not waiting)
        if now < self._due and not at_once:
            return None
        self._told, self._due = told, now + PLACEHOLDER_EVERY
        return await asyncio.to_thread(placeholder_part, *told)


def told_of(state: CameraState) -> tuple[str, str]:
    """State and reason in known words only: they go into headers, and what comes off the bus may be odd."""
    known = state.state if state.state in set(StateName) else StateName.OFFLINE
    return str(known), str(state.reason) if state.reason in REASON_TEXT else ""


@lru_cache(maxsize=32)
def placeholder_part(state: str, reason: str) -> bytes:
    """A part that stands for a picture, without a capture time, so that nothing takes it for one."""
    data = placeholder_jpeg(state, reason)
    shown = StateName.CONNECTING if state == StateName.ONLINE else state
    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(data)}\r\nX-State: {shown}; reason={reason}\r\n\r\n"
    return head.encode() + data + CLOSING


@lru_cache(maxsize=32)
def placeholder_jpeg(state: str, reason: str) -> bytes:
    """The reason in words on a dark ground, 640 by 360. No camera's name stands on it, so one serves all."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (640, 360), (23, 27, 31))
    draw = ImageDraw.Draw(image)
    head = WORDS[StateName(state)]
    draw.text((320, 150), head, (231, 234, 237), ImageFont.load_default(34), anchor="mm")
    small = ImageFont.load_default(19)
    for number, line in enumerate(_lines(REASON_TEXT.get(reason, ""))):
        draw.text((320, 205 + 28 * number), line, (162, 171, 181), small, anchor="mm")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def _lines(text: str, width: int = 52) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines

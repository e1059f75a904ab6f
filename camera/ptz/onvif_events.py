"""What an ONVIF camera itself says, of movement and of its button, asked for by PullPoint."""

import asyncio
import contextlib
import re
import time
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import Any

from onvif.managers import PullPointManager  # type: ignore[import-untyped]

from camera.ptz.driver import Button, Motion
from camera.ptz.onvif_faults import is_refusal
from camera.ptz.onvif_line import Line

# The camera forgets us after this when nothing renews it; the library does at four fifths of it.
KEPT = timedelta(seconds=120)
# In seconds: how long the camera may hold an answer back, how long it is waited for on top, how long a farewell takes.
HELD, _MARGIN, PARTING = 6, 2.0, 1.4
# A camera that answers at once, with nothing, is not asked again and again.
_LEAST = 1.0
_MOST_MESSAGES, _MOST_ACTIVE, _MOST_ITEMS, _LONGEST_WORD = 100, 100, 20, 200
# Further off than this the camera's clock has been changed meanwhile.
_CLOCK_TRUST = 30.0
# What is taken for movement: by its topic, and by the name of the word that says yes or no.
_TOPIC = re.compile(
    r"(?i)(VideoSource/MotionAlarm"
    r"|(RuleEngine|VideoAnalytics)/\S*(motion|people|person|human|face|vehicle|pet\b|dogcat|smartevent"
    r"|objectsinside|linecross|intrusion))"
)
# A doorbell of its own, as Reolink's and others' cameras call it, and a contact that a button may be wired to.
_BUTTONS = {
    Button.DOORBELL: re.compile(r"(?i)[/:](visitor|door_?bell|ring)(detector)?(/|$)"),
    Button.INPUT: re.compile(r"(?i)Device/Trigger/DigitalInput|IO/(Port|VirtualInput|VirtualPort)"),
}
_PRESSED = re.compile(r"(?i)(state|logicalstate|active|isvisitor|isring)")
_NAME = re.compile(r"(?i)(visitor|door_?bell|ring)(detector)?")
_MOST_TOPICS = 2000
_WORDS = re.compile(
    r"(?i)(ismotion|motion|state|ispeople|isperson|ishuman|isface|isvehicle|ispet|isinside|isintrusion|islinecross"
    r"|istpsmartevent)"
)


class Events:
    """One subscription at one camera; made when it is first waited for, and anew after a fault."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._manager: PullPointManager | None = None
        # What says yes at present, by topic and source: a camera's detectors overlap.
        self._active: OrderedDict[tuple[str, ...], None] = OrderedDict()
        self._held: OrderedDict[tuple[str, ...], None] = OrderedDict()
        self._faults = 0

    async def wait(self, seconds: float) -> list[Motion]:
        """Up to `seconds`. Raises what the library raises; then the next call subscribes anew."""
        begun = time.monotonic()
        if seconds < HELD:
            return []  # entering the camera took the time
        try:
            async with asyncio.timeout(seconds - PARTING):
                answer = await self._pull(seconds - PARTING - _MARGIN)
        except Exception as error:
            was_there = self._manager is not None
            await self.close()
            # Once may be a camera that was started anew, or holds its answers longer than it is asked to.
            if not was_there or self._faults or is_refusal(error):
                raise
            self._faults += 1
            return []
        self._faults = 0
        found = self.read(getattr(answer, "NotificationMessage", None) or [])
        if not found:
            await asyncio.sleep(max(0.0, _LEAST - (time.monotonic() - begun)))
        return found

    async def _pull(self, seconds: float) -> Any:
        begun = time.monotonic()
        if self._manager is None:
            self._manager = await self._line.create_pullpoint_manager(KEPT, self._forget)
        held = max(1, min(HELD, int(seconds - (time.monotonic() - begun))))
        service = self._manager.get_service()
        return await service.PullMessages({"Timeout": timedelta(seconds=held), "MessageLimit": _MOST_MESSAGES})

    def read(self, messages: list[Any]) -> list[Motion]:
        """One word for each message about movement, off only when nothing of it goes on any more, and one for each
        press of a button."""
        found: list[Motion] = []
        for message in messages[:_MOST_MESSAGES]:
            try:
                word = self._word(message)
            except (AttributeError, TypeError, ValueError, LookupError):
                continue  # each maker has messages of its own
            if word is not None:
                found.append(word)
        return found

    def _word(self, message: Any) -> Motion | None:
        topic = str(message.Topic._value_1).strip()[:_LONGEST_WORD]
        inner = message.Message._value_1
        for button, known in _BUTTONS.items():
            if known.search(topic):
                return self._press(button, topic, inner)
        says = [item.Value for item in _items(inner.Data) if _WORDS.fullmatch(str(item.Name))]
        if not _TOPIC.search(topic) or not says:
            return None
        _note(self._active, _key(topic, inner), is_on=_is_yes(says) and str(inner.PropertyOperation) != "Deleted")
        return Motion(bool(self._active), self._when(inner.UtcTime))

    def _press(self, button: Button, topic: str, inner: Any) -> Motion | None:
        """A press, told once: what is held down already when we begin to listen is none."""
        says = [item.Value for item in _items(inner.Data) if _PRESSED.fullmatch(str(item.Name))]
        if not says:
            return None
        key, how = _key(topic, inner), str(inner.PropertyOperation)
        is_on, was_on = _is_yes(says) and how != "Deleted", key in self._held
        # One that is no state that lasts says only that it was pressed, each time.
        lasts = how in ("Initialized", "Changed", "Deleted")
        _note(self._held, key, is_on=is_on and lasts)
        if not is_on or was_on or how == "Initialized":
            return None
        return Motion(True, self._when(inner.UtcTime), button)

    def _when(self, said: Any) -> float:
        now = time.time()
        if not isinstance(said, datetime):
            return now
        at = (said if said.tzinfo else said.replace(tzinfo=UTC)) - (self._line.dt_diff or timedelta())
        seconds = at.timestamp()
        return min(now, seconds) if abs(now - seconds) < _CLOCK_TRUST else now

    def _forget(self) -> None:
        self._active.clear()
        self._held.clear()

    async def close(self) -> None:
        """Tell the camera, as far as it listens. Never raises."""
        manager, self._manager = self._manager, None
        self._forget()
        if manager is None:
            return
        with contextlib.suppress(Exception):
            async with asyncio.timeout(PARTING):
                await manager.shutdown()


async def has_button(line: Line) -> bool:
    """Whether the camera names a doorbell among what it may tell of. Raises what the library raises."""
    service = await line.create_events_service()
    topics = (await service.GetEventProperties()).TopicSet
    found = [node for one in (getattr(topics, "_value_1", None) or []) for node in one.iter()]
    names = (str(node.tag).rpartition("}")[2] for node in found[:_MOST_TOPICS])
    return any(_NAME.fullmatch(name) for name in names)


def _key(topic: str, inner: Any) -> tuple[str, ...]:
    return (topic, *(f"{item.Name}={item.Value}"[:_LONGEST_WORD] for item in _items(inner.Source)))


def _is_yes(says: list[Any]) -> bool:
    return any(str(value).strip().lower() in ("true", "1") for value in says)


def _note(kept: OrderedDict[tuple[str, ...], None], key: tuple[str, ...], *, is_on: bool) -> None:
    kept.pop(key, None)
    if is_on:
        kept[key] = None
        while len(kept) > _MOST_ACTIVE:
            kept.popitem(last=False)


def _items(part: Any) -> list[Any]:
    return list((getattr(part, "SimpleItem", None) or [])[:_MOST_ITEMS])

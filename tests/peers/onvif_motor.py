"""What the ONVIF camera of the tests does: its motor, and the subscriptions to what its detection says."""

import re
import threading
import time
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

from tests.peers import onvif_answers as say

if TYPE_CHECKING:
    from tests.peers.onvif_camera import OnvifCamera

Values = dict[str, Any]
Place = tuple[float, float, float]
_AXES = ("PanTilt.x", "PanTilt.y", "Zoom.x")


class RefusedError(Exception):
    """A fault: its bytes and the status they go with."""

    def __init__(self, answer: bytes, status: int = 400) -> None:
        super().__init__()
        self.answer, self.status = answer, status


class Motor:
    """Moves by velocity for a time, by steps, or to a place, and keeps positions."""

    def __init__(self) -> None:
        self.presets: dict[str, str] = {}
        self.most_presets = 8
        self.position: Place = (0.0, 0.0, 0.0)
        self._velocity: Place = (0.0, 0.0, 0.0)
        self._until = 0.0

    @property
    def moving(self) -> Place:
        """Its speed now; nought when it stands, by a command or because a movement's time is over."""
        return self._velocity if time.monotonic() < self._until else (0.0, 0.0, 0.0)

    def do(self, name: str, values: Values) -> str:
        """The answer to a command."""
        if name == "ContinuousMove":
            self._velocity = _place(values)
            self._until = time.monotonic() + duration(values.get("Timeout", "PT10S"))
        elif name == "Stop":
            self._velocity = (0.0, 0.0, 0.0)
        elif name == "RelativeMove":
            self._step(_place(values))
        elif name == "AbsoluteMove":
            self.position = _place(values)
        elif name in ("GotoPreset", "RemovePreset"):
            if values["PresetToken"] not in self.presets:
                raise RefusedError(say.fault("Sender", "InvalidArgVal", "no such preset", "NoToken"))
            if name == "RemovePreset":
                del self.presets[values["PresetToken"]]
        elif name == "SetPreset":
            return self._keep(values)
        elif name != "GotoHomePosition":
            raise RefusedError(say.fault("Receiver", "ActionNotSupported", f"{name} is not implemented"), 500)
        return f"<tptz:{name}Response/>"

    def _step(self, by: Place) -> None:
        pan, tilt, zoom = (old + one for old, one in zip(self.position, by, strict=True))
        if max(abs(pan), abs(tilt), abs(zoom)) > 1:
            raise RefusedError(say.fault("Sender", "InvalidArgVal", "out of bounds", "InvalidPosition"))
        self.position = (pan, tilt, zoom)

    def _keep(self, values: Values) -> str:
        token = values.get("PresetToken") or f"P{len(self.presets) + 1:03d}"
        if token not in self.presets and len(self.presets) >= self.most_presets:
            raise RefusedError(say.fault("Receiver", "Action", "full", "TooManyPresets"), 500)
        self.presets[token] = values.get("PresetName") or token
        return f"<tptz:SetPresetResponse><tptz:PresetToken>{token}</tptz:PresetToken></tptz:SetPresetResponse>"


class Subscriptions:
    """Messages wait here for whoever subscribed, until they are pulled. `changed` guards them."""

    def __init__(self, camera: "OnvifCamera", changed: threading.Condition) -> None:
        self._camera, self._changed = camera, changed
        self._waiting: dict[str, list[str]] = {}
        self._made = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: str) -> None:
        with self._changed:
            for waiting in self._waiting.values():
                waiting.append(message)
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()

    def do(self, name: str, number: str, values: Values) -> str:
        until = self._camera.now() + 120
        with self._changed:
            if name == "CreatePullPointSubscription":
                self._made += 1
                self._waiting[str(self._made)] = []
                return say.subscription(self._camera, self._made, until)
            self._there(number)
            if name == "Unsubscribe":
                del self._waiting[number]
                return "<wsnt:UnsubscribeResponse/>"
            if name == "Renew":
                return say.renewed(self._camera, until)
            over = self._camera.over
            held = 0.0 if self._camera.impatient else duration(values["Timeout"])
            self._changed.wait_for(lambda: self._waiting.get(number, ["gone"]) or over.is_set(), held)
            self._there(number)
            said, self._waiting[number] = self._waiting[number], []
            return say.messages(self._camera, said, until)

    def _there(self, number: str) -> None:
        if number not in self._waiting:
            raise RefusedError(say.fault("Sender", "InvalidArgVal", "no such subscription"))


def _place(values: Values) -> Place:
    pan, tilt, zoom = (float(values.get(axis, 0)) for axis in _AXES)
    return pan, tilt, zoom


def values_of(asked: ET.Element) -> Values:
    """Texts by their names, and PanTilt.x, PanTilt.y, Zoom.x from attributes."""
    found: dict[str, Any] = {}
    for part in asked.iter():
        name = part.tag.rpartition("}")[2]
        found |= {f"{name}.{key}": value for key, value in part.attrib.items()}
        if part is not asked and part.text and part.text.strip():
            found[name] = part.text.strip()
    return found


def duration(words: str) -> float:
    match = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?", words)
    assert match, words
    hours, minutes, seconds = (float(one or 0) for one in match.groups())
    return hours * 3600 + minutes * 60 + seconds

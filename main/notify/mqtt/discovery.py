"""What Home Assistant is told of each camera, in the form that it documents for MQTT discovery."""

import json
from dataclasses import dataclass
from typing import Any

from camera.ptz.driver import Can
from main.notify.mqtt.topics import OFF, OFFLINE, ON, ONLINE, PRESS, Act, Names, State

MOVES: dict[Act, tuple[str, str]] = {
    Act.LEFT: ("Move left", "mdi:pan-left"),
    Act.RIGHT: ("Move right", "mdi:pan-right"),
    Act.UP: ("Move up", "mdi:pan-up"),
    Act.DOWN: ("Move down", "mdi:pan-down"),
}
ZOOMS = {Act.CLOSER: ("Closer", "mdi:magnify-plus"), Act.FARTHER: ("Farther", "mdi:magnify-minus")}
HOMES = {Act.HOME: ("Home position", "mdi:home")}
ALARMS = {Act.ALARM: ("Sound the alarm", "mdi:alarm-light"), Act.QUIET: ("Stop the alarm", "mdi:alarm-light-off")}
BUTTONS = {Can.PAN_TILT: MOVES, Can.ZOOM: ZOOMS, Can.HOME: HOMES, Can.ALARM: ALARMS}
# By state: name, device class, icon, and whether it means anything only while the camera is online.
SENSORS: dict[State, tuple[str, str, str, bool]] = {
    State.MOTION: ("Motion", "motion", "", True),
    State.PERSON: ("Person", "occupancy", "mdi:account", True),
    State.RING: ("Ring", "", "mdi:doorbell", False),
    State.ONLINE: ("Online", "connectivity", "", False),
    State.RECORDING: ("Recording", "running", "mdi:record-rec", False),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """A camera as it is discovered. `model`: what it calls itself, may be empty. `stills`: whether there are any."""

    pk: int
    slug: str
    name: str
    model: str = ""
    abilities: frozenset[str] = frozenset()
    stills: bool = True


@dataclass(frozen=True, slots=True)
class Teller:
    """The house in discovery. `url`: where its pages are, may be empty; `commands`: it can be asked for something."""

    names: Names
    version: str
    url: str = ""
    commands: bool = True

    def configs(self, camera: Subject) -> dict[str, bytes]:
        """By topic: the JSON of each thing that this camera has."""
        found = {self._topic("binary_sensor", camera, what): self._sensor(camera, what) for what in SENSORS}
        if camera.stills:
            found[self._topic("camera", camera, State.STILL)] = self._still(camera)
        if self.commands:
            found[self._topic("switch", camera, State.RECORD)] = self._record(camera)
            for act in acts_of(camera):
                found[self._topic("button", camera, act)] = self._button(camera, act)
        return {topic: _packed(config) for topic, config in found.items()}

    def _topic(self, component: str, camera: Subject, what: str) -> str:
        return self.names.config(component, camera.pk, what)

    def _common(self, camera: Subject, what: str, name: str | None, *, online: bool = False) -> dict[str, Any]:
        availability = [{"topic": self.names.status, "payload_available": ONLINE, "payload_not_available": OFFLINE}]
        if online:
            topic = self.names.state(camera.slug, State.ONLINE)
            availability.append({"topic": topic, "payload_available": ON, "payload_not_available": OFF})
        return {
            "name": name,
            "unique_id": self.names.unique_id(camera.pk, what),
            "availability": availability,
            "availability_mode": "all",
            "device": self._device(camera),
            "origin": {"name": "Fairwatch", "sw_version": self.version},
            "qos": 1,
        }

    def _device(self, camera: Subject) -> dict[str, Any]:
        device = {
            "identifiers": [f"{self.names.node}_{camera.pk}"],
            "name": camera.name,
            "manufacturer": "Fairwatch",
            "model": camera.model or "Camera",
            "sw_version": self.version,
        }
        return device | ({"configuration_url": f"{self.url}/live/{camera.slug}/"} if self.url else {})

    def _sensor(self, camera: Subject, what: State) -> dict[str, Any]:
        name, kind, icon, online = SENSORS[what]
        own = {"state_topic": self.names.state(camera.slug, what), "payload_on": ON, "payload_off": OFF}
        told = own | ({"device_class": kind} if kind else {}) | ({"icon": icon} if icon else {})
        if what in (State.ONLINE, State.RECORDING):
            told["entity_category"] = "diagnostic"
        return self._common(camera, what, name, online=online) | told

    def _still(self, camera: Subject) -> dict[str, Any]:
        # Without a name it is called as its device: the picture is what a camera is about.
        return self._common(camera, State.STILL, None) | {"topic": self.names.state(camera.slug, State.STILL)}

    def _record(self, camera: Subject) -> dict[str, Any]:
        return self._common(camera, State.RECORD, "Record") | {
            "state_topic": self.names.state(camera.slug, State.RECORD),
            "command_topic": self.names.command(camera.slug, Act.RECORD),
            "payload_on": ON,
            "payload_off": OFF,
            "state_on": ON,
            "state_off": OFF,
            "optimistic": False,
            "retain": False,
            "icon": "mdi:record-rec",
        }

    def _button(self, camera: Subject, act: Act) -> dict[str, Any]:
        name, icon = next(buttons[act] for buttons in BUTTONS.values() if act in buttons)
        return self._common(camera, act, name, online=True) | {
            "command_topic": self.names.command(camera.slug, act),
            "payload_press": PRESS,
            "retain": False,
            "icon": icon,
        }


def acts_of(camera: Subject) -> list[Act]:
    """The buttons that this camera has."""
    return [act for can, buttons in BUTTONS.items() if can in camera.abilities for act in buttons]


def _packed(config: dict[str, Any]) -> bytes:
    return json.dumps(config, separators=(",", ":"), ensure_ascii=False).encode()

"""Home Assistant's MQTT discovery, written down from its documentation (www.home-assistant.io/integrations/mqtt and the
pages binary_sensor.mqtt, camera.mqtt, switch.mqtt, button.mqtt beneath it): each variable with its kind."""

import re
from collections.abc import Callable
from typing import Any

TOPIC = re.compile(r"homeassistant/(?P<component>\w+)/(?:(?P<node>[a-zA-Z0-9_-]+)/)?(?P<object>[a-zA-Z0-9_-]+)/config")
Kind = Callable[[Any], bool]


def text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def name(value: Any) -> bool:
    """null: the entity is called as its device."""
    return value is None or text(value)


def flag(value: Any) -> bool:
    return isinstance(value, bool)


def qos(value: Any) -> bool:
    return type(value) is int and value in (0, 1, 2)


def count(value: Any) -> bool:
    return type(value) is int and value >= 0


def state_topic(value: Any) -> bool:
    """One that is subscribed to; ours never hold a wildcard."""
    return text(value) and len(value.encode()) <= 65535 and not set(value) & set("+#\0")


def url(value: Any) -> bool:
    return text(value) and value.startswith(("http://", "https://", "homeassistant://"))


def icon(value: Any) -> bool:
    return text(value) and bool(re.fullmatch(r"[a-z]+:[a-z0-9-]+", value))


def one_of(*values: str) -> Kind:
    return lambda value: value in values


def texts(value: Any) -> bool:
    return text(value) or (isinstance(value, list) and bool(value) and all(text(one) for one in value))


def pairs(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, list) and len(one) == 2 for one in value)


def availability(value: Any) -> bool:
    return isinstance(value, list) and all(not faults(AVAILABILITY, one, {"topic"}) for one in value)


def device(value: Any) -> bool:
    return not faults(DEVICE, value, set()) and bool(value.get("identifiers") or value.get("connections"))


def origin(value: Any) -> bool:
    return not faults(ORIGIN, value, {"name"})


AVAILABILITY: dict[str, Kind] = {
    "topic": state_topic, "payload_available": text, "payload_not_available": text, "value_template": text,
}  # fmt: skip
DEVICE: dict[str, Kind] = {
    "configuration_url": url, "connections": pairs, "hw_version": text, "identifiers": texts, "manufacturer": text,
    "model": text, "model_id": text, "name": text, "serial_number": text, "suggested_area": text, "sw_version": text,
    "via_device": text,
}  # fmt: skip
ORIGIN: dict[str, Kind] = {"name": text, "sw_version": text, "support_url": url}
COMMON: dict[str, Kind] = {
    "availability": availability, "availability_mode": one_of("all", "any", "latest"),
    "availability_topic": state_topic,
    "availability_template": text, "payload_available": text, "payload_not_available": text, "device": device,
    "origin": origin, "enabled_by_default": flag, "entity_category": one_of("config", "diagnostic"), "icon": icon,
    "entity_picture": url, "json_attributes_topic": state_topic, "json_attributes_template": text, "name": name,
    "default_entity_id": text, "unique_id": text, "qos": qos, "encoding": text,
}  # fmt: skip
BINARY_CLASSES = one_of(
    "battery", "battery_charging", "carbon_monoxide", "cold", "connectivity", "door", "garage_door", "gas", "heat",
    "light", "lock", "moisture", "motion", "moving", "occupancy", "opening", "plug", "power", "presence", "problem",
    "running", "safety", "smoke", "sound", "tamper", "update", "vibration", "window",
)  # fmt: skip
COMPONENTS: dict[str, tuple[dict[str, Kind], set[str]]] = {
    "binary_sensor": (
        {"state_topic": state_topic, "device_class": BINARY_CLASSES, "expire_after": count, "force_update": flag,
         "off_delay": count, "payload_on": text, "payload_off": text, "value_template": text},
        {"state_topic"},
    ),
    "camera": ({"topic": state_topic, "image_encoding": one_of("b64")}, {"topic"}),
    "switch": (
        {"command_topic": state_topic, "state_topic": state_topic, "device_class": one_of("outlet", "switch"),
         "optimistic": flag, "payload_on": text, "payload_off": text, "state_on": text, "state_off": text,
         "retain": flag, "value_template": text, "command_template": text},
        {"command_topic"},
    ),
    "button": (
        {"command_topic": state_topic, "command_template": text, "payload_press": text, "retain": flag,
         "device_class": one_of("identify", "restart", "update")},
        {"command_topic"},
    ),
}  # fmt: skip


def faults(schema: dict[str, Kind], value: Any, required: set[str]) -> list[str]:
    """What is wrong with it, in words; unknown variables are wrong here, though Home Assistant ignores them."""
    if not isinstance(value, dict):
        return ["no map"]
    found = [f"no {key}" for key in sorted(required - set(value))]
    found += [f"unknown {key}" for key in value if key not in schema]
    return found + [f"{key} is {one!r}" for key, one in value.items() if key in schema and not schema[key](one)]


def check(topic: str, config: Any) -> None:
    """Fails where the topic or the payload is not as documented, or lacks what makes an entity that lasts."""
    match = TOPIC.fullmatch(topic)
    assert match is not None and match["component"] in COMPONENTS, topic
    own, required = COMPONENTS[match["component"]]
    wrong = faults(COMMON | own, config, required | {"unique_id", "device", "origin", "availability"})
    assert not wrong, f"{topic}: {wrong}"
    assert not ("availability" in config and "availability_topic" in config), "only one of them may be there"

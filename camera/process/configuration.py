"""The one line of JSON by which the engine tells a camera process what it is."""

import json
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from camera.bus import Endpoints
from camera.orders import Orders
from camera.packets import SourceConfig
from camera.sources import Timeouts

_Kind = TypeVar("_Kind")


class ConfigurationError(ValueError):
    """The line is not what it should be; the message quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """`token` names this process to the engine; a probe has no endpoints. `timeouts` and `orders` may be left out."""

    camera: int
    token: str
    source: SourceConfig
    endpoints: Endpoints | None
    timeouts: Timeouts
    orders: Orders = Orders()


def read(line: bytes) -> Configuration:
    """Raises ConfigurationError."""
    try:
        values = json.loads(line)
        source = _checked(SourceConfig, values["source"])
        ends = values.get("endpoints")
        endpoints = Endpoints(**{f.name: str(ends[f.name]) for f in fields(Endpoints)}) if ends else None
        timeouts = _checked(Timeouts, values.get("timeouts") or {})
        orders = Orders.from_dict(values.get("orders") or {})
        camera, token = int(values.get("camera", 0)), str(values.get("token", ""))
        return Configuration(camera, token, source, endpoints, timeouts, orders)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigurationError(f"the configuration on stdin cannot be read ({type(error).__name__})") from None


def _checked(kind: type[_Kind], values: dict[str, Any]) -> _Kind:
    known = {field.name: field.type for field in fields(kind)}  # type: ignore[arg-type]
    made: dict[str, Any] = {}
    for name, value in values.items():
        if name in known:
            wanted: Any = (int, float) if known[name] is float else known[name]
            if not isinstance(value, wanted):
                raise TypeError(name)
            made[name] = value
    return kind(**made)

"""Where the MQTT broker is and how to enter it, out of one URL that may hold a password."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

PORTS = {"mqtt": 1883, "mqtts": 8883}
# A topic without anything that means something to a broker, or to Home Assistant's discovery.
TOPIC = re.compile(r"[A-Za-z0-9_-]{1,40}(?:/[A-Za-z0-9_-]{1,40}){0,3}")
YES, NO = ("yes", "on", "true", "1"), ("no", "off", "false", "0")
KNOWN = ("prefix", "discovery", "ca", "pictures", "commands")
LONGEST = 200
EXAMPLE = "mqtts://fairwatch:PASSWORD@broker.lan:8883?ca=/etc/ssl/broker-ca.pem"


@dataclass(frozen=True, slots=True)
class Broker:
    """`prefix`: what all topics of this house begin with. `discovery`: Home Assistant's prefix, empty for none. `ca`: a
    file with the authorities that are trusted, empty for the machine's own. `pictures`: the newest stills go out.
    `commands`: the broker may ask for what docs/mqtt.md says."""

    host: str
    port: int
    tls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    prefix: str = "fairwatch"
    discovery: str = "homeassistant"
    ca: str = ""
    pictures: bool = True
    commands: bool = True

    @property
    def is_bare(self) -> bool:
        """Whether a password goes over the network where everybody can read it."""
        return bool(self.password) and not self.tls and self.host not in ("localhost", "127.0.0.1", "::1")


def read_broker(url: str) -> Broker:
    """Raises ValueError, whose words never repeat the value."""
    parts, port = _parts(url)
    values = _values(parts.query)
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if password and not username:
        raise ValueError("it has a password without a user name")
    if any(len(one) > LONGEST or not one.isprintable() for one in (username, password)):
        raise ValueError(f"user name and password have at most {LONGEST} printable characters")
    discovery = values.get("discovery", "homeassistant")
    tls = parts.scheme == "mqtts"
    return Broker(
        host=parts.hostname or "",
        port=port,
        tls=tls,
        username=username,
        password=password,
        prefix=_topic(values.get("prefix", "fairwatch"), "prefix"),
        discovery="" if discovery.lower() in ("", *NO) else _topic(discovery, "discovery"),
        ca=_authority(values.get("ca", ""), tls=tls),
        pictures=_choice(values.get("pictures", "yes"), "pictures"),
        commands=_choice(values.get("commands", "yes"), "commands"),
    )


def _parts(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("its port is no number from 1 to 65535, or its host cannot be read") from None
    if parts.scheme not in PORTS:
        raise ValueError("it does not begin with mqtt:// or mqtts://")
    if not parts.hostname or parts.path.strip("/") or parts.fragment or not url.isprintable() or " " in url:
        raise ValueError("it is not mqtt://user:password@host:port?…; signs such as / and # are written as %2F and %23")
    if port == 0:
        raise ValueError("its port is no number from 1 to 65535")
    return parts, port or PORTS[parts.scheme]


def _values(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    names = [name for name, _ in pairs]
    unknown = sorted(set(names) - set(KNOWN))
    if unknown or len(names) != len(set(names)):
        raise ValueError(f"behind the ? stand {', '.join(KNOWN)}, each at most once")
    return dict(pairs)


def _topic(text: str, name: str) -> str:
    if not TOPIC.fullmatch(text):
        raise ValueError(f"{name} is not of letters, digits, - and _, in up to four parts with / between")
    return text


def _choice(text: str, name: str) -> bool:
    if text.lower() not in (*YES, *NO):
        raise ValueError(f"{name} is yes or no")
    return text.lower() in YES


def _authority(path: str, *, tls: bool) -> str:
    if path and not tls:
        raise ValueError("ca needs mqtts://")
    try:
        if path and not (Path(path).is_absolute() and Path(path).is_file()):
            raise ValueError("ca is not the full path of a file")
    except OSError:
        raise ValueError("the file of ca cannot be looked at") from None
    return path

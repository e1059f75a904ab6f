"""Typed, checked values out of the process environment and .env, for settings.py alone.

Every reader records what is wrong instead of raising, so that one start tells of every fault at once;
`Environment.stop_if_wrong` then ends the process with exit code 2 and one line per fault.
"""

import ipaddress
import os
import re
import secrets
import socket
import sys
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import environ
import psutil

from surveillance.broker import EXAMPLE, Broker, read_broker
from surveillance.mail import FROM, SERVER, MailServer, read_server

T = TypeVar("T")
SAMPLE_KEYS = ("change", "secret", "insecure", "example", "sample", "your", "default")
# As they stand in examples, without whatever is no letter.
SAMPLE_PASSWORDS = frozenset(
    {"password", "default", "defaultpassword", "secret", "example", "sample", "changeme", "changethis", "camera"}
)
GOOD_PASSWORD = 12
WORD = re.compile(r"[A-Za-z0-9_-]{1,40}")
PREFIX = re.compile(r"(?:/[A-Za-z0-9_-]{1,40}){1,4}")
ORIGIN = re.compile(
    r"https?://(?:\*\.)?[A-Za-z0-9_.-]{1,250}(?::\d{1,5})?|https?://\[[0-9A-Fa-f:]{2,45}\](?::\d{1,5})?"
)
HOST = re.compile(r"^(\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\])$")


class Environment:
    """Reads variables by name; the process environment wins over `.env`."""

    def __init__(self, env_file: Path) -> None:
        self.env_file = env_file
        self.faults: list[str] = []
        self.warnings: list[str] = []
        self._env = environ.Env()
        if env_file.is_file():
            environ.Env.read_env(str(env_file), overwrite=False)

    def fault(self, name: str, what: str, example: str) -> None:
        self.faults.append(f"{name}: {what}. Example: {name}={example}")

    def text(self, name: str, default: str = "") -> str:
        return str(self._env.str(name, default=default)).strip()

    def _read(self, name: str, default: T, read: Callable[[str], T], what: str, example: str) -> T:
        raw = self.text(name)
        if raw == "":
            return default
        try:
            return read(raw)
        except ValueError:
            self.fault(name, f"{raw!r} is not {what}", example)
            return default

    def flag(self, name: str, default: bool) -> bool:
        words = {
            "true": True,
            "1": True,
            "yes": True,
            "on": True,
            "false": False,
            "0": False,
            "no": False,
            "off": False,
        }

        def read(raw: str) -> bool:
            if raw.lower() not in words:
                raise ValueError(raw)
            return words[raw.lower()]

        return self._read(name, default, read, "true or false", "true")

    def number(self, name: str, default: int, low: int, high: int) -> int:
        def read(raw: str) -> int:
            value = int(raw)
            if not low <= value <= high:
                raise ValueError(raw)
            return value

        return self._read(name, default, read, f"a whole number from {low} to {high}", str(default))

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        def read(raw: str) -> str:
            for value in choices:
                if raw.lower() == value.lower():
                    return value
            raise ValueError(raw)

        return self._read(name, default, read, "one of " + ", ".join(choices), default)

    def words(self, name: str, default: list[str]) -> list[str]:
        raw = self.text(name)
        return [word.strip() for word in raw.split(",") if word.strip()] if raw else default

    def folder(self, name: str, default: Path) -> Path:
        def read(raw: str) -> Path:
            if "\0" in raw:
                raise ValueError(raw)
            path = Path(raw).expanduser()
            return path if path.is_absolute() else self.env_file.parent / path

        return self._read(name, default, read, "a folder", str(default)).absolute()

    def word(self, name: str, default: str) -> str:
        raw = self.text(name, default)
        if not WORD.fullmatch(raw):
            self.fault(name, f"{raw!r} is not a name of 1 to 40 letters, digits, - and _", default)
        return raw

    def prefix(self, name: str) -> str:
        """A path that addresses begin with, like /protected; "" for none."""
        raw = self.text(name).rstrip("/")
        if raw and not PREFIX.fullmatch(raw):
            self.fault(name, f"{raw!r} is not the beginning of an address, starting with /", "/protected")
        return raw

    def folders(self, name: str, default: list[Path]) -> list[Path]:
        raw = self.text(name)
        if not raw:
            return default
        found = [Path(word).expanduser() for word in self.words(name, []) if "\0" not in word]
        if not found or not all(path.is_absolute() for path in found):
            self.fault(name, f"{raw!r} is not a list of folders, each starting with /", "/var/lib/fairwatch,/mnt/disk")
        return found or default

    def networks(self, name: str, default: list[str]) -> list[str]:
        """IP addresses and networks; never `*`, which would believe everybody."""
        for word in self.words(name, default):
            try:
                ipaddress.ip_network(word)
            except ValueError:
                self.fault(name, f"{word!r} is not an address or network", "127.0.0.1,192.168.1.0/24")
        return self.words(name, default)

    def hosts(self, name: str) -> list[str]:
        hosts = self.words(name, default_hosts())
        for host in hosts:
            if not HOST.match(host):
                self.fault(
                    name, f"{host!r} is not a host name (and * is never taken)", "camera.example.org,192.168.1.20"
                )
        return hosts

    def origins(self, name: str) -> list[str]:
        """Addresses of other names of this site, each with its scheme and without a path."""
        for word in self.words(name, []):
            if not ORIGIN.fullmatch(word):
                self.fault(name, f"{word!r} is not the beginning of an address", "https://cameras.example.org")
        return [word.lower() for word in self.words(name, [])]

    def time_zone(self, name: str, default: str) -> str:
        def read(raw: str) -> str:
            if raw not in zoneinfo.available_timezones():
                raise ValueError(raw)
            return raw

        return self._read(name, default, read, "a time zone", "Europe/Berlin")

    def database(self, name: str, default: str) -> dict[str, object]:
        raw = self.text(name, default)
        schemes = ("sqlite", "postgres", "postgresql")
        scheme, colon, rest = raw.partition("://")
        if not colon or scheme not in schemes or not rest:
            # The value may hold a password: it is not repeated.
            self.fault(name, "not a database URL of sqlite or postgres", "sqlite:////var/lib/fairwatch/db.sqlite3")
            return {}
        return dict(self._env.db_url_config(raw))

    def secret_key(self, name: str) -> str:
        """The secret key; made and put into .env where neither holds one."""
        if name not in os.environ:
            return self._make_secret(name)
        key = os.environ[name].strip()
        if len(key) < 32 or len(set(key)) < 8 or any(word in key.lower() for word in SAMPLE_KEYS):
            self.fault(
                name, "empty, too short or a sample; delete the line to have one made", secrets.token_urlsafe(50)
            )
        return key

    def camera_password(self, name: str) -> str:
        """A password that programs send in a header; the value itself is never repeated."""
        raw = self.text(name)
        letters = re.sub(r"[^a-z]", "", raw.lower())
        if not raw:
            return ""
        if letters.removeprefix("your") in SAMPLE_PASSWORDS or letters.startswith("yourdefault"):
            self.fault(name, "a sample that everybody knows", secrets.token_urlsafe(18))
        elif not raw.isascii() or not raw.isprintable() or len(raw) > 200:
            self.fault(name, "not of at most 200 plain letters, digits and signs", secrets.token_urlsafe(18))
        elif len(raw) < GOOD_PASSWORD:
            self.warnings.append(f"{name} has fewer than {GOOD_PASSWORD} characters and could be guessed")
        return raw

    def broker(self, name: str) -> Broker | None:
        """The MQTT broker; None for none. The value may hold a password: it is not repeated."""
        raw = self.text(name)
        try:
            found = read_broker(raw) if raw else None
        except ValueError as error:
            self.fault(name, str(error), EXAMPLE)
            return None
        if found is not None and found.is_bare:
            self.warnings.append(f"{name} sends its password over the network unencrypted; use mqtts://")
        return found

    def mail_server(self, name: str) -> MailServer:
        """Where mail is handed over; without a host: nowhere."""
        try:
            return read_server(self.text(name))
        except ValueError:
            # It may hold a password: it is not repeated.
            self.fault(name, "not the address of a mail server, by smtp, smtp+tls or smtps", SERVER)
            return MailServer()

    def mail_address(self, name: str, default: str) -> str:
        """What mail is from: an address, or a name with the address in angle brackets."""
        raw = self.text(name) or default
        if not FROM.fullmatch(raw):
            self.fault(name, f"{raw!r} is not a mail address", "Fairwatch <house@example.org>")
        return raw

    def _make_secret(self, name: str) -> str:
        key = secrets.token_urlsafe(50)
        try:
            fd = os.open(self.env_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(fd, "a") as handle:
                handle.write(f"{name}={key}\n")
        except OSError as error:
            self.fault(name, f"not set, and {self.env_file} cannot be written ({error.strerror})", key)
        return key

    def stop_if_wrong(self) -> None:
        if self.faults:
            for line in self.faults:
                print(f"fairwatch: {line}", file=sys.stderr)
            raise SystemExit(2)


def machine_addresses() -> list[str]:
    """This machine's IPv4 and IPv6 addresses, the ones other machines can reach first."""
    found: list[str] = []
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family in (socket.AF_INET, socket.AF_INET6):
                found.append(address.address.partition("%")[0])
    return sorted(set(found), key=lambda a: (a.startswith(("127.", "::1", "fe80")), ":" in a, a))


def default_hosts() -> list[str]:
    name = socket.gethostname()
    addresses = [f"[{a}]" if ":" in a else a for a in machine_addresses()]
    hosts = ["localhost", "127.0.0.1", "[::1]", name, name.partition(".")[0] + ".local", *addresses]
    return [host for host in dict.fromkeys(hosts) if HOST.match(host)]

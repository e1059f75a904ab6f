"""EMAIL_URL and EMAIL_FROM: where mail is handed over, and whom it is from."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

SERVER = "smtp+tls://user:password@mail.example.org:587"
# Plain, STARTTLS, and TLS from the first byte.
PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
_ADDRESS = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}"
ADDRESS = re.compile(_ADDRESS)
# An address, or a name with the address in angle brackets.
FROM = re.compile(rf"{_ADDRESS}|[^<>\x00-\x1f\x7f\"]{{1,80}} <{_ADDRESS}>")


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over; no host: nowhere."""

    host: str = ""
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    scheme: str = "smtp"

    @property
    def sender(self) -> str:
        """Whom mail is from unless EMAIL_FROM says."""
        return self.user if ADDRESS.fullmatch(self.user) else "fairwatch@localhost"


def read_server(raw: str) -> MailServer:
    """The server behind an address. Raises ValueError."""
    if not raw:
        return MailServer()
    parts = urlsplit(raw)
    fits = parts.scheme in PORTS and parts.hostname and not (parts.path.strip("/") or parts.query or parts.fragment)
    if not fits or not raw.isprintable():
        raise ValueError("not the address of a mail server")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return MailServer(parts.hostname or "", parts.port or PORTS[parts.scheme], user, password, parts.scheme)

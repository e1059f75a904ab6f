"""What a request looks like from inside the house, what that says of a proxy in front, and which settings mend it."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port

from surveillance.environment import HOST

# What proxies add; of these only X-Forwarded-For and X-Forwarded-Proto are read, and only from TRUSTED_PROXIES.
FORWARDED = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via", "CF-Ray")
# Networks of homes and of private meshes such as Tailscale; is_private knows all but the last.
SHARED = ipaddress.ip_network("100.64.0.0/10")
HOME_ENDINGS = (".local", ".lan", ".home", ".internal", ".home.arpa", ".fritz.box")
SAID = 200
ENCRYPTION = "Encryption"


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived, after what trusted proxies say was taken over."""

    host: str
    scheme: str
    peer: str
    forwarded: dict[str, str]
    # Where the browser says the page is, where it says so at all.
    origin: str = ""

    @property
    def here(self) -> str:
        return f"{self.scheme}://{self.host}"

    @property
    def believed(self) -> bool:
        """Whether the address it comes from is what a trusted proxy told."""
        said = self.forwarded.get("X-Forwarded-For", "")
        return bool(settings.TRUSTED_PROXIES) and self.peer in [word.strip(" []") for word in said.split(",")]


@dataclass(frozen=True, slots=True)
class Finding:
    """`verdict`: good, note, wrong, or unknown where only a script in the browser can tell. `lines` go into .env."""

    name: str
    title: str
    verdict: str
    words: str
    lines: tuple[str, ...] = ()


def seen(request: HttpRequest) -> Seen:
    said = {name: request.headers[name][:SAID] for name in FORWARDED if name in request.headers}
    origin = request.headers.get("Origin", "")
    if not origin and request.headers.get("Sec-Fetch-Site") == "same-origin":
        origin = _origin_of(request.headers.get("Referer", ""))
    peer = request.META.get("REMOTE_ADDR") or ""
    return Seen(request.get_host(), request.scheme or "http", peer, said, origin[:SAID].lower())


def _origin_of(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def findings(of: Seen) -> list[Finding]:
    return [_name(of), _encryption(of), _address(of), _forms(of), _websocket(), _cookie(of)]


def changed_on_the_way(of: Seen, site: str) -> bool:
    """Whether a form of this house's own came, and what is in front has changed its scheme or name on the way.

    Another site's form is told apart by the name, or by what the browser says of it (`site`, Sec-Fetch-Site).
    """
    if not of.origin or of.origin in (of.here.lower(), "null") or of.origin in settings.CSRF_TRUSTED_ORIGINS:
        return False
    name = split_domain_port(of.origin.partition("://")[2])[0]
    same_name = bool(name) and name == split_domain_port(of.host)[0].lower()
    return site == "same-origin" or (not site and same_name) or (site == "same-site" and same_name)


def is_home(host: str) -> bool:
    """Whether `host` (a port may follow) is a name or address of this machine, a home network or a private mesh."""
    domain = split_domain_port(host)[0].strip("[]").lower()
    try:
        address = ipaddress.ip_address(domain)
    except ValueError:
        return domain == "localhost" or "." not in domain or domain.endswith(HOME_ENDINGS)
    return address.is_private or address.is_link_local or (address.version == 4 and address in SHARED)


def _name(of: Seen) -> Finding:
    asked = of.forwarded.get("X-Forwarded-Host", of.host)
    if asked.lower() != of.host.lower():
        return Finding(
            "name", "Name", "wrong",
            f"The browser asked for {asked}, the proxy passes on {of.host}. Let it pass the name on as it came "
            "(nginx: proxy_set_header Host $http_host;), and allow the name here.",
            (allowed_line(asked),),
        )  # fmt: skip
    return Finding("name", "Name", "good", f"You opened {of.host}, and the house answers to that name.")


def _encryption(of: Seen) -> Finding:
    if settings.TLS == "local":
        if of.forwarded:
            words = (
                "A proxy is in front, yet the house does TLS itself. That works where the proxy speaks https to it. "
                "If the proxy speaks plain http to it:"
            )
            return Finding("encryption", ENCRYPTION, "note", words, ("TLS=proxy",))
        return Finding("encryption", ENCRYPTION, "good", "The house does it with a certificate of its own.")
    if of.scheme != "https":
        return _unencrypted(of)
    if settings.TLS == "proxy":
        return Finding("encryption", ENCRYPTION, "good", "A proxy in front does it, and says so.")
    words = "A proxy in front does it, but TLS=off: cookies would go along on an unencrypted connection too."
    return Finding("encryption", ENCRYPTION, "wrong", words, ("TLS=proxy",))


def _unencrypted(of: Seen) -> Finding:
    verdict = "wrong"
    lines: tuple[str, ...] = ()
    if of.forwarded.get("X-Forwarded-Proto", "").lower() == "https":
        words = "The proxy says that it was reached by https. It is not believed, as it is not a trusted proxy."
        lines = ("TLS=proxy", trusted_line(of.peer))
    elif settings.TLS == "proxy":
        words = "TLS=proxy, but no proxy says that it was reached by https."
    elif is_home(of.host):
        verdict, words = "note", "None: others on your network can listen in. To end that:"
        lines = ("TLS=local",)
    else:
        words = "None: pictures and log-ins travel openly. Put a proxy with TLS in front, or use a private network."
    return Finding("encryption", ENCRYPTION, verdict, words, lines)


def _address(of: Seen) -> Finding:
    title = "Who asks"
    if of.believed:
        return Finding("address", title, "good", f"You come from {of.peer}, as the trusted proxy says.")
    if "X-Forwarded-For" in of.forwarded:
        words = (
            f"Everybody seems to come from {of.peer}, the proxy: the log says so, and one person's wrong passwords "
            "lock out all. The proxy tells who asks, but is not trusted yet."
        )
        return Finding("address", title, "wrong", words, (trusted_line(of.peer),))
    if of.forwarded:
        words = f"A proxy is in front, but does not send X-Forwarded-For: everybody seems to come from {of.peer}."
        return Finding("address", title, "wrong", words + " Let it send that header, then:", (trusted_line(of.peer),))
    if _is_loopback(of.peer) and not _is_loopback(of.host):
        words = (
            f"You seem to come from this machine itself ({of.peer}) though you opened {of.host}. If something in front "
            "passes requests on, such as a tunnel, everybody will share that address in the log and in the limits for "
            "wrong passwords. Let it send X-Forwarded-For, then:"
        )
        return Finding("address", title, "wrong", words, (trusted_line(of.peer),))
    return Finding("address", title, "good", f"You come from {of.peer}, directly.")


def _forms(of: Seen) -> Finding:
    title = "Forms"
    if not of.origin:
        return Finding("forms", title, "unknown", "Whether forms are accepted cannot be checked without JavaScript.")
    if of.origin == of.here.lower() or of.origin in settings.CSRF_TRUSTED_ORIGINS:
        return Finding("forms", title, "good", f"Forms from {of.origin} are accepted.")
    words = f"The browser is at {of.origin}, the house thinks it is at {of.here}: forms and live pictures are refused."
    return Finding("forms", title, "wrong", words + " Better than this line: let the proxy pass on name and scheme.",
                   (f"CSRF_TRUSTED_ORIGINS={of.origin}",))  # fmt: skip


def _websocket() -> Finding:
    words = "Whether live pictures come through (WebSocket) cannot be checked without JavaScript."
    return Finding("websocket", "Live pictures", "unknown", words)


def _cookie(of: Seen) -> Finding:
    if settings.SESSION_COOKIE_SECURE:
        return Finding("cookie", "Log-in cookie", "good", "It is only ever sent encrypted.")
    verdict = "wrong" if of.scheme == "https" or not is_home(of.host) else "note"
    return Finding("cookie", "Log-in cookie", verdict, "It also travels unencrypted, as TLS=off.")


def _is_loopback(host: str) -> bool:
    domain = split_domain_port(host)[0].strip("[]") if not host.count(":") > 1 or host.startswith("[") else host
    try:
        return ipaddress.ip_address(domain).is_loopback
    except ValueError:
        return domain == "localhost"


def allowed_line(host: str) -> str:
    """ALLOWED_HOSTS with `host` (a port may follow) besides what is allowed now."""
    domain = split_domain_port(host)[0] or host
    names = [name for name in settings.ALLOWED_HOSTS if not name.lower().startswith("[fe80")]
    return "ALLOWED_HOSTS=" + ",".join(dict.fromkeys([domain, *names]))


def trusted_line(peer: str) -> str:
    return "TRUSTED_PROXIES=" + ",".join(dict.fromkeys([*settings.TRUSTED_PROXIES, peer]))


class AddressError(ValueError):
    """What was typed is no address of a site; the message says how one looks."""


@dataclass(frozen=True, slots=True)
class Advice:
    address: str
    lines: list[str]
    notes: list[str]


def advice(typed: str, of: Seen) -> Advice:
    """The lines for .env with which the house can be reached at the address `typed`. Raises AddressError."""
    example = "Write it as https://cameras.example.org"
    text = typed.strip().lower()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise AddressError(example) from None
    bracketed = f"[{host}]" if ":" in host else host
    if parts.scheme not in ("http", "https") or not HOST.match(bracketed) or parts.username is not None:
        raise AddressError(example)
    if len(host) > 253 or any(len(label) > 63 for label in host.split(".")):
        raise AddressError(f"No name is that long. {example}")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise AddressError("The house needs a name of its own, without a path after it. " + example)
    usual = port in (None, 443 if parts.scheme == "https" else 80)
    address = f"{parts.scheme}://{bracketed}" + ("" if usual else f":{port}")
    notes = []
    if parts.scheme == "http":
        notes.append(
            "http is not encrypted. Use it in a private network only; browsers let no page on it use a camera."
        )
        return Advice(address, [allowed_line(bracketed), "TLS=off"], notes)
    if is_home(bracketed) and port == settings.PORT:
        notes.append("The house does TLS itself; each device installs its certificate once, from the page /tls/.")
        return Advice(address, [allowed_line(bracketed), "TLS=local"], notes)
    proxy = of.peer if "X-Forwarded-For" in of.forwarded and not of.believed else ""
    trusted = ([proxy] if proxy else settings.TRUSTED_PROXIES) or ["127.0.0.1"]
    lines = [allowed_line(bracketed), "TLS=proxy", "TRUSTED_PROXIES=" + ",".join(trusted)]
    if not usual:
        lines.append(f"CSRF_TRUSTED_ORIGINS={address}")
    if not proxy:
        notes.append(
            "TRUSTED_PROXIES is the address that the proxy has from here: 127.0.0.1 when it runs on this machine."
        )
    notes.append(f"With the proxy on this machine start with: manage.py serve --bind 127.0.0.1:{settings.PORT}")
    return Advice(address, lines, notes)

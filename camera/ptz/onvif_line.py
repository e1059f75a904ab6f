"""The line to one ONVIF camera: the library, kept within bounds. Import it in a thread: that takes a second."""

import asyncio
import logging
import re
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

import aiohttp
from onvif import ONVIFCamera, ONVIFService  # type: ignore[import-untyped]
from onvif.util import create_no_verify_ssl_context  # type: ignore[import-untyped]
from zeep import Settings

from camera.ptz.driver import Code, PtzError
from camera.ptz.onvif_faults import LOCKED, AnswerError, LockedError, RefusedError
from camera.sources.net import Target

# The longest answer that is read, in bytes, and the most tags in it: a tag costs time whatever its length.
MOST_BYTES, MOST_TAGS = 2 * 1024 * 1024, 60_000
# The library reads a tag's attributes in quadratic time: a hundred thousand of them took 45 seconds.
_MOST_ATTRIBUTES = 300
# What is longer is read in a thread; shorter ones take a few milliseconds.
_SHORT = 16 * 1024
# The longest any one question may take in seconds, those that the library asks by itself included.
LONGEST = 9.5
# How long is waited for the definitions.
_PATIENCE = 7.0
_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
_HTTP_PORTS = {"http": 80, "https": 443}
# Those of home cameras that take TLS on the port of their services.
_TLS_PORTS = (443, 8443)
_MOST_SERVICES, _LONGEST_URL = 64, 500

# Cameras have certificates of their own making.
_TLS = create_no_verify_ssl_context()
_readers = ThreadPoolExecutor(2, "onvif-answers")
_loader = ThreadPoolExecutor(1, "onvif-definitions")
_definitions: dict[str, Future[None]] = {}
# They tell of a camera's oddities by the line, and with DEBUG of every message with its log-in.
for _name in ("onvif", "zeep"):
    logging.getLogger(_name).setLevel(logging.ERROR)


async def definitions_loaded(path: str, binding: str) -> None:
    """Wait until the service's definition has been read: a second or more of work, once in a process, in a thread."""
    if path not in _definitions:
        _definitions[path] = _loader.submit(_load, path, binding)
    try:
        async with asyncio.timeout(_PATIENCE):
            # Shielded, since others wait for the same.
            await asyncio.shield(asyncio.wrap_future(_definitions[path]))
    except TimeoutError:
        raise PtzError(Code.BUSY, "What speaks to ONVIF cameras is still being loaded.", 5.0) from None


def _load(path: str, binding: str) -> None:
    async def load() -> None:
        service = ONVIFService("http://0.0.0.0/", None, None, path, no_cache=True, binding_name=binding)
        try:
            await service.setup()
        finally:
            await service.close()

    asyncio.run(load())


class _Answer(aiohttp.ClientResponse):
    """An answer that is read up to a length and a time."""

    async def read(self) -> bytes:
        if self._body is None:
            data = bytearray()
            try:
                async with asyncio.timeout(LONGEST):
                    async for piece in self.content.iter_chunked(64 * 1024):
                        data += piece
                        if len(data) > MOST_BYTES:
                            raise AnswerError("too long")
            except BaseException:
                self.close()
                raise
            self._body = bytes(data)
        return self._body


async def _judged(
    request: aiohttp.ClientRequest, handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
) -> aiohttp.ClientResponse:
    """What the status alone tells. A camera that points elsewhere is not followed."""
    async with asyncio.timeout(LONGEST):
        response = await handler(request)
    if response.status in (423, 429):
        seconds = response.headers.get("Retry-After", "")
        wait = min(float(seconds), 3600.0) if re.fullmatch(r"\d{1,6}", seconds) else LOCKED
        response.close()
        raise LockedError(wait)
    if response.status == 401:
        response.close()
        raise RefusedError("401")
    if 300 <= response.status < 400:
        response.close()
        raise AnswerError("points elsewhere")
    return response


class _Operations:
    """Stands for the operations of a service: looks at each answer before it is parsed, and has long ones parsed in a
    thread, where they hold up nobody else."""

    def __init__(self, service: Any, client: Any, operations: Any) -> None:
        self._client, self._operations = client, operations
        self._binding = service.document.bindings[service.binding_name]
        # A DTD has no business in SOAP; without huge_tree the parser's own limits on depth and growth hold.
        client.settings = Settings(
            strict=False, raw_response=True, forbid_dtd=True, forbid_entities=True, forbid_external=True
        )

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        if name.startswith("_"):
            raise AttributeError(name)
        ask, operation = getattr(self._operations, name), self._binding.get(name)

        async def asked(*args: Any, **kwargs: Any) -> Any:
            response = await ask(*args, **kwargs)
            _check(response.content, response.status_code)
            parse = partial(self._binding.process_reply, self._client, operation, response)
            if len(response.content) <= _SHORT:
                return parse()
            return await asyncio.get_running_loop().run_in_executor(_readers, parse)

        return asked


def _check(content: bytes, status: int) -> None:
    """Raises AnswerError or RefusedError for what is better not parsed."""
    tags = content.split(b"<", MOST_TAGS + 1)
    if b"<!DOCTYPE" in content or len(tags) > MOST_TAGS or max(tag.count(b"=") for tag in tags) > _MOST_ATTRIBUTES:
        raise AnswerError("hostile")
    if content and not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        # Neither another encoding, in which the above would not be seen, nor several parts.
        raise AnswerError("not XML")
    # Some write the fault so that the library stumbles over it.
    if status >= 400 and b"NotAuthorized" in content:
        raise RefusedError("NotAuthorized")


class Line(ONVIFCamera):  # type: ignore[misc]
    """The library's camera with one session of our own for all services. It connects to the checked address and no
    other, whatever the camera says where its services are."""

    # The library's own: how far the camera's clock is ahead, and its services by their namespaces.
    dt_diff: timedelta | None
    xaddrs: dict[str, str]

    def __init__(self, target: Target, path: str, username: str, password: str) -> None:
        super().__init__(target.ip, target.port, username, password, no_cache=True)
        self._target = target
        self._own = f"{'https' if target.port in _TLS_PORTS else 'http'}://{target.netloc}"
        self._path = path.rstrip("/") and path
        self._said_port = 0
        # Some cameras want HTTP's own log-in beside that of SOAP.
        digest = (aiohttp.DigestAuthMiddleware(username, password),) if username and ":" not in username else ()
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=_TLS, keepalive_timeout=4, socket_factory=self._socket),
            response_class=_Answer,
            middlewares=(_judged, *digest),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity"},
            # A few bytes may unpack to gigabytes.
            auto_decompress=False,
        )

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        if address[0] != self._target.ip:
            raise OSError("not the camera's address")
        return socket.socket(family, kind, protocol)

    def get_definition(self, name: str, port_type: str | None = None) -> tuple[str, str, str]:
        url, path, binding = super().get_definition(name, port_type)
        if name == "devicemgmt":
            url = self._own + (self._path or "/onvif/device_service")
        return url, path, binding

    async def create_onvif_service(self, name: str, port_type: str | None = None, **options: Any) -> Any:
        _, path, binding = self.get_definition(name.lower(), port_type)
        await definitions_loaded(path, binding)
        service = await super().create_onvif_service(name, port_type, **options)
        if service.transport.session is not self.session:
            service.transport.session = self.session
            service.ws_client = _Operations(service, service.zeep_client, service.ws_client)
            authless = (service.zeep_client_authless, service.ws_client_authless)
            service.ws_client_authless = _Operations(service, *authless)
        return service

    async def find_services(self) -> None:
        """Ask which services there are. Raises what the library raises."""
        difference = self.dt_diff
        await self.update_xaddrs()
        # Taken away by the library, which would ask the camera's clock itself.
        self.dt_diff = difference
        said = {name: url for name, url in list(self.xaddrs.items())[:_MOST_SERVICES] if _is_web(url)}
        device = urlsplit(said.get(_DEVICE, ""))
        self._said_port = _port(device)
        self.xaddrs = {name: self._here(url) for name, url in said.items()}

    def rewrite_url(self, url: str | None) -> str | None:
        # While the services are being listed it is not known yet which port the camera believes to have.
        return self._here(url) if self._said_port and url and _is_web(url) else url

    def _here(self, url: str) -> str:
        parts = urlsplit(url)
        return urlunsplit(parts._replace(netloc=self.netloc(parts, self._target.ip)))

    def netloc(self, parts: SplitResult, host: str) -> str:
        """Where that address of the camera's is to be had: at `host`, on the port it names; or on ours where it names
        its device service's, which is another one outside when the line is forwarded."""
        port = _port(parts)
        if port == self._said_port and parts.scheme in _HTTP_PORTS:
            port = self._target.port
        shown = f"[{host}]" if ":" in host else host
        return f"{shown}:{port}" if port and port != _HTTP_PORTS.get(parts.scheme) else shown

    async def forget(self, service: Any) -> None:
        """Close a service, so that it is made anew with what is known by now."""
        self.services.pop(service.binding_key, None)
        await service.close()

    async def close(self) -> None:
        await super().close()
        await self.session.close()


def _is_web(url: Any) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in _HTTP_PORTS and len(url) <= _LONGEST_URL and (parts.port or 80) > 0
    except (ValueError, TypeError, AttributeError):
        return False


def _port(parts: SplitResult) -> int:
    return parts.port or _HTTP_PORTS.get(parts.scheme, 0)

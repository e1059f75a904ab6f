"""M web: pages, API and live pictures, by uvicorn on a socket of our own making."""

import asyncio
import contextlib
import resource
import socket
import ssl
from types import FrameType
from typing import Any, cast

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from camera.live.hub import current_hub
from main.serving.certificates import CertificateError, Certificates, ensure_certificates
from main.serving.children import die_with_parent
from main.serving.front_door import FrontDoor
from main.serving.listen import BindError, listen, split_bind
from main.serving.patience import PatientProtocol
from main.serving.wire import WiredWebSocket

GRACE_SECONDS = 3
CONNECTIONS = 1000
# The Date of replies is as old as this at most.
TICK_SECONDS = 1.0
# Files the process needs for itself: database, bus, templates.
OWN_FILES = 48


def raise_file_limit() -> int:
    """How many files this process may have open from now on; each viewer is one, and the usual 1024 are too few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 4096) if hard != resource.RLIM_INFINITY else 4096
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def house_certificates() -> Certificates:
    return ensure_certificates(settings.RUN_DIR / "tls", settings.ALLOWED_HOSTS)


def uvicorn_config(files: int = 1024) -> uvicorn.Config:
    tls: dict[str, str] = {}
    if settings.TLS == "local":
        certificates = house_certificates()
        tls = {"ssl_certfile": str(certificates.certificate), "ssl_keyfile": str(certificates.key)}
    # The largest message that comes in is a webcam's picture; pictures go out uncompressed: they are JPEG already.
    return uvicorn.Config(
        "surveillance.asgi:application",
        loop="uvloop",
        http=PatientProtocol,
        ws=WiredWebSocket,
        ws_max_size=1024 * 1024,
        ws_per_message_deflate=False,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=bool(settings.TRUSTED_PROXIES),
        forwarded_allow_ips=settings.TRUSTED_PROXIES or None,
        limit_concurrency=min(CONNECTIONS, max(8, files - OWN_FILES)),
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=15,
        **tls,  # type: ignore[arg-type]
    )


class HouseServer(uvicorn.Server):
    """Ends the live streams as soon as it is told to stop, instead of waiting for viewers who never leave."""

    _loop: asyncio.AbstractEventLoop | None = None
    _told: asyncio.Event

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        context = self.config.ssl
        if not sockets or not isinstance(context, ssl.SSLContext):
            await super().startup(sockets)
            return
        await super().startup([])
        doors = [FrontDoor(sock, context, self._connection, house_certificates) for sock in sockets]
        # Of a server uvicorn asks no more than to be closed and waited for.
        self.servers = cast("list[asyncio.base_events.Server]", doors)

    def _connection(self) -> asyncio.Protocol:
        """What uvicorn makes for each connection."""
        return PatientProtocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    async def main_loop(self) -> None:
        """uvicorn looks ten times a second whether it is to end; this one is told, and looks once."""
        self._told, self._loop = asyncio.Event(), asyncio.get_running_loop()
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._told.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await current_hub().stop()
        await super().shutdown(sockets)


class Command(BaseCommand):
    help = "Run the web process. Usually started by `serve`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bind", default=f"0.0.0.0:{settings.PORT}", metavar="HOST:PORT")
        parser.add_argument("--fd", type=int, help="an open listening socket to use instead (used by serve)")
        parser.add_argument("--parent", type=int, help="end when this process does (used by serve)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["parent"]:
            die_with_parent(options["parent"])
        files = raise_file_limit()
        if options["fd"] is not None:
            sock = socket.socket(fileno=options["fd"])
        else:
            try:
                sock = listen(*split_bind(options["bind"]))
            except BindError as error:
                raise CommandError(str(error), returncode=3) from None
        try:
            config = uvicorn_config(files)
        except CertificateError as error:
            raise CommandError(str(error)) from None
        HouseServer(config).run(sockets=[sock])

"""M web: pages, API and live pictures, by uvicorn on a socket of our own making."""

import resource
import socket
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from camera.live.hub import current_hub
from main.serving.certificates import ensure_certificates
from main.serving.children import die_with_parent
from main.serving.listen import BindError, listen, split_bind
from main.serving.patience import PatientProtocol

GRACE_SECONDS = 3
CONNECTIONS = 1000
# Files the process needs for itself: database, bus, templates.
OWN_FILES = 48


def raise_file_limit() -> int:
    """How many files this process may have open from now on; each viewer is one, and the usual 1024 are too few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 4096) if hard != resource.RLIM_INFINITY else 4096
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def uvicorn_config(files: int = 1024) -> uvicorn.Config:
    tls: dict[str, str] = {}
    if settings.TLS == "local":
        _, certificate, key = ensure_certificates(settings.RUN_DIR / "tls", settings.ALLOWED_HOSTS)
        tls = {"ssl_certfile": str(certificate), "ssl_keyfile": str(key)}
    # One control socket carries text of a few hundred bytes, pictures go out uncompressed: they are JPEG already.
    return uvicorn.Config(
        "surveillance.asgi:application",
        loop="uvloop",
        http=PatientProtocol,
        ws="websockets-sansio",
        ws_max_size=65_536,
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
        HouseServer(uvicorn_config(files)).run(sockets=[sock])

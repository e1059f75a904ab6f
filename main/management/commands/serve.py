"""M serve: the one command. Checks, migrates, starts the others, restarts what dies, stops all cleanly."""

import http.client
import io
import signal
import socket
import sqlite3
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader

from accounts.setup import setup_link_secret
from camera import bus
from camera.commands import EngineDownError, ask_engine
from main.notify import pulse
from main.serving.certificates import CertificateError, ensure_certificates
from main.serving.children import Child, House
from main.serving.first_run import add_first_cameras
from main.serving.listen import BindError, announce, announce_authority, base_url, listen, split_bind

ASK_SECONDS = 4.0
# On a small board three Pythons that start at once keep each other waiting; messages can wait, cameras and pages not.
NOTIFIER_AFTER = 3.0


def check_database() -> None:
    """Stop with one line where the database is damaged or its folder missing, before anything is written to it."""
    if connection.vendor != "sqlite":
        return
    path = Path(str(settings.DATABASES["default"]["NAME"]))
    if path.exists() and path.stat().st_size:
        try:
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
                verdict = database.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            verdict = str(error)
        if verdict != "ok":
            raise CommandError(f"the database {path} is damaged ({verdict}); restore it from a backup", returncode=1)
    elif not path.parent.is_dir():
        raise CommandError(f"the folder of the database, {path.parent}, does not exist; make it or set DATABASE_URL")


def check_schema() -> None:
    """Stop where a newer Fairwatch has changed the database: this one would not know what its columns mean."""
    loader = MigrationLoader(connection)
    unknown = sorted(".".join(key) for key in loader.applied_migrations if key not in loader.disk_migrations)
    if unknown:
        raise CommandError(
            f"the database was changed by a newer Fairwatch (it knows {unknown[-1]}); update, or restore a backup"
        )


def engine_answers() -> bool:
    try:
        ends = bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME)
        ask_engine(ends.commands, "ping", {}, seconds=ASK_SECONDS)
    except EngineDownError:
        return False
    return True


def notifier_answers() -> bool:
    return pulse.is_well(pulse.endpoint(settings.RUN_DIR, settings.ENGINE_NAME), ASK_SECONDS)


def web_answers(host: str, port: int, tls: str) -> bool:
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared, not bound)
    client = http.client.HTTPConnection(target, port, timeout=ASK_SECONDS)
    if tls == "local":
        # Asked is whether it lives, not who it is: the name of the certificate is not this address.
        context = ssl._create_unverified_context()  # noqa: S323
        client = http.client.HTTPSConnection(target, port, timeout=ASK_SECONDS, context=context)
    try:
        client.request("GET", "/healthz", headers={"Host": "localhost"})
        client.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        client.close()
    return True


class Command(BaseCommand):
    help = "Run the house: engine, web and notifier, kept running. Ctrl-C stops it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bind", default=f"0.0.0.0:{settings.PORT}", metavar="HOST:PORT")
        parser.add_argument("--tls", action="store_true", help="the same as TLS=local")
        parser.add_argument(
            "--first-run", action="store_true", help="in a house without cameras add the ones found here"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            host, port = split_bind(options["bind"])
            sock = listen(host, port)
        except BindError as error:
            raise CommandError(str(error), returncode=3) from None
        port = sock.getsockname()[1]
        self.prepare(first_run=options["first_run"])
        tls = "local" if options["tls"] else settings.TLS
        self.tell(base_url(host, port, tls), tls)
        connection.close()
        house = House(self.children(sock, lambda: web_answers(host, port, tls), {"TLS": tls}))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: house.end_soon())
        signal.signal(signal.SIGCHLD, lambda *_: house.look())
        house.run()
        self.say("Fairwatch has stopped.")

    def tell(self, base: str, tls: str) -> None:
        """Where the house is, how a device comes to trust it, and what is not as it should be."""
        try:
            made = ensure_certificates(settings.RUN_DIR / "tls", settings.ALLOWED_HOSTS) if tls == "local" else None
        except CertificateError as error:
            raise CommandError(str(error)) from None
        announce(base, setup_link_secret(), self.say)
        if made is not None:
            announce_authority(base, made, self.say)
        for warning in settings.START_WARNINGS:
            self.stderr.write(f"fairwatch: {warning}")

    def children(self, sock: socket.socket, ask_web: Callable[[], bool], variables: dict[str, str]) -> list[Child]:
        number = sock.fileno()
        return [
            Child("engine", ["engine"], engine_answers, variables=variables),
            Child("web", ["web", "--fd", str(number)], ask_web, (number,), variables),
            Child("notifier", ["notifier"], notifier_answers, variables=variables, start_after=NOTIFIER_AFTER),
        ]

    def prepare(self, *, first_run: bool) -> None:
        """Folders, checks, migrations and, when asked for, the first cameras."""
        check_database()
        for folder in (settings.RUN_DIR, settings.MEDIA_ROOT):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CommandError(f"cannot make the folder {folder}: {error.strerror}") from None
        try:
            call_command("check", stdout=io.StringIO())
            check_schema()
            call_command("migrate", interactive=False, verbosity=0)
            if connection.vendor == "sqlite":
                Path(str(settings.DATABASES["default"]["NAME"])).chmod(0o600)
        except DatabaseError as error:
            raise CommandError(f"the database cannot be used: {error}") from None
        if first_run:
            for camera in add_first_cameras():
                self.say(f"Added the camera {camera.name} ({camera.source}).")

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

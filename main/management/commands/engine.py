"""M engine: keeps the cameras' processes running and turns what they report into rows."""

import logging
import signal
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from accounts.models import User
from camera import bus
from camera.engine.keeping import Keeping
from camera.engine.loop import AlreadyRunningError, Engine, take_lock
from camera.engine.spill import make_spill
from main.serving.children import die_with_parent
from main.viewings import end_unseen

logger = logging.getLogger(__name__)

CLEAR_LOGINS_EVERY = 6 * 3600.0


class ClearLogins:
    """Removes expired log-in sessions from the database a few times a day; asked once a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due = clock() + 60.0

    def __call__(self) -> None:
        if self._clock() >= self._due:
            self._due = self._clock() + CLEAR_LOGINS_EVERY
            import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


def _spill() -> None:
    """A database that is busy at this moment must not keep the engine from its work."""
    try:
        owner = User.objects.owners().first()
        make_spill(owner.pk if owner is not None else None)
    except DatabaseError as error:
        logger.warning("the camera for CAMERA_PASSWORD is looked after at the next start: %s", error)


class Command(BaseCommand):
    help = "Run the engine: one process per camera, supervised. Usually started by `serve`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--parent", type=int, help="end when this process does (used by serve)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["parent"]:
            die_with_parent(options["parent"])
        try:
            lock = take_lock(settings.RUN_DIR, settings.ENGINE_NAME)
        except AlreadyRunningError as error:
            raise CommandError(str(error)) from None
        with lock:
            _spill()
            engine = Engine(bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME), jobs=[end_unseen, ClearLogins()])
            keeping = Keeping(lambda event: engine.tell_event(None, event))
            engine.also(keeping.jobs())
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: engine.end_soon())
            signal.signal(signal.SIGCHLD, lambda *_: engine.look())
            try:
                engine.run()
            finally:
                keeping.stop()

"""M notifier: tells people of what happened."""

import fcntl
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from main.notify.service import Notifier
from main.serving.children import die_with_parent

logger = logging.getLogger(__name__)
MQTT_AGAIN = (1.0, 5.0, 30.0, 60.0)


@contextmanager
def alone() -> Iterator[None]:
    """Hold the lock that one notifier of this name may have. Raises CommandError."""
    settings.RUN_DIR.mkdir(parents=True, exist_ok=True)
    path = settings.RUN_DIR / f"notifier-{settings.ENGINE_NAME}.lock"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError("a notifier of this house is running already") from None
        yield
    finally:
        os.close(descriptor)


class Command(BaseCommand):
    # `serve` has made them; they would read every page of the house into this process.
    requires_system_checks = []
    help = "Tell people of what happened: Web Push, e-mail, webhooks and more. Usually started by `serve`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--parent", type=int, help="end when this process does (used by serve)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["parent"]:
            die_with_parent(options["parent"])
        with alone():
            notifier, stop = Notifier(), threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: notifier.end_soon())
            broker = self._mqtt(stop)
            notifier.run()
            stop.set()
            if broker is not None:
                broker.join(5.0)

    def _mqtt(self, stop: threading.Event) -> threading.Thread | None:
        """The bridge to an MQTT broker where one is named, kept running."""
        if not getattr(settings, "MQTT_URL", None):
            return None
        from main.notify.mqtt.service import run

        thread = threading.Thread(target=keep_running, args=(run, stop), name="mqtt", daemon=True)
        thread.start()
        return thread


def keep_running(run: Callable[[threading.Event], None], stop: threading.Event) -> None:
    """Run it until `stop`; what it raises is told and it is started again."""
    failures = 0
    while not stop.is_set():
        try:
            run(stop)
            failures = 0
        except Exception:
            logger.exception("the bridge to MQTT has failed and is started again")
            failures += 1
        stop.wait(MQTT_AGAIN[min(failures, len(MQTT_AGAIN) - 1)])

"""The threads that send: one at a time for each channel, so that a target that hangs holds up nobody else's."""

import logging
import queue
import threading
import traceback
from collections.abc import Callable
from importlib import import_module

from main.notify.jobs import Job, Outcome, again
from main.notify.pictures import small

logger = logging.getLogger(__name__)
# Imported when the first message of the kind is sent: most houses use one or two of them.
SENDERS = {
    "webpush": "main.notify.webpush",
    "email": "main.notify.mail",
    "apprise": "main.notify.apprising",
    "webhook": "main.notify.webhook",
}
# More channels than this at once are a house out of hand; the others wait for their turn.
MOST = 48


class Lanes:
    """`wake` is called from the sending threads when something came back."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._busy: dict[int, threading.Thread] = {}
        self._back: queue.SimpleQueue[tuple[Job, Outcome]] = queue.SimpleQueue()

    @property
    def busy(self) -> set[int]:
        return set(self._busy)

    @property
    def room(self) -> int:
        return MOST - len(self._busy)

    def send(self, job: Job) -> None:
        thread = threading.Thread(target=self._run, args=(job,), name=f"send-{job.kind}-{job.channel}", daemon=True)
        self._busy[job.channel] = thread
        thread.start()

    def results(self) -> list[tuple[Job, Outcome]]:
        """What has come back since; its channels are free again."""
        found = []
        while not self._back.empty():
            job, outcome = self._back.get()
            self._busy.pop(job.channel, None)
            found.append((job, outcome))
        return found

    def _run(self, job: Job) -> None:
        if job.picture is not None and job.kind == "webpush":
            # Fetched by the browser in a moment, from the house itself.
            threading.Thread(target=small, args=(job.house.run_dir, job.picture), daemon=True).start()
        try:
            outcome: Outcome = import_module(SENDERS[job.kind]).send(job)
        except Exception as error:
            # Whatever a library does with what a target answers, the message is tried again and the others go on. Its
            # own words may repeat the address, which is secret.
            where = "".join(traceback.format_tb(error.__traceback__))
            logger.error("message %d could not be sent: %s\n%s", job.delivery, type(error).__name__, where)
            outcome = again("it could not be sent; the log of the house says why")
        self._back.put((job, outcome))
        self._wake()

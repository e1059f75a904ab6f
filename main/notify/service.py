"""The notifier's loop: wakes when the engine tells of an event, otherwise looks every two seconds whether anything is
new, and sleeps in between."""

import logging
import os
import threading
import time
import uuid
import zoneinfo
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import zmq
from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from camera import bus
from camera.engine.news import WhenNew
from main.models import SiteSettings
from main.notify import claims, keeping, keys
from main.notify.claims import Claim
from main.notify.expanding import expand
from main.notify.jobs import Job, Outcome, Result
from main.notify.lanes import Lanes
from main.notify.making import job_of
from main.notify.pulse import Pulse, endpoint

logger = logging.getLogger(__name__)
LOOK_EVERY = 2.0
# What only time brings about is looked for so often although nobody has written anything. Seconds.
LOOK_ANYWAY = 60.0
TIDY_EVERY = 3600.0
# `serve` waits eighteen; what is still on its way then is sent again by the next one.
END_SECONDS = 12.0


class Notifier:
    """One for each RUN_DIR and engine name. `run` until `end_soon`, which may be called from a signal handler."""

    def __init__(self) -> None:
        self._name = settings.ENGINE_NAME
        self._token = f"{self._name[:20]}-{uuid.uuid4().hex[:8]}"
        self._stop = threading.Event()
        # Not a threading.Event: a signal handler that sets one may find its lock held by the thread it interrupts.
        self._news = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._context: zmq.Context[Any] = zmq.Context()
        self._lanes = Lanes(self.wake)
        self._claims: dict[int, Claim] = {}
        self._look = WhenNew(self._work, LOOK_ANYWAY)
        # Monotonic: when to look although nobody has written anything.
        self._due = 0.0
        self._tidied = time.monotonic()

    def wake(self) -> None:
        os.eventfd_write(self._news, 1)

    def end_soon(self) -> None:
        self._stop.set()
        self.wake()

    def run(self) -> None:
        ends = bus.endpoints(settings.RUN_DIR, self._name)
        heard = bus.connect(self._context, zmq.SUB, ends.media_out, bus.RELAY_HWM)
        heard.subscribe(b"event:")
        pulse = Pulse(self._context, endpoint(settings.RUN_DIR, self._name))
        pulse.start()
        poller = zmq.Poller()
        poller.register(heard, zmq.POLLIN)
        poller.register(self._news, zmq.POLLIN)
        self._patiently(self._begin)
        while not self._stop.is_set():
            told = dict(poller.poll(int(self._pause() * 1000)))
            if self._news in told:
                os.eventfd_read(self._news)
            while heard in told and bus.waits(heard):
                heard.recv_multipart()
            self._patiently(self._step if not told else self._work)
            pulse.beat()
        self._end()
        heard.close()
        self._context.term()

    def _pause(self) -> float:
        return max(0.0, min(LOOK_EVERY, self._due - time.monotonic())) if self._due else LOOK_EVERY

    def _patiently(self, work: Callable[[], object]) -> None:
        """The database may be busy or away for a while: what was to be done is there to be done later."""
        try:
            work()
        except DatabaseError as error:
            logger.warning("the database does not answer (%s); messages wait", error)
            self._due = time.monotonic() + LOOK_EVERY
            close_old_connections()

    def _begin(self) -> None:
        keys.public_key()
        given_back = claims.release(self._name[:20])
        if given_back:
            logger.warning("%d messages of a notifier that ended are sent (again)", given_back)

    def _step(self) -> None:
        if self._due and time.monotonic() >= self._due:
            self._work()
        else:
            self._look()
        if time.monotonic() - self._tidied > TIDY_EVERY:
            self._tidied = time.monotonic()
            keeping.tidy()

    def _work(self) -> None:
        """Take what came back, make deliveries of what happened, hand out what is due."""
        self._due = 0.0
        if not self._claims and not claims.anything():
            return
        zone = SiteSettings.objects.filter(pk=1).values_list("time_zone", flat=True).first()
        timezone.activate(zoneinfo.ZoneInfo(zone or settings.TIME_ZONE))
        for job, outcome in self._lanes.results():
            claims.finish(self._claims.pop(job.delivery), outcome)
        ripe = expand()
        if not self._stop.is_set():
            self._hand_out()
        self._due_in(ripe)
        following = claims.next_due(self._lanes.busy)
        if following is not None:
            self._due_in((following - timezone.now()) / timedelta(seconds=1))

    def _hand_out(self) -> None:
        if self._lanes.room <= 0:
            return
        for claim in claims.claim_due(self._lanes.busy, self._token, self._lanes.room):
            job = self._job(claim)
            if job is not None:
                self._claims[job.delivery] = claim
                self._lanes.send(job)

    def _job(self, claim: Claim) -> Job | None:
        try:
            return job_of(claim)
        except DatabaseError:
            raise
        except Exception:
            # Whatever stands in a row, it must not end the notifier again and again: this message is given up.
            logger.exception("message %d cannot be worded", claim.deliveries[0].pk)
            claims.finish(claim, Outcome(Result.REFUSED, "it cannot be worded; the log of the house says why"))
            return None

    def _due_in(self, seconds: float | None) -> None:
        if seconds is not None:
            at = time.monotonic() + max(0.05, seconds)
            self._due = min(self._due, at) if self._due else at

    def _end(self) -> None:
        """Wait for what is on its way, and write down what became of it."""
        deadline = time.monotonic() + END_SECONDS
        while self._claims and time.monotonic() < deadline:
            for job, outcome in self._lanes.results():
                claim = self._claims.pop(job.delivery)
                self._patiently(lambda claim=claim, outcome=outcome: claims.finish(claim, outcome))  # type: ignore[misc]
            time.sleep(0.05)
        if self._claims:
            logger.warning("%d messages were still on their way; they are sent again", len(self._claims))

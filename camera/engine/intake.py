"""Takes reports in: whose they are, whether they are sound, and the answer once their rows are committed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError

from camera.engine.event_rows import Written
from camera.engine.footage_rows import FootageRows, TooEarlyError
from camera.engine.rows import Rows
from camera.engine.supervisor import Child
from camera.reports import BadReportError, Report, RingPictured, parse

logger = logging.getLogger(__name__)

# Of one camera process, waiting to be written. It keeps 500 itself and sends again what is not acknowledged.
MOST_WAITING = 1000
# A report about a recording that nobody announced comes again every 2 s; after so many tries it is let go.
MOST_TRIES = 15
_TRIES_AT_ONCE = 3


@dataclass(slots=True)
class Counts:
    """What was heard since the start. `strangers`: words of processes that are not ours."""

    written: int = 0
    bad: int = 0
    strangers: int = 0
    overflow: int = 0


class Intake:
    """Driven by the loop's thread; `later` brings what the rows thread has finished back to it. `answer` sends to a
    token, `happened` is called with each event that has just been committed.

    Each report is acknowledged once: {"type": "ack", "seq", "taken", "known", "event"}. `taken`: it is a row now; a
    report that is refused is not to come again either. `known`: it had been one before, under another name, so what
    belongs to this one is of no use. `event`: the uid of the event it is about, or "".
    """

    def __init__(
        self,
        rows: Rows,
        later: Callable[[Callable[[], None]], None],
        answer: Callable[[str, dict[str, Any]], None],
        happened: Callable[[int | None, int], None],
    ) -> None:
        self._rows, self._later, self._answer, self._happened = rows, later, answer, happened
        self._footage = FootageRows(rows.requests.people)
        self._waiting: dict[str, set[int]] = {}
        self._tries: dict[tuple[str, int], int] = {}
        self._complained: set[str] = set()
        self.counts = Counts()

    def take(self, child: Child | None, header: dict[str, Any]) -> None:
        """One report, by that camera process; by none of ours where it is None."""
        seq = header.get("seq")
        if child is None:
            self.counts.strangers += 1
            return
        if type(seq) is not int or not 0 <= seq < 2**63:
            self._bad(child, "seq")
            return
        waiting = self._waiting.setdefault(child.token, set())
        if seq in waiting:
            return
        if len(waiting) >= MOST_WAITING:
            self.counts.overflow += 1
            return
        try:
            report = parse(header.get("kind"), header.get("body"))
        except BadReportError as error:
            self._refused(child, seq, str(error))
            return
        waiting.add(seq)
        self._rows.keep(lambda: self._write(child, seq, report))

    def forget(self, child: Child) -> None:
        """That process has ended and will say nothing more."""
        self._complained.discard(child.token)
        for key in [key for key in self._tries if key[0] == child.token]:
            del self._tries[key]

    def _write(self, child: Child, seq: int, report: Report) -> None:
        """In the rows thread. Raises what the database raises, and is then called again."""
        try:
            written = self._written(child, report)
        except TooEarlyError:
            self._later(lambda: self._too_early(child, seq))
        except BadReportError as error:
            words = str(error)
            self._later(lambda: self._refused(child, seq, words))
        except IntegrityError as error:
            logger.error("camera %s: a report was not taken: %s", child.wanted.camera, error)
            self._later(lambda: self._refused(child, seq, "the database refuses it"))
        else:
            if isinstance(report, RingPictured) and written.event is not None:
                self._rows.requests.rings.pictured(written.event.pk)
            self._later(lambda: self._done(child, seq, written))

    def _written(self, child: Child, report: Report) -> Written:
        # A camera may be deleted between looking and writing; the next look sees that.
        for _ in range(_TRIES_AT_ONCE - 1):
            try:
                return self._footage.write(report, child)
            except IntegrityError:
                continue
        return self._footage.write(report, child)

    def _done(self, child: Child, seq: int, written: Written) -> None:
        self.counts.written += 1
        self._acknowledge(child, seq, written)
        if written.event is not None:
            self._happened(written.event.camera_id, written.event.pk)

    def _refused(self, child: Child, seq: int, why: str) -> None:
        self._bad(child, why)
        self._acknowledge(child, seq)

    def _too_early(self, child: Child, seq: int) -> None:
        key = (child.token, seq)
        self._tries[key] = self._tries.get(key, 0) + 1
        if self._tries[key] >= MOST_TRIES:
            self._refused(child, seq, "about something that was never announced")
        else:
            self._waiting.get(child.token, set()).discard(seq)

    def _acknowledge(self, child: Child, seq: int, written: Written | None = None) -> None:
        waiting = self._waiting.get(child.token, set())
        waiting.discard(seq)
        if not waiting:
            self._waiting.pop(child.token, None)
        self._tries.pop((child.token, seq), None)
        ack = {"type": "ack", "seq": seq, "taken": written is not None}
        told = {"known": written.known, "event": written.uid} if written is not None else {"known": False, "event": ""}
        self._answer(child.token, ack | told)

    def _bad(self, child: Child, why: str) -> None:
        self.counts.bad += 1
        if child.token not in self._complained:
            self._complained.add(child.token)
            logger.warning("camera %s: a bad report is dropped (%s); others are only counted", child.wanted.camera, why)

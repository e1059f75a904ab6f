"""Who asked for a recording, and who watches: the reasons from outside for which cameras are recorded now."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from camera import ports
from camera.engine import disk
from camera.engine.mov_rows import control_of
from camera.engine.orders import mode_of, orders_for
from camera.engine.ring_rows import Rings
from camera.engine.supervisor import Wanted
from camera.models import Camera, Recording, RecordMode, RecordRequest

# Turning a page must not end a file and begin another. Seconds.
WATCHED_STAYS = 5.0
_MOST_PEOPLE = 5000
_NAME = 150


class RequestError(Exception):
    """A recording cannot be asked for so; `code` names it, the message says it to people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def holds() -> dict[str, str]:
    """Which storage folders nothing may be recorded to now, and why."""
    return disk.holds()


def _deleted_while_open() -> dict[int | None, list[str]]:
    """The files by camera whose recording somebody deleted before it ended: what comes next is not to go with it."""
    found: dict[int | None, list[str]] = {}
    marked = Recording.objects.filter(state=Recording.State.OPEN, delete_requested_at__isnull=False)
    for camera, uid in marked.order_by("pk").values_list("camera_id", "uid"):
        found.setdefault(camera, []).append(uid)
    return found


class Requests:
    """Used by the rows thread alone. `people` outlives the requests: files say for whom they were made."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.rings = Rings(clock)
        self._watched_until: dict[int, float] = {}
        self._people: OrderedDict[tuple[int, str], int] = OrderedDict()

    def wanted(self) -> list[Wanted]:
        """The cameras this engine runs with what they are to do, as the database has it now."""
        policy, held = ports.policy(), holds()
        cameras = list(Camera.objects.filter(engine__in=("", settings.ENGINE_NAME)).order_by("pk"))
        reasons = self.reasons({camera.pk: mode_of(camera, policy) for camera in cameras})
        cuts = _deleted_while_open()
        return [
            Wanted(
                camera.pk,
                camera.enabled,
                camera.source_config(),
                orders_for(
                    camera,
                    policy,
                    reasons[camera.pk],
                    held,
                    tuple(cuts.get(camera.pk, ())),
                    self.rings.of(camera.pk, policy.post_roll if camera.post_roll is None else camera.post_roll),
                ),
                camera.name,
                control_of(camera),
            )
            for camera in cameras
        ]

    def reasons(self, modes: dict[int, str]) -> dict[int, tuple[str, ...]]:
        """`watched` and what was asked for, for each camera of `modes`; requests that are over are removed."""
        found: dict[int, list[str]] = {camera: [] for camera in modes}
        for camera in self._watched({camera for camera, mode in modes.items() if mode == RecordMode.WATCHED}):
            found[camera].append("watched")
        for request in self._going_on():
            self._remember(request)
            if request.camera_id in found:
                found[request.camera_id].append(request.reason)
        return {camera: tuple(reasons) for camera, reasons in found.items()}

    def people(self, camera: int, reasons: Iterable[str]) -> list[int]:
        """Ids of the people behind these reasons, as far as they are known, each once."""
        ids = [self._people.get((camera, reason)) for reason in reasons]
        return list(dict.fromkeys(one for one in ids if one is not None))

    def ask(self, body: dict[str, Any]) -> int:
        """Begin or end a request as the command `record` says it; the camera's id. Asking twice is asking once.
        Raises RequestError."""
        camera: Any = body.get("camera")
        on, session, user, name = (body.get(key) for key in ("on", "session", "user", "name"))
        good = type(camera) is int and isinstance(on, bool) and (session is None or type(session) is int)
        if not (good and type(user) is int and isinstance(name, str) and 0 < len(name) <= _NAME):
            raise RequestError("bad_request", "The request to record cannot be read.")
        with transaction.atomic():
            if not Camera.objects.filter(pk=camera).exists():
                raise RequestError("not_found", "There is no such camera.")
            if on:
                self._begin(camera, session, user, name)
            elif session is None:
                RecordRequest.objects.filter(camera_id=camera, session=None, user_id=user).delete()
            else:
                RecordRequest.objects.filter(camera_id=camera, session=session).delete()
        return int(camera)

    def _begin(self, camera: int, session: int | None, user: int, name: str) -> None:
        if session is None:
            until = timezone.now() + timedelta(hours=ports.policy().manual_hours)
            request, _ = RecordRequest.objects.update_or_create(
                camera_id=camera, session=None, user_id=user, defaults={"until": until, "user_name": name}
            )
        elif ports.open_sessions([session]):
            request, _ = RecordRequest.objects.get_or_create(
                camera_id=camera, session=session, defaults={"user_id": user, "user_name": name}
            )
        else:
            raise RequestError("not_found", "The page this was asked from is closed. Open it again and ask once more.")
        self._remember(request)

    def _going_on(self) -> list[RecordRequest]:
        requests = list(RecordRequest.objects.all())
        if not requests:
            return []
        now = timezone.now()
        allowed = ports.may_record([(request.user_id, request.camera_id) for request in requests])
        sessions = [request.session for request in requests if request.session is not None]
        still_open = ports.open_sessions(sessions) if sessions else set()
        going_on = [
            one
            for one in requests
            if (one.user_id, one.camera_id) in allowed
            and (one.session in still_open if one.until is None else now < one.until)
        ]
        if over := {one.pk for one in requests} - {one.pk for one in going_on}:
            RecordRequest.objects.filter(pk__in=over).delete()
        return going_on

    def _watched(self, candidates: set[int]) -> list[int]:
        now = self._clock()
        if candidates:
            self._watched_until |= dict.fromkeys(ports.watched() & candidates, now + WATCHED_STAYS)
        self._watched_until = {
            camera: until for camera, until in self._watched_until.items() if camera in candidates and now < until
        }
        return list(self._watched_until)

    def _remember(self, request: RecordRequest) -> None:
        key = (request.camera_id, request.reason)
        self._people[key] = request.user_id
        self._people.move_to_end(key)
        while len(self._people) > _MOST_PEOPLE:
            self._people.popitem(last=False)

"""Start and stop a recording for somebody: the engine is asked, and answers with what is being recorded by now."""

from typing import Any

from django.conf import settings
from django.db import OperationalError
from django.http import Http404

from camera import bus
from camera.access import Actor, camera_for
from camera.commands import EngineDownError, ask_engine
from camera.models import Camera, Right
from main.models import ViewingSession

ENGINE_SECONDS = 4.0
NO_SESSION = "There is no open viewing session of yours with that number on this camera."


class NoSuchSessionError(Http404):
    """The viewing session is not theirs, not of this camera, or over."""


class RecordRefusedError(Exception):
    """The engine cannot do it now; its words are for people."""


def ask_record(actor: Actor, camera: Camera | str, on: bool, session: int | None = None) -> dict[str, Any]:
    """Record `camera` (or the one with that slug) for `actor`, or stop: {"recording": bool, "reasons": [str, …]}.

    With `session` (the id of an open viewing session of theirs) it lasts as long as that; without, until they stop it
    or the house's limit ends it. Waits for the engine, so call it from a thread. Raises Http404 (NoSuchSessionError is
    one), PermissionDenied, RecordRefusedError, EngineDownError and OperationalError (the house is busy).
    """
    found = camera_for(actor, camera if isinstance(camera, str) else camera.slug, Right.RECORD)
    if session is not None and not _is_theirs(actor, found.pk, session):
        raise NoSuchSessionError(NO_SESSION)
    body = {"camera": found.pk, "on": on, "session": session, "user": actor.user_id, "name": actor.name}
    endpoint = bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).commands
    answer, _ = ask_engine(endpoint, "record", body, seconds=ENGINE_SECONDS)
    return _understood(answer)


def _is_theirs(actor: Actor, camera: int, session: int) -> bool:
    if actor.user_id is None or not 0 < session < 2**63:
        return False
    mine = ViewingSession.objects.filter(user_id=actor.user_id, camera_id=camera, ended_at=None, hidden_at=None)
    return mine.filter(pk=session).exists()


def _understood(answer: dict[str, Any]) -> dict[str, Any]:
    recording, reasons = answer.get("recording"), answer.get("reasons")
    if isinstance(recording, bool) and isinstance(reasons, list):
        return {"recording": recording, "reasons": [str(reason)[:200] for reason in reasons[:100]]}
    error = answer.get("error")
    if answer.get("code") == "busy":
        # The database's fault, as if it had been met here.
        raise OperationalError("the engine cannot write the request now")
    if isinstance(error, str) and error:
        raise RecordRefusedError(error[:300])
    raise EngineDownError("the engine's answer to record cannot be read")

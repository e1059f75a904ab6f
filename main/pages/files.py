"""The files of recordings: the video, its small picture and its H.264 copy, for those who may see them."""

import logging
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from camera.access import recording_for, rights_on, rights_on_lost
from camera.models import Recording, Right
from camera.paths import UnsafePathError, playable_of, thumbnail_of
from main import lookbacks, viewings
from main.actors import Login, again, stream_actor
from main.serving.ranges import NoFileError, StoredFile, file_reply
from main.watchers import in_thread

logger = logging.getLogger(__name__)
# Ours, never guessed from a name nor taken from the file.
VIDEO, PICTURE = "video/mp4", "image/jpeg"


@dataclass(frozen=True, slots=True)
class Wish:
    """Which file of a recording, for what. `logged`: how it stands in the log, nothing for what is in every list."""

    what: str = "video"
    right: str = Right.PLAYBACK
    logged: str = ""


FILE = Wish(logged=lookbacks.Transport.PLAYBACK)
PLAYABLE = Wish("playable", logged=lookbacks.Transport.PLAYBACK)
THUMBNAIL = Wish("thumbnail")
DOWNLOAD = Wish(right=Right.EXPORT, logged=lookbacks.Transport.EXPORT)


@login_not_required
@require_safe
async def file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The video, as players ask for it: whole, in ranges, or as far as it has come while it is being recorded."""
    return await sync_to_async(_answer)(request, pk, FILE)


@login_not_required
@require_safe
async def playable_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The H.264 copy, once it is ready."""
    return await sync_to_async(_answer)(request, pk, PLAYABLE)


@login_not_required
@require_safe
async def thumbnail(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The small picture; 404 while there is none."""
    return await sync_to_async(_answer)(request, pk, THUMBNAIL)


@login_not_required
@require_safe
async def download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The video under a name people can read. 409 while it is being recorded."""
    return await sync_to_async(_answer)(request, pk, DOWNLOAD)


def _answer(request: HttpRequest, pk: int, wish: Wish) -> HttpResponseBase:
    """What reads or writes the database and opens the file, in one thread; the body only asks if it may go on."""
    actor, login = stream_actor(request)
    if actor.user_id is None:
        # A link that somebody clicked leads to the log-in; a player is told what it may send.
        clicked = wish is DOWNLOAD and "Authorization" not in request.headers
        return redirect_to_login(request.get_full_path()) if clicked else unauthorised()
    recording = recording_for(actor, pk, wish.right)
    if wish is DOWNLOAD and recording.state == Recording.State.OPEN:
        return render(request, "recording_open.html", {"recording": recording}, status=409)
    try:
        still = partial(in_thread, _still_may, login, recording, wish.right)
        reply = file_reply(request, replace(stored(recording, wish), still=still))
    except UnsafePathError as error:
        logger.warning("recording %d is not sent: %s", pk, error)
        raise Http404("No such file.") from None
    except NoFileError as error:
        logger.warning("recording %d: its %s cannot be opened: %s", pk, wish.what, error)
        raise Http404("No such file.") from None
    if wish.logged and request.method == "GET" and reply.status_code < 300:
        try:
            lookbacks.look_back(viewings.visitor_of(request, actor, login), recording, wish.logged)
        except BaseException:
            # Nothing is seen without its line.
            reply.close()
            raise
    return reply


def _still_may(login: Login, recording: Recording, right: str) -> bool:
    """Whether that log-in still holds, and has the right on the recording's camera."""
    actor = again(login)
    return right in (rights_on_lost(actor) if recording.camera is None else rights_on(actor, recording.camera))


def stored(recording: Recording, wish: Wish) -> StoredFile:
    """Where that file is and how it is sent. Raises UnsafePathError, and Http404 for what there is not."""
    accel = f"{recording.storage_id}/"
    if wish.what == "thumbnail":
        return StoredFile(recording.thumbnail_path, PICTURE, accel=accel + thumbnail_of(recording.file))
    name = friendly_name(recording)
    if wish.what == "playable":
        if recording.playable != Recording.Playable.READY:
            raise Http404("There is no such copy.")
        return StoredFile(recording.playable_path, VIDEO, accel=accel + playable_of(recording.file), name=name)
    path = recording.path
    return StoredFile(
        path,
        VIDEO,
        etag=_etag(recording, path),
        accel=accel + recording.file,
        name=name,
        attachment=wish is DOWNLOAD,
        growing=recording.state == Recording.State.OPEN,
    )


def _etag(recording: Recording, path: Path) -> str:
    """The content's hash while the file has the size it was hashed with; else "": one is made of its size and time."""
    try:
        same = bool(recording.sha256) and path.stat().st_size == recording.bytes
    except OSError:
        return ""
    return f'"{recording.sha256}"' if same else ""


def friendly_name(recording: Recording, suffix: str = ".mp4") -> str:
    """«Front door 2026-11-21 14-02-05.mp4», in the house's time, with nothing in it that a folder could not hold."""
    odd = '/\\:*?"<>|'
    plain = "".join(" " if one in odd or not one.isprintable() else one for one in recording.camera_name)
    name = " ".join(plain.split()).strip(". ") or "camera"
    return f"{name} {timezone.localtime(recording.started_at):%Y-%m-%d %H-%M-%S}{suffix}"


def unauthorised() -> HttpResponse:
    """For players and programs: what they may send."""
    error = {"code": "unauthorized", "message": "Log in, or send a token as Bearer or as the password of Basic."}
    reply = JsonResponse({"error": error}, status=401)
    reply["WWW-Authenticate"] = 'Basic realm="Fairwatch", charset="UTF-8"'
    return reply

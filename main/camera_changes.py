"""Saves and deletes cameras: rows, sharing, audit, and word to the engine, in one transaction."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.shortcuts import get_object_or_404

from accounts.models import User
from camera import bus, commands, keys, ports
from camera.access import Actor
from camera.addresses import NETWORK
from camera.leaving import Footage, footage_of, let_go
from camera.models import Camera, Grant, free_slug
from camera.redact import redact
from main.camera_controls import CONTROL_COLUMNS
from main.camera_controls import in_words as control_in_words
from main.camera_fields import RECORDING_FIELDS
from main.camera_fields import in_words as recording_in_words
from main.forms import CameraForm, grants_of
from main.sharing import in_words

WEB_COLUMNS = [
    "name", "kind", "address", "username", "sealed_password", "transport", "poll_fps", "enabled", "keeper",
    *CONTROL_COLUMNS, *RECORDING_FIELDS,
]  # fmt: skip
CHANGED = "«changed»"


def engine_commands() -> str:
    """The endpoint at which this house's engine takes commands."""
    return bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).commands


def tell_engine(camera: int) -> None:
    """Once the transaction is through, tell the engine that a camera is new, changed or gone."""
    transaction.on_commit(lambda: commands.poke(engine_commands(), camera), robust=True)


def save_camera(form: CameraForm, actor: Actor) -> Camera:
    """Save what a valid form holds; an audit entry tells what differs."""
    with transaction.atomic():
        stored = None if form.is_new else get_object_or_404(Camera.objects.select_for_update(), pk=form.instance.pk)
        before = _described(stored) if stored is not None else {}
        old = _addresses(stored) if stored is not None else ()
        camera = form.fill()
        if stored is None:
            camera.keeper_id, camera.slug = actor.user_id, free_slug(camera.name)
            camera.save()
        else:
            camera.save(update_fields=WEB_COLUMNS)
            if camera.key_digest and camera.kind != "push" and not camera.doorbell:
                # A key that opens nothing now must not open it again when the camera is changed back.
                keys.revoke(camera)
        _share(camera, form.wanted_grants())
        after = _described(camera)
        if form.new_password is not None and form.new_password != "":
            after["password"] = CHANGED
        if form.new_cloud_password:
            after["password of the account"] = CHANGED
        if old and _addresses(camera) != old and _shown(_addresses(camera)) == _shown(old):
            after["hidden part of the address"] = CHANGED
        if before != after:
            Camera.objects.filter(pk=camera.pk).changed()
            what = "added" if stored is None else "changed"
            ports.on_change(actor.name, f"{what} camera {camera.slug}", before, after)
            tell_engine(camera.pk)
    return camera


class KeptRecordingsError(Exception):
    """The camera has recordings that are marked as kept, and nobody said that they may go."""


def delete_camera(camera: Camera, actor: Actor, *, kept_too: bool = False) -> Footage:
    """Delete the camera, its sharing, its recordings and its events; returns what went.

    The log of who has looked stays, under the camera's name. Raises KeptRecordingsError when recordings are marked as
    kept and `kept_too` does not say that they go as well; nothing is changed then.
    """
    with transaction.atomic():
        before, pk, footage = _described(camera), camera.pk, footage_of(camera)
        if footage.kept and not kept_too:
            raise KeptRecordingsError
        let_go(camera)
        camera.delete()
        gone = {"footage": str(footage)} if str(footage) else {}
        ports.on_change(actor.name, f"deleted camera {camera.slug}", before | gone, {})
        tell_engine(pk)
    return footage


def _addresses(camera: Camera) -> tuple[str, ...]:
    return str(camera.source), str(camera.stream_address), str(camera.detect_address)


def _shown(addresses: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(redact, addresses))


def _share(camera: Camera, wanted: dict[int | None, set[str]]) -> None:
    held = grants_of(camera)
    for user, rights in wanted.items():
        old = held.get(user, set())
        Grant.objects.filter(camera=camera, user=user, right__in=old - rights).delete()
        new = [Grant(camera=camera, user_id=user, right=right) for right in sorted(rights - old)]
        Grant.objects.bulk_create(new, ignore_conflicts=True)


def _described(camera: Camera) -> dict[str, Any]:
    """The camera as the audit tells it: never a credential."""
    held = grants_of(camera)
    names = dict(User.objects.filter(pk__in=[pk for pk in held if pk is not None]).values_list("pk", "username"))
    return {
        "name": camera.name,
        "source": redact(camera.source),
        "user name": camera.username,
        "password": "«set»" if camera.sealed_password else "«none»",
        "transport": camera.transport,
        "pictures a second": camera.poll_fps,
        "switched on": camera.enabled,
        **(control_in_words(camera) if camera.kind in NETWORK else {}),
        **recording_in_words(camera),
        "keeper": camera.keeper.username if camera.keeper else "the house",
        "shared with all members": in_words(held.get(None, ())) or "nothing",
        **{f"shared with {names[pk]}": in_words(rights) for pk, rights in held.items() if pk is not None and rights},
    }

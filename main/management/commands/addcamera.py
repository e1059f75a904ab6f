"""M addcamera: add a camera from the command line; prints its slug and nothing else."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from camera import bus, commands, keys, ports, vault
from camera.addresses import CONTROLLED, EXAMPLES, AddressError, parse_source
from camera.engine.asked_cameras import ask_camera
from camera.engine.mov_rows import usable
from camera.models import Camera, RecordMode, free_slug
from camera.ptz.driver import Stream
from camera.redact import redact


class Command(BaseCommand):
    help = "Add a camera. SOURCE is for instance " + EXAMPLES.replace("%", "%%")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("source", metavar="SOURCE")
        parser.add_argument("--slug", help="the camera's name in addresses; made from NAME when left out")
        parser.add_argument(
            "--record", choices=RecordMode.values, default="", help="when it is recorded; left out: as the house"
        )
        parser.add_argument(
            "--doorbell",
            action="store_true",
            help="somebody can ring here; a key to ring with is printed once, on stderr",
        )
        parser.add_argument("--username", default="", help="the camera's own user name")
        parser.add_argument(
            "--password", default="", help="the camera's own password; for tapo: and onvif: also from CAMERA_PASSWORD"
        )
        parser.add_argument(
            "--cloud-password", default="",
            help="the password of a Tapo camera's account; also from the variable CAMERA_CLOUD_PASSWORD",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            address = parse_source(options["source"])
        except AddressError as error:
            raise CommandError(str(error)) from None
        camera = Camera(
            name=options["name"],
            slug=options["slug"] or free_slug(options["name"]),
            kind=address.kind,
            address=address.address,
            username=options["username"] or address.username,
            record=options["record"],
            doorbell=options["doorbell"],
            keeper=User.objects.owners().first(),
        )
        camera.set_password(options["password"] or address.password)
        if address.kind in CONTROLLED:
            _set_passwords(camera, options["password"] or address.password, options["cloud_password"])
        try:
            camera.full_clean()
        except ValidationError as error:
            raise CommandError(
                "; ".join(f"{name}: {' '.join(words)}" for name, words in error.message_dict.items())
            ) from None
        trouble = _find_streams(camera) if camera.kind in CONTROLLED else ""
        camera.save()
        told = {"name": camera.name, "source": redact(camera.source), "recorded": camera.record or "as the house"}
        ports.on_change("command line", f"camera {camera.slug} added", {}, told)
        commands.poke(bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).commands, camera.pk)
        self.stdout.write(camera.slug)
        if trouble:
            self.stderr.write(f"The camera could not be asked where its pictures are: {trouble}")
        if camera.kind == "push" or camera.doorbell:
            # After the slug, and on stderr: who reads the slug in a script does not have the key in a variable or log.
            self.stderr.write(f"Its key, shown this once: {keys.issue(camera)}")
        if camera.kind == "push":
            self.stderr.write(
                "Send each JPEG as the body of a POST to "
                f"/api/v1/cameras/{camera.slug}/frames with the header X-Camera-Auth: KEY (docs/api.md)."
            )
        if camera.doorbell:
            self.stderr.write(
                f"To ring, POST to /api/v1/cameras/{camera.slug}/ring with the header X-Camera-Auth: KEY; a button on "
                f"a pin of this machine: manage.py doorbell --camera {camera.slug} --pin 17 (docs/doorbell.md)."
            )


def _set_passwords(camera: Camera, password: str, cloud_password: str) -> None:
    """Of a camera that is asked by its maker's protocol; what is not in the arguments, from the environment."""
    camera.set_password(password or (settings.CAMERA_PASSWORD if camera.username else ""))
    if camera.kind == "tapo":
        camera.set_cloud_password(cloud_password or settings.CAMERA_CLOUD_PASSWORD)


def _find_streams(camera: Camera) -> str:
    """Ask the camera where its pictures are: the largest to record, the smallest to look for motion in. Why that did
    not work, or ""; the engine asks again."""
    values = {
        "address": str(camera.address),
        "username": camera.username,
        "password": vault.unseal(camera.sealed_password) or "",
        "cloud_password": vault.unseal(camera.sealed_cloud_password) or "",
    }
    answer = ask_camera(bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).commands, values)
    if not answer.get("ok"):
        return str(answer.get("error", "it gave no answer"))
    streams = usable(tuple(Stream(**one) for one in answer["streams"]))
    if not streams:
        return "it names no stream of pictures"
    camera.stream_address = streams[0]
    camera.detect_address = streams[-1] if len(streams) > 1 else ""
    return ""

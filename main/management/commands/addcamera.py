"""M addcamera: add a camera from the command line; prints its slug and nothing else."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from camera import bus, commands, keys, ports
from camera.addresses import EXAMPLES, AddressError, parse_source
from camera.models import Camera, RecordMode, free_slug
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
        parser.add_argument("--username", default="", help="the camera's own user name")
        parser.add_argument("--password", default="", help="the camera's own password")

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
            keeper=User.objects.owners().first(),
        )
        camera.set_password(options["password"] or address.password)
        try:
            camera.full_clean()
        except ValidationError as error:
            raise CommandError(
                "; ".join(f"{name}: {' '.join(words)}" for name, words in error.message_dict.items())
            ) from None
        camera.save()
        told = {"name": camera.name, "source": redact(camera.source), "recorded": camera.record or "as the house"}
        ports.on_change("command line", f"camera {camera.slug} added", {}, told)
        commands.poke(bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).commands, camera.pk)
        self.stdout.write(camera.slug)
        if camera.kind == "push":
            # After the slug, and on stderr: who reads the slug in a script does not have the key in a variable or log.
            key = keys.issue(camera)
            self.stderr.write(
                f"Its key, shown this once: {key}\nSend each JPEG as the body of a POST to "
                f"/api/v1/cameras/{camera.slug}/frames with the header X-Camera-Auth: KEY (docs/api.md)."
            )

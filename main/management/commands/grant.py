"""M grant: give or take rights on a camera from the command line."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from camera import ports
from camera.models import Camera, Grant, Right


class Command(BaseCommand):
    help = "Give a person rights on a camera (or take them with --revoke): " + ", ".join(Right.values)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="USER")
        parser.add_argument("camera", metavar="CAMERA", help="the camera's slug")
        parser.add_argument("rights", metavar="RIGHT[,RIGHT]")
        parser.add_argument("--revoke", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username__iexact=options["user"]).first()
        camera = Camera.objects.filter(slug=options["camera"]).first()
        if user is None or camera is None:
            missing = f"person named {options['user']}" if user is None else f"camera {options['camera']}"
            raise CommandError(f"there is no {missing}")
        rights = [word.strip() for word in options["rights"].split(",") if word.strip()]
        if not rights or (wrong := [right for right in rights if right not in Right.values]):
            raise CommandError(
                f"{', '.join(wrong) if rights else 'nothing'} is no right; there are {', '.join(Right.values)}"
            )
        held = {"rights": sorted(camera.grants.filter(user=user).values_list("right", flat=True))}
        if options["revoke"]:
            camera.grants.filter(user=user, right__in=rights).delete()
        else:
            for right in rights:
                Grant.objects.get_or_create(camera=camera, user=user, right=right)
        now = {"rights": sorted(camera.grants.filter(user=user).values_list("right", flat=True))}
        ports.on_change("command line", f"rights of {user.username} on {camera.slug}", held, now)
        self.stdout.write(f"{user.username} on {camera.name}: {', '.join(now['rights']) or 'no rights of their own'}")

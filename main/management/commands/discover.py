"""M discover: which ONVIF cameras there are in this network, and which of them are Fairwatch's already."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from camera import bus, commands
from camera.addresses import NETWORK, host_and_port
from camera.discovery import LONGEST, discover
from camera.models import Camera

NOTHING = (
    "No camera answered. Look whether the camera is on and in the same network as this machine, and whether ONVIF is "
    "switched on in its settings or app; then ask again. A camera that does not answer can be added by its address."
)


class Command(BaseCommand):
    help = "Look for ONVIF cameras in this network. Prints one line for each: address, name, model."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seconds", type=float, default=3.0, help="how long to wait for answers, at most 5")

    def handle(self, *args: Any, **options: Any) -> None:
        seconds = options["seconds"]
        # Not a number is neither.
        if not 0 < seconds <= LONGEST:
            raise CommandError(f"--seconds is between 0 and {LONGEST:.0f}.")
        hosts = _hosts()
        found = _found(seconds, set(hosts))
        for one in found:
            slug = hosts.get(one["host"], "")
            known = f"(known as {slug})" if slug else "(known)" if one["known"] else ""
            self.stdout.write("  ".join(word for word in (one["address"], one["name"], one["model"], known) if word))
        if not found:
            self.stdout.write(NOTHING)


def _hosts() -> dict[str, str]:
    """Which hosts are cameras already, and under which slugs."""
    cameras = Camera.objects.filter(kind__in=NETWORK).values_list("address", "slug")
    return {host_and_port(address)[0]: slug for address, slug in cameras}


def _found(seconds: float, known: set[str]) -> list[dict[str, Any]]:
    """By the engine, which may stand in another network than this command; by ourselves where it does not run."""
    ends = bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME)
    try:
        commands.ask_engine(ends.commands, "ping", {}, seconds=1.0)
        body, _ = commands.ask_engine(ends.commands, "discover", {"seconds": seconds}, seconds=seconds + 3.0)
    except commands.EngineDownError:
        body = {}
    if body.get("ok"):
        return list(body["found"])
    looked = discover(seconds, known, allow_loopback=settings.ALLOW_LOOPBACK_CAMERAS)
    return [
        {"address": one.address, "host": one.host, "name": one.name, "model": one.model, "known": one.known}
        for one in looked
    ]

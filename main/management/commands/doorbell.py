"""M doorbell: a button on a pin of this machine rings at a camera, also while web is down."""

import signal
import warnings
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from camera import bus
from camera.commands import ask_engine
from camera.models import Camera
from main.doorbell import ASK_SECONDS, Doorbell, Spool

# Shorter ones are no press. Seconds.
BOUNCE = 0.03
NO_LIBRARY = "Buttons need gpiozero and what knows this machine's pins: .venv/bin/pip install gpiozero lgpio"


class Command(BaseCommand):
    help = "Ring at a camera when somebody presses a button that is wired to a pin of this machine."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--pin", help="the pin as gpiozero names it, for instance 17, GPIO17 or BOARD11")
        parser.add_argument("--camera", metavar="SLUG", help="the camera at that door; the only doorbell when left out")
        parser.add_argument(
            "--active-high", action="store_true", help="the button leads to 3.3 V; otherwise to ground, which is usual"
        )
        parser.add_argument("--now", action="store_true", help="ring once, to try it out or from a script, and end")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["pin"]) == options["now"]:
            raise CommandError("Say either which --pin the button is on, or --now to ring once.")
        slug = _camera(options["camera"])
        if not Camera.objects.filter(slug=slug, doorbell=True).exists():
            self.stderr.write(
                f"Tick «Somebody can ring here» on the page of {slug}: then a ring shows what was before."
            )
        endpoint = bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).commands
        bus.private_folder(settings.RUN_DIR)
        name = "now" if options["now"] else "".join(one for one in options["pin"] if one.isalnum())[:20]
        spool = Spool(settings.RUN_DIR / f"doorbell-{slug}-{name}.jsonl")
        bell = Doorbell(spool, slug, lambda body: ask_engine(endpoint, "ring", body, seconds=ASK_SECONDS)[0])
        if options["now"]:
            bell.press()
            while bell.step():
                pass
            if bell.trouble:
                kept = " The ring is kept; the next one takes it along." if spool.kept else ""
                raise CommandError(f"Nobody was told: {bell.trouble}{kept}")
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: bell.stop())
        button = _button(options["pin"], pull_up=not options["active_high"])
        button.when_pressed = bell.press
        self.stdout.write(f"The button on {button.pin} rings at {slug}.")
        self.stdout.flush()
        try:
            bell.run()
        finally:
            button.close()


def _camera(slug: str | None) -> str:
    """The slug of the camera to ring at. Raises CommandError."""
    cameras = Camera.objects.filter(slug=slug) if slug else Camera.objects.filter(doorbell=True)
    found = list(cameras.values_list("slug", flat=True)[:2])
    if len(found) == 1:
        return found[0]
    if not slug and found:
        doorbells = ", ".join(cameras.values_list("slug", flat=True)[:20])
        raise CommandError(f"Say with --camera at which door it rings: {doorbells}.")
    known = ", ".join(Camera.objects.values_list("slug", flat=True)[:20]) or "none"
    if slug:
        raise CommandError(f"There is no camera «{slug}». There are: {known}.")
    raise CommandError(f"Say with --camera at which camera it rings. There are: {known}.")


def _button(pin: str, *, pull_up: bool) -> Any:
    """The button on that pin. Raises CommandError."""
    try:
        from gpiozero import Button
        from gpiozero.exc import BadPinFactory, GPIOZeroError, PinFactoryFallback
    except ImportError:
        raise CommandError(NO_LIBRARY) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PinFactoryFallback)
            return Button(int(pin) if pin.isdecimal() else pin, pull_up=pull_up, bounce_time=BOUNCE)
    except BadPinFactory:
        raise CommandError(NO_LIBRARY) from None
    except (GPIOZeroError, OSError) as error:
        raise CommandError(f"The pin {pin} cannot be used: {error}") from None

"""M checkmedia [--repair]: whether every recording has its file and every file its row."""

import contextlib
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from camera.engine.checks import Checks, one_line
from camera.engine.loop import AlreadyRunningError, take_lock


class Command(BaseCommand):
    help = "Check that every recording has its file and every file its row. Ends with 0 when all is well, 1 when not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--repair", action="store_true", help="mend what can be mended; foreign files stay")

    def handle(self, *args: Any, **options: Any) -> None:
        with contextlib.ExitStack() as stack:
            try:
                # Held all the while, so that no engine starts in the middle of a repair.
                stack.enter_context(take_lock(settings.RUN_DIR, settings.ENGINE_NAME))
                engine_runs = False
            except AlreadyRunningError:
                engine_runs = True
            left = self._check(engine_runs, options["repair"])
        if left:
            raise SystemExit(1)

    def _check(self, engine_runs: bool, repair: bool) -> int:
        """How many breaches are left."""
        left = 0
        for breach in Checks(engine_runs).breaches():
            if repair and breach.repair is not None:
                done = breach.repair()
                self.stdout.write(one_line(f"{breach.subject}: {breach.wrong}; {done}"))
            else:
                left += 1
                self.stdout.write(str(breach))
        return left

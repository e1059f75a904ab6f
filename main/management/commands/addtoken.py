"""M addtoken: make a token for a program; it is printed once and kept only as a digest."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import ApiToken, User
from camera import ports
from camera.models import Right
from main.token_words import described


class Command(BaseCommand):
    help = "Make a token with which a program acts as USER; it is printed alone on stdout, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="USER")
        parser.add_argument("name", metavar="NAME", help="what the token is for")
        parser.add_argument(
            "--scopes",
            metavar="RIGHT[,RIGHT]",
            help=f"what it may do of what USER may: {', '.join(Right.values)}; without this, everything USER may",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username__iexact=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"there is no person named {options['user']}")
        token, secret = ApiToken.objects.issue(user, options["name"][:60], self.scopes(options["scopes"]))
        ports.on_change("command line", f"token of {user.username} made", {}, described(token))
        self.stdout.write(secret)

    def scopes(self, given: str | None) -> list[str] | None:
        if given is None:
            return None
        names = [name.strip().lower() for name in given.split(",") if name.strip()]
        unknown = sorted(set(names) - set(Right.values))
        if unknown or not names:
            what = f"there is no right {', '.join(unknown)}" if unknown else "--scopes names no right"
            raise CommandError(f"{what}; there are {', '.join(Right.values)}")
        return names

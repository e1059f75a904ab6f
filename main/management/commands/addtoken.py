"""M addtoken: make a token for a program; it is printed once and kept only as a digest."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import ApiToken, User


class Command(BaseCommand):
    help = "Make a token with which a program acts as USER; it is printed alone on stdout, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="USER")
        parser.add_argument("name", metavar="NAME", help="what the token is for")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username__iexact=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"there is no person named {options['user']}")
        self.stdout.write(ApiToken.objects.issue(user, options["name"][:60])[1])

"""M adduser: add a person from the command line; the password comes from ADDUSER_PASSWORD, never from the arguments."""

from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Role, User
from accounts.names import check_new
from camera import ports


class Command(BaseCommand):
    help = "Add a person. The password is read from the variable ADDUSER_PASSWORD."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--role", choices=[Role.OWNER, Role.MEMBER, Role.GUEST], default=Role.MEMBER)

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.ADDUSER_PASSWORD:
            raise CommandError("set ADDUSER_PASSWORD to the password: ADDUSER_PASSWORD=… manage.py adduser bob")
        user = User(role=options["role"])
        try:
            user.username = check_new(options["name"])
            validate_password(settings.ADDUSER_PASSWORD, user)
            user.set_password(settings.ADDUSER_PASSWORD)
            user.full_clean(exclude=["password"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        user.save()
        ports.on_change("command line", f"{user.username} added", {}, {"role": user.role})
        self.stdout.write(f"{user.username} is {'an' if user.role == Role.OWNER else 'a'} {user.role} now.")

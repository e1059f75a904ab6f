"""Changes of a person's place in the house. The house always keeps an owner."""

from django.db import transaction

from accounts.logins import end_logins
from accounts.models import Role, User


class LastOwnerError(Exception):
    """The change would leave the house without an owner."""

    def __init__(self) -> None:
        super().__init__("The house needs an owner: make somebody else an owner first.")


def check_owner_left(leaving: list[int]) -> None:
    """Raises LastOwnerError when no active owner is left but those with the pks `leaving`. Call in a transaction."""
    owners = list(User.objects.owners().select_for_update().values_list("pk", flat=True))
    if owners and not set(owners) - set(leaving):
        raise LastOwnerError


def place(user: User, role: str, is_active: bool) -> None:
    """Give `user` that role and let them in, or not; who is shut out loses every log-in at once.

    Raises LastOwnerError.
    """
    with transaction.atomic():
        if role != Role.OWNER or not is_active:
            check_owner_left([user.pk])
        user.role, user.is_active = role, is_active
        user.save(update_fields=["role", "is_active"])
        if not is_active:
            end_logins(user)

"""How people come in: the first one by the set-up link, the others by an invitation."""

from django.db import IntegrityError, transaction

from accounts.models import Invite, Role, User


class LinkUsedError(Exception):
    """The link was used, withdrawn or expired, perhaps a moment ago."""


class NameTakenError(Exception):
    """Somebody took the name a moment ago."""


def is_set_up() -> bool:
    return User.objects.owners().exists()


def setup_link_secret() -> str | None:
    """The secret of a new set-up link; earlier ones end. None when the house has an owner."""
    with transaction.atomic():
        if is_set_up():
            return None
        Invite.objects.filter(made_by=None, used_at=None).delete()
        return Invite.objects.issue(Role.OWNER, None)[1]


def setup_invite(secret: str) -> Invite | None:
    """The set-up link of that secret, as long as the house has no owner."""
    invite = Invite.objects.valid(secret)
    if invite is None or invite.made_by_id is not None or invite.role != Role.OWNER or is_set_up():
        return None
    return invite


def invitation(secret: str) -> Invite | None:
    """The open invitation of that secret; those of somebody who is no owner any more are void."""
    invite = Invite.objects.valid(secret)
    if invite is None or invite.made_by is None:
        return None
    return invite if invite.made_by.is_active and invite.made_by.is_owner else None


def come_in(invite: Invite, username: str, password: str) -> User:
    """The person `invite` was made for. Both names and passwords must have been checked.

    Raises LinkUsedError or NameTakenError where somebody else was faster; nothing is kept of it then.
    """
    try:
        with transaction.atomic():
            user = User.objects.create_user(username, password=password, role=invite.role)
            if not invite.use(user):
                raise LinkUsedError
    except IntegrityError:
        raise NameTakenError from None
    return user

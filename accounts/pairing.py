"""How a screen becomes one of the house, and how it stops being one."""

import ipaddress
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from accounts.digests import digest
from accounts.logins import end_logins
from accounts.models import Device, Pairing, Role, User
from accounts.paired import ALPHABET, CODE_LENGTH

# Screens that wait to be paired at a time: a stranger in the network can begin as many as he likes.
MOST_FROM_ONE_PLACE = 5
MOST_OPEN = 100
# What was never used is kept no longer than this after its end.
FORGOTTEN_AFTER = timedelta(days=1)
LONGEST_NAME = 40


class PairingError(Exception):
    """It cannot be paired; the message is for people."""


def begin(agent: str, address: str) -> tuple[Pairing, str]:
    """A new wish to be paired and the secret for the screen's cookie. Raises PairingError when too many wait."""
    Pairing.objects.filter(device=None, expires_at__lt=timezone.now() - FORGOTTEN_AFTER).delete()
    places = [_place(one) for one in Pairing.objects.open().values_list("address", flat=True)[:MOST_OPEN]]
    if len(places) >= MOST_OPEN or places.count(_place(address)) >= MOST_FROM_ONE_PLACE:
        raise PairingError("Too many screens ask to be paired just now. This one asks again by itself.")
    for _ in range(3):
        try:
            with transaction.atomic():
                return Pairing.objects.begin(agent, address)
        except IntegrityError:
            continue  # the code of another one
    raise PairingError("No code could be made. This screen asks again by itself.")


def waiting(secret: str) -> Pairing | None:
    """The open wish of the screen that keeps this secret."""
    return Pairing.objects.open().filter(digest=digest(secret)).first() if secret else None


def normal_code(typed: str) -> str:
    """A code as it is kept: however it was typed, «abc-def» and «ABC DEF» are one. Empty for what can be none."""
    letters = "".join(letter for letter in typed.upper() if letter not in " -.\u00a0")
    return letters if len(letters) == CODE_LENGTH and set(letters) <= set(ALPHABET) else ""


def pair(code: str, name: str, made_by: User, language: str = "en", silent: bool = False) -> Device:
    """The screen that shows `code` becomes one of the house, with a user of its own that has no password and no grants.

    Raises PairingError when no screen shows it now: it was mistyped, is over, or somebody was faster.
    """
    with transaction.atomic():
        found = Pairing.objects.open().select_for_update().filter(code=normal_code(code) or "-").first()
        if found is None:
            raise PairingError("No screen shows that code now. Codes change every ten minutes: type the newest.")
        device = Device.objects.create(
            name=name,
            user=User.objects.create_user(_free_name(name), password=None, role=Role.KIOSK),
            digest=found.digest,
            language=language,
            silent=silent,
            made_by=made_by,
        )
        # The condition is what makes a code good for one: of two who type it at once one gets nothing.
        if Pairing.objects.open().filter(pk=found.pk).update(device=device) != 1:
            raise PairingError("That code was used just now.")
    return device


def revoke(device: Device) -> bool:
    """The screen is none of the house's any more, and its log-ins end at once. False when it was so already."""
    with transaction.atomic():
        if not Device.objects.paired().filter(pk=device.pk).update(revoked_at=timezone.now()):
            return False
        User.objects.filter(pk=device.user_id).update(is_active=False)
        end_logins(device.user)
    return True


def _free_name(name: str) -> str:
    """A name for the screen's user that nobody has, made of what it is called."""
    stem = f"screen-{slugify(name)[:LONGEST_NAME].strip('-')}".rstrip("-")
    taken = set(User.objects.filter(username__istartswith=stem).values_list("username", flat=True))
    held = {one.casefold() for one in taken}
    number, found = 1, stem
    while found.casefold() in held:
        number += 1
        found = f"{stem}-{number}"
    return found


def _place(address: str | None) -> str:
    """Where an address is: of IPv6 a whole network, of which one machine has as many addresses as it likes."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    return str(ipaddress.ip_network(f"{parsed}/64", strict=False)) if parsed.version == 6 else str(parsed)

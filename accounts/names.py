"""People's names: one person, one name, however it is typed. The log is worth nothing if two names look alike."""

import unicodedata

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError

from accounts.models import User

LONGEST = 60  # letters; longer names are cut off everywhere they are shown
SHORTEST = 2


def normal(name: str) -> str:
    """`name` as it is stored: NFKC, without blanks around it."""
    return unicodedata.normalize("NFKC", name).strip()


def fold(name: str) -> str:
    """What two names that look alike have in common: no case, no accents, no blanks around (bób, BOB and «bob »)."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return unicodedata.normalize("NFKC", plain).strip()


def find(name: str) -> User | None:
    """The person called `name`, in whatever case; accents must be right."""
    name = normal(name)
    exact = User.objects.filter(username=name).first()
    if exact is not None:
        return exact
    # Databases differ in what they take for the same letter in another case, so they are not asked.
    wanted = name.casefold()
    pks = [pk for pk, username in User.objects.values_list("pk", "username") if username.casefold() == wanted]
    return User.objects.get(pk=pks[0]) if len(pks) == 1 else None


def check_new(name: str, but: User | None = None) -> str:
    """`name` as it will be stored. Raises ValidationError where nobody (except `but`) may be called so."""
    name = normal(name)
    if not SHORTEST <= len(name) <= LONGEST:
        raise ValidationError(f"A name has {SHORTEST} to {LONGEST} letters.")
    UnicodeUsernameValidator(message="A name is made of letters, digits and @ . + - _ only, without blanks.")(name)
    others = User.objects.exclude(pk=but.pk) if but is not None else User.objects.all()
    if any(fold(name) == fold(other) for other in others.values_list("username", flat=True)):
        raise ValidationError("Somebody here has that name, or one that looks like it. Please choose another.")
    return name

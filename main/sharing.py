"""Who may do what, told in words and changed person by person."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db.models import QuerySet

from accounts.models import Role, User
from camera.access import Actor, allowed_filter
from camera.models import Camera, Grant, Right

DOES: dict[str, str] = {
    Right.WATCH: "watches",
    Right.PLAYBACK: "looks back",
    Right.MOVE: "moves it",
    Right.RECORD: "records",
    Right.EXPORT: "exports",
    Right.LOG: "reads the log",
    Right.MANAGE: "manages it",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """What one person does with one camera, in words; `because` says where that comes from when not from own grants."""

    camera: Camera
    words: str
    because: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    person: User
    cells: list[Cell]

    @property
    def is_owner(self) -> bool:
        return self.person.role == Role.OWNER


def in_words(rights: Iterable[str]) -> str:
    """«watches, looks back»; «everything» for all rights, nothing for none."""
    held = set(rights)
    return "everything" if held >= set(DOES) else ", ".join(word for right, word in DOES.items() if right in held)


def seen_by(actor: Actor) -> "QuerySet[Camera]":
    """The cameras on which `actor` has any right at all; of others not even the name is told."""
    return Camera.objects.filter(reduce(or_, (allowed_filter(actor, right) for right in Right.values))).distinct()


def matrix(people: Iterable[User], cameras: Iterable[Camera]) -> list[Row]:
    """One row per person with a cell per camera, in the order given."""
    shown = list(cameras)
    held: dict[tuple[int, int | None], set[str]] = {}
    for camera, user, right in Grant.objects.filter(camera__in=shown).values_list("camera", "user", "right"):
        held.setdefault((camera, user), set()).add(right)
    return [Row(person, [_cell(person, camera, held) for camera in shown]) for person in people]


def _cell(person: User, camera: Camera, held: dict[tuple[int, int | None], set[str]]) -> Cell:
    if person.role == Role.OWNER:
        return Cell(camera, "everything", "as an owner")
    own = held.get((camera.pk, person.pk), set())
    if person.role != Role.MEMBER:
        return Cell(camera, in_words(own))
    if camera.keeper_id == person.pk:
        return Cell(camera, "everything", "keeps it")
    everybody = held.get((camera.pk, None), set())
    return Cell(camera, in_words(own | everybody), "like every member" if everybody and not own - everybody else "")


def give(person: User, wanted: dict[Camera, set[str]]) -> tuple[dict[str, str], dict[str, str]]:
    """Make `person`'s own grants what `wanted` says; cameras it does not name are left alone. Call in a transaction.

    Returns what was held before and is now, in words by the cameras' slugs.
    """
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    for camera, rights in wanted.items():
        old = set(Grant.objects.filter(camera=camera, user=person).values_list("right", flat=True))
        Grant.objects.filter(camera=camera, user=person, right__in=old - rights).delete()
        Grant.objects.bulk_create(Grant(camera=camera, user=person, right=right) for right in sorted(rights - old))
        before[camera.slug], after[camera.slug] = in_words(old) or "nothing", in_words(rights) or "nothing"
    return before, after

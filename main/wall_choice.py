"""How the wall is laid out for somebody: which cameras in which order, how many on a page, in how many columns."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, isqrt

from camera.access import Actor
from camera.models import Camera, Right
from main.models import WallChoice

Layout = WallChoice.Layout
MOST_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class Page:
    """One page of tiles: those from `first` on and before `behind`, counted from 0.

    `columns` wide rows; in the last rows `gaps` tiles fewer in all, which are wider instead, so that no hole is left.
    static/js/wall-pages.js reckons the same.
    """

    number: int
    pages: int
    first: int
    behind: int
    columns: int
    gaps: int

    @property
    def classes(self) -> str:
        odd = " tiles-odd" if (self.behind - self.first) % 2 else ""
        return f"tiles-c{self.columns} tiles-g{self.gaps}{odd}"

    @property
    def before(self) -> int:
        """The page before this one; before the first comes the last."""
        return self.number - 1 or self.pages

    @property
    def after(self) -> int:
        return self.number % self.pages + 1


def page_of(tiles: int, layout: str, number: int = 1) -> Page:
    """The page called `number`, counted from 1, of that many tiles (at least one); the nearest there is."""
    held = tiles if layout == Layout.AUTO else int(layout)
    pages = ceil(tiles / held)
    number = min(max(number, 1), pages)
    first = (number - 1) * held
    behind = min(first + held, tiles)
    shown = behind - first
    columns = min(isqrt(shown - 1) + 1, MOST_COLUMNS)
    return Page(number, pages, first, behind, columns, -shown % columns)


def cameras_of(actor: Actor) -> tuple[str, list[Camera]]:
    """The layout this person keeps, and the cameras they may watch in their order."""
    row = None if actor.user_id is None else WallChoice.objects.filter(user_id=actor.user_id).first()
    cameras = list(Camera.objects.allowed(actor, Right.WATCH))
    if row is None:
        return Layout.AUTO, cameras
    # What is wrong in the row, changed by hand, is as if it were not there.
    layout = row.layout if row.layout in Layout.values else Layout.AUTO
    ids = row.order if isinstance(row.order, list) else []
    places = {pk: place for place, pk in enumerate(ids) if isinstance(pk, int)}
    return layout, sorted(cameras, key=lambda camera: places.get(camera.pk, len(ids)))


def keep(actor: Actor, layout: str | None, slugs: Iterable[str] | None) -> None:
    """Keep what is given. Of `slugs` only cameras count that this person may watch; those left out follow behind."""
    values: dict[str, object] = {}
    if layout is not None:
        values["layout"] = Layout(layout)
    if slugs is not None:
        kept = [(camera.slug, camera.pk) for camera in cameras_of(actor)[1]]
        known = dict(kept)
        named = [known[slug] for slug in slugs if slug in known]
        values["order"] = list(dict.fromkeys([*named, *known.values()]))
    assert actor.user_id is not None  # only a person has a wall
    WallChoice.objects.update_or_create(user_id=actor.user_id, defaults=values)

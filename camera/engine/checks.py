"""Verifies what is promised of files and rows (`manage.py checkmedia`), and mends what can be mended.

I1: a closed recording has its file with that size and hash. I2: every file among recordings, event pictures, stills and
time-lapses has one owner row or is younger than five minutes. Foreign files are told of and never touched.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from camera import paths
from camera.engine import files, picture_checks, storages
from camera.engine.breaches import ADVICE, Breach, Owner, foreign, lies_there, one_line, remove
from camera.models import Recording, Storage

__all__ = ["Breach", "Checks", "adopt", "one_line"]

# Seconds. A file may lie there before its row does.
YOUNG = 300.0
_PAGE = 200
_State = Recording.State
_WHOLE = (_State.CLOSED, _State.INTERRUPTED)
_BY_THE_ENGINE = "the engine puts that right at its next start, or when a camera process ends"


class Checks:
    """`engine_runs`: what a crash left behind is then the engine's to adopt. `adopt` makes a file whole and its row."""

    def __init__(self, engine_runs: bool, wall: Callable[[], float] = time.time) -> None:
        self._engine_runs, self._wall = engine_runs, wall
        self._roots: dict[str, Storage | None] = {storages.home(): None}

    def breaches(self) -> Iterator[Breach]:
        for storage in Storage.objects.all():
            self._roots[storage.path] = storage
        absent = [root for root, row in self._roots.items() if storages.is_missing(root, row.pk if row else None)]
        for root in absent:
            advice = "mount its disk, or make that file yourself if the folder is empty on purpose"
            yield Breach(root, f"the storage is not there (no {storages.MARKER} in it)", advice)
        present = {root: row for root, row in self._roots.items() if root not in absent}
        for root, row in present.items():
            if row is not None:
                yield from self._rows(row)
            yield from self._files(root, "recordings", self._recording_owner(row))
        if storages.home() in present:
            yield from picture_checks.lost()
            for top, owner in picture_checks.owners(self._engine_runs).items():
                yield from self._files(storages.home(), top, owner)

    def _rows(self, storage: Storage) -> Iterator[Breach]:
        """Page by page, so that no long read holds up the database."""
        last = 0
        while True:
            rows = Recording.objects.filter(storage=storage, pk__gt=last, delete_requested_at=None).order_by("pk")
            page = list(rows.select_related("storage")[:_PAGE])
            for row in page:
                breach = self._row(row)
                # What went or changed while it was read is no breach.
                if breach is not None and Recording.objects.filter(pk=row.pk, state=row.state, file=row.file).exists():
                    yield breach
            if not page:
                return
            last = page[-1].pk

    def _row(self, row: Recording) -> Breach | None:
        subject = f"recording {row.pk} ({row.file})"
        if row.state == _State.OPEN:
            return self._open_row(row, subject)
        if row.state == _State.MISSING:
            there = "is said to be missing, but its file is there"
            again = Breach(subject, there, ADVICE, lambda: _set(row, _State.CLOSED, ""))
            return again if row.sha256 and not _fault(row)[0] else None
        if row.state in _WHOLE:
            wrong, state = _fault(row)
            if wrong:
                return Breach(subject, wrong, ADVICE, lambda: _set(row, state, wrong))
            return self._copy_of(row, subject)
        return None

    def _open_row(self, row: Recording, subject: str) -> Breach | None:
        if self._engine_runs:
            return None
        try:
            lock = files.take(row.storage.path, row.file + paths.PART)
            if lock is None:
                return None
            os.close(lock)
        except FileNotFoundError:
            pass
        except (OSError, paths.UnsafePathError) as error:
            return Breach(subject, f"its file cannot be read ({_words(error)})", "look at that file yourself")
        return Breach(
            subject, "is open, but nobody writes it", ADVICE, lambda: adopt(row.storage.path, row.file, row.pk)
        )

    def _copy_of(self, row: Recording, subject: str) -> Breach | None:
        if row.playable != Recording.Playable.READY or lies_there(row.storage.path, paths.playable_of(row.file)):
            return None

        def forget() -> str:
            Recording.objects.filter(pk=row.pk).update(playable=Recording.Playable.NO, playable_percent=0)
            return "can be made playable again"

        return Breach(subject, "its playable copy is not there", ADVICE, forget)

    def _files(self, root: str, top: str, owner: Owner) -> Iterator[Breach]:
        """Folder by folder; links are not followed and count as files."""
        for folder, inner, names in os.walk(Path(root, top), followlinks=False):
            links = [name for name in inner if Path(folder, name).is_symlink()]
            place = Path(folder).relative_to(root).as_posix()
            found = [f"{place}/{name}" for name in sorted([*names, *links])]
            for start in range(0, len(found), _PAGE):
                chunk = [name for name in found[start : start + _PAGE] if self._is_old(root, name)]
                for name, breach in owner(root, chunk):
                    if Path(root, name).is_symlink() or os.path.lexists(Path(root, name)):
                        yield breach

    def _is_old(self, root: str, name: str) -> bool:
        try:
            return self._wall() - os.lstat(Path(root, name)).st_mtime > YOUNG
        except OSError:
            return False

    def _recording_owner(self, storage: Storage | None) -> Owner:
        def look(root: str, names: list[str]) -> Iterator[tuple[str, Breach]]:
            stems = {name: _stem(name) for name in names}
            wanted = [stem for stem in stems.values() if stem]
            known = dict(
                Recording.objects.filter(storage=storage, file__in=wanted).values_list("file", "state")
                if storage is not None
                else ()
            )
            for name, stem in stems.items():
                breach = self._ownerless(root, name, stem, known.get(stem, ""))
                if breach is not None:
                    yield name, breach

        return look

    def _ownerless(self, root: str, name: str, stem: str, state: str) -> Breach | None:
        """`stem`: the recording that a file of this name belongs to; `state`: its row's, "" without a row."""
        path = f"{root}/{name}"
        if not stem or not lies_there(root, name):
            return foreign(path)
        unfinished = name == stem + paths.PART
        if state and not (unfinished and state != _State.OPEN):
            return None
        if name in (stem, stem + paths.PART) and not state:
            if unfinished and _is_written(root, name):
                return None
            if self._engine_runs:
                return Breach(path, "has no row", _BY_THE_ENGINE)
            return Breach(path, "has no row", ADVICE, lambda: adopt(root, stem, None))
        wrong = "is left over beside a finished recording" if state else "belongs to a recording that is gone"
        return Breach(path, wrong, ADVICE, lambda: remove(root, name, stem, bool(state)))


def adopt(root: str, file: str, pk: int | None) -> str:
    """Make a file that a crash left whole, and its row with it. Only while no engine runs."""
    from camera.engine.adoption import Adoption
    from camera.engine.mending import Left

    def at_once(work: Callable[[], object]) -> None:
        work()

    Adoption(frozenset, at_once, lambda *_: None).adopt(Left(root, file, pk))
    row = Recording.objects.filter(file=file, storage__path=root).first()
    return f"adopted, {row.get_state_display()}" if row is not None else "removed, nothing was in it"


def _fault(row: Recording) -> tuple[str, Recording.State]:
    """What is wrong with the file of a recording that should be whole ("" for nothing), and what it is then."""
    try:
        if not paths.RECORDING.fullmatch(row.file):
            raise paths.UnsafePathError("the row's file name is not one that Fairwatch gives")
        size, digest = files.fingerprint(row.storage.path, row.file)
    except FileNotFoundError:
        return "the file is missing", _State.MISSING
    except (OSError, paths.UnsafePathError) as error:
        return f"the file cannot be read ({_words(error)})", _State.DAMAGED
    if size != row.bytes:
        return f"the file has {size} bytes instead of {row.bytes}", _State.DAMAGED
    if digest != row.sha256:
        return "the file is not the one that was recorded (its SHA-256 differs)", _State.DAMAGED
    return "", _State.CLOSED


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__


def _set(row: Recording, state: Recording.State, detail: str) -> str:
    Recording.objects.filter(pk=row.pk, state=row.state).update(state=state, detail=detail[:200])
    return f"marked as {state}"


def _is_written(root: str, name: str) -> bool:
    try:
        lock = files.take(root, name)
    except (OSError, paths.UnsafePathError):
        return False
    if lock is not None:
        os.close(lock)
    return lock is None


def _stem(name: str) -> str:
    """The recording that a file of this name belongs to, "" when the name is foreign."""
    whole = name.removesuffix(paths.PART)
    for end in (".h264.mp4", ".jpg"):
        if whole.endswith(end):
            whole = whole.removesuffix(end) + ".mp4"
            break
    return whole if paths.RECORDING.fullmatch(whole) else ""

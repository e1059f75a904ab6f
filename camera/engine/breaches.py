"""A promise of files and rows that does not hold, and what the checks of them share."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from camera import paths
from camera.engine import files

ADVICE = "run checkmedia --repair"


@dataclass(frozen=True, slots=True)
class Breach:
    """One promise that does not hold. `repair` mends it and says how; None where only people can."""

    subject: str
    wrong: str
    advice: str
    repair: Callable[[], str] | None = None

    def __str__(self) -> str:
        return one_line(f"{self.subject}: {self.wrong}; {self.advice}")


# Given a root and names below it: those that have no owner, and what is wrong with each.
Owner = Callable[[str, list[str]], Iterator[tuple[str, Breach]]]


def one_line(text: str) -> str:
    """Without what a file's name may do to a terminal or a line."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def foreign(path: str) -> Breach:
    return Breach(path, "is a foreign file", "move it elsewhere; Fairwatch never touches it")


def lies_there(root: str, name: str) -> bool:
    """Whether an ordinary file of that name is there, reached without following a link."""
    try:
        return files.exists(root, name)
    except (OSError, paths.UnsafePathError):
        return False


def remove(root: str, name: str, stem: str = "", has_row: bool = False) -> str:
    """What Fairwatch itself has made beside a recording that is gone; never while the recording itself lies there."""
    if stem and not has_row and any(lies_there(root, stem + end) for end in ("", paths.PART)):
        return "left, its recording is to be adopted first"
    files.remove(root, [name])
    return "removed"

"""Why a camera is being recorded, in words for whoever looks at it. static/js/live-record.js says the same."""

from collections.abc import Iterable

WORDS = {"always": "always on", "motion": "motion", "watched": "somebody watches", "ring": "somebody rings"}


def reason_words(reasons: Iterable[str], name: str, session: int | None) -> str:
    """«motion, you asked»; `name` and `session` are the reader's own. Empty where no reason is known."""
    told = [_reason(one, name, session) for one in reasons]
    return ", ".join(dict.fromkeys(told))


def _reason(reason: str, name: str, session: int | None) -> str:
    kind, _, detail = reason.partition(":")
    if kind == "session":
        return "you asked" if session is not None and detail == str(session) else "a viewer asked"
    if kind == "manual":
        return "you asked" if detail == name else f"{detail} asked"
    return WORDS.get(kind, kind)

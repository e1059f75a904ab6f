"""What may be said at the door: the quick replies and the notice on the house's screens, as the settings hold them."""

from django.core.exceptions import ValidationError

from camera.names import garbles
from main.pages.kiosk_texts import CODED, LONGEST_TEXT, MOST_TEXTS, texts_of

LONGEST_REPLY = 200
MOST_REPLIES = 12


def clean_reply(text: str) -> str:
    """What somebody says to a ring, without blanks around it; may be empty. Raises ValidationError."""
    text = text.strip()
    if len(text) > LONGEST_REPLY:
        raise ValidationError(f"An answer has at most {LONGEST_REPLY} letters.")
    if garbles(text):
        raise ValidationError("An answer has no control characters or line breaks in it.")
    return text


def replies(lines: str) -> list[str]:
    """The quick replies, one of each line that is not empty."""
    return list(dict.fromkeys(line.strip() for line in lines.splitlines() if line.strip()))


def check_replies(lines: str) -> str:
    """The lines as they are to be kept. Raises ValidationError in words for their writer."""
    found = replies(lines)
    if len(found) > MOST_REPLIES:
        raise ValidationError(f"At most {MOST_REPLIES} replies; these are {len(found)}.")
    return "\n".join(clean_reply(one) for one in found)


def check_notices(lines: str) -> str:
    """The lines as they are to be kept, each language beginning with its code. Raises ValidationError in words for
    their writer."""
    kept = [line.strip() for line in lines.splitlines() if line.strip()]
    if kept and not CODED.match(kept[0]):
        raise ValidationError("Begin each language with its code, as in «en: Please ring once.»")
    texts = texts_of("\n".join(kept))
    if len(texts) < sum(bool(CODED.match(line)) for line in kept):
        raise ValidationError(f"Each code needs its text, and there is room for {MOST_TEXTS} languages.")
    length = max((len(one) for one in _whole(kept)), default=0)
    if length > LONGEST_TEXT:
        raise ValidationError(f"A notice has at most {LONGEST_TEXT} letters in each language; one has {length}.")
    if any(map(garbles, kept)):
        raise ValidationError("A notice has no control characters in it.")
    return "\n".join(kept)


def _whole(kept: list[str]) -> list[str]:
    """Each language's lines put together."""
    found: list[str] = []
    for line in kept:
        coded = CODED.match(line)
        if coded is not None:
            found.append(coded[2].strip())
        else:
            found[-1] = f"{found[-1]} {line}".strip()
    return found

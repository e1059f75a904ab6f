"""What may be said at the door: the quick replies and the notice on the house's screens, as the settings hold them."""

import re
import unicodedata
from dataclasses import dataclass

from django.core.exceptions import ValidationError

LONGEST_REPLY = 200
MOST_REPLIES = 12
LONGEST_NOTICE = 500
LANGUAGE = re.compile(r"([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)\s*:\s*(.*)")
# Control characters, half letters, and breaks of lines and paragraphs.
UNSEEN = ("Cc", "Cs", "Zl", "Zp")


@dataclass(frozen=True, slots=True)
class Notice:
    """`lang`: such as en, de or pt-BR."""

    lang: str
    text: str


def clean_reply(text: str) -> str:
    """What somebody says to a ring, without blanks around it; may be empty. Raises ValidationError."""
    text = text.strip()
    if len(text) > LONGEST_REPLY:
        raise ValidationError(f"An answer has at most {LONGEST_REPLY} letters.")
    if any(unicodedata.category(letter) in UNSEEN for letter in text):
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


def notices(lines: str) -> list[Notice]:
    """The notice in each of its languages, in their order; a line without a code goes on with the one before.

    Raises ValidationError where the first line has none; what `check_notices` has let through never does.
    """
    found: list[Notice] = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        match = LANGUAGE.fullmatch(line)
        if match:
            found.append(Notice(match[1], match[2].strip()))
        elif found:
            found[-1] = Notice(found[-1].lang, f"{found[-1].text}\n{line}".strip())
        else:
            raise ValidationError("Begin each language with its code, as in «en: Please ring once.»")
    return found


def check_notices(lines: str) -> str:
    """The lines as they are to be kept. Raises ValidationError in words for their writer."""
    for one in notices(lines):
        if not one.text:
            raise ValidationError(f"There is no text after «{one.lang}:».")
        if len(one.text) > LONGEST_NOTICE:
            raise ValidationError(f"A notice has at most {LONGEST_NOTICE} letters in each language.")
        if any(unicodedata.category(letter) in UNSEEN for letter in one.text.replace("\n", "")):
            raise ValidationError("A notice has no control characters in it.")
    return "\n".join(filter(None, map(str.strip, lines.splitlines())))

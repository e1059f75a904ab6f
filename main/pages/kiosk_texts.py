"""The notice on the screens of the house: one text after another, each with its language."""

import re

# «en: Please ring once.», «pt-BR: …»; what has no code in front belongs to the text before it.
CODED = re.compile(r"^\s*([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})?)\s*:\s*(.*)$")
MOST_TEXTS = 12
LONGEST_TEXT = 300


def texts_of(written: str) -> list[dict[str, str]]:
    """[{"lang", "text"}] in the order they were written; lang is empty for a text without a code."""
    found: list[tuple[str, list[str]]] = []
    for line in written.splitlines():
        coded = CODED.match(line)
        if coded is not None:
            found.append((_tag(coded[1]), [coded[2].strip()]))
        elif line.strip() and found:
            found[-1][1].append(line.strip())
        elif line.strip():
            found.append(("", [line.strip()]))
    told = [{"lang": lang, "text": " ".join(filter(None, lines))[:LONGEST_TEXT]} for lang, lines in found]
    return [one for one in told if one["text"]][:MOST_TEXTS]


def _tag(code: str) -> str:
    """pt-br → pt-BR: as browsers call voices."""
    language, dash, region = code.partition("-")
    return language.lower() + dash + (region.upper() if len(region) == 2 else region.title())

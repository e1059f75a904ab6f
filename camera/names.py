"""What a camera may be called, wherever the name comes in: form, admin site or command line."""

import unicodedata

from django.core.exceptions import ValidationError

# Explicit directional formatting turns the text that follows around; letters written right to left are welcome.
_TURNING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
_CONTROL = ("Cc", "Cs", "Zl", "Zp")


def garbles(text: str) -> bool:
    """Whether it has control characters, half letters, line breaks, or what turns the direction of what follows."""
    return any(
        unicodedata.category(letter) in _CONTROL or unicodedata.bidirectional(letter) in _TURNING for letter in text
    )


def check_name(name: str) -> None:
    """Names are shown as they are; refuses (ValidationError) only what would garble the page or log around them."""
    if garbles(name):
        raise ValidationError("A name has no control characters or line breaks in it.")
    if not any(unicodedata.category(letter)[0] in "LNPS" for letter in name):
        raise ValidationError("Give the camera a name that can be seen.")

"""Keeps credentials and control characters out of every log line."""

import logging
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote

# To the last @ of the word, so that / # and @ inside a password do not leak. Bounded: a log line may be hostile.
_URL_CREDENTIALS = re.compile(r"//\S{0,500}@")
_HEADER = re.compile(r"(?i)((?:authorization|x-camera-auth|cookie)[\"']?\s*[:=]\s*)[^\n]+")
_PARAMETER = re.compile(r"(?i)((?:password|passwd|passw|pwd|secret|token|api_?key|user|username|usr)=)[^&\s]+")
_FIELD = re.compile(
    r"(?i)([\"'](?:password|passwd|pwd|secret|token|api_?key)[\"']\s*:\s*)(\"[^\"\n]*\"|'[^'\n]*'|[^\s,}]+)"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u2028\u2029]")
_SHORTEST_SECRET = 4
# Bounded by what no address has in it unencoded.
_WORD = re.compile(r"[^\s\"<>]+")
_NAME = re.compile(r"[A-Za-z0-9_.%\[\]$~-]{1,40}")
_SHORT = re.compile(r"[A-Za-z0-9_.x-]{1,12}")
# Which picture of a camera is meant, and how large. Everything else may be a password under a maker's own name.
_HARMLESS = re.compile(
    r"action|audio|cam(era)?|ch(n|annel|annelid)?|codec|compression|fps|framerate|height|idx|index|n|profile|quality|rate"
    r"|res|resolution|rtsp|size|stream(type)?|subtype|type|unicast|video(codec)?|width"
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without passwords in URLs, headers, query strings or JSON, and with control characters escaped.

    Of a query only the names stay, and the values of a few that say which picture is meant.
    Each of `secrets` goes wherever it stands, as it is and percent-encoded.
    """
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            for form in (secret, quote(secret, safe=""), quote(secret)):
                text = text.replace(form, "***")
    text = _URL_CREDENTIALS.sub("//***@", text)
    text = _HEADER.sub(r"\1***", text)
    text = _PARAMETER.sub(r"\1***", text)
    text = _FIELD.sub(r"\1***", text)
    text = _WORD.sub(_without_query, text)
    return _CONTROL.sub(lambda m: f"\\x{ord(m.group()):02x}", text)


def _without_query(word: re.Match[str]) -> str:
    before, mark, query = word.group().partition("?")
    if not query or "/" not in before:
        return word.group()
    return before + mark + "&".join(map(_masked, query.split("&")))


def _masked(pair: str) -> str:
    name, _, value = pair.partition("=")
    # What is no pair is a bare value, and so is one that merely ends in the = of Base64.
    if not value.strip("=") or not _NAME.fullmatch(name):
        return "***" if pair else ""
    if _HARMLESS.fullmatch(unquote(name).lower()) and _SHORT.fullmatch(value):
        return pair
    return f"{name}=***"


class RedactingFormatter(logging.Formatter):
    """Redacts the finished line, so tracebacks are covered too; newlines of a message are escaped."""

    def __init__(self, *arguments: Any, secrets: Iterable[str] = (), **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._secrets = list(secrets)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the name is logging's)
        record.message = record.message.replace("\n", "\\n")
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record), self._secrets)

"""Keeps credentials and control characters out of every log line."""

import logging
import re

_URL_CREDENTIALS = re.compile(r"//[^/\s]*@")
_HEADER = re.compile(r"(?i)((?:authorization|x-camera-auth)[\"']?\s*[:=]\s*)[^\s,;]+(\s+[^\s,;]+)?")
_PARAMETER = re.compile(r"(?i)((?:password|passwd|pwd|secret|token|user|username)=)[^&\s]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u2028\u2029]")


def redact(text: str) -> str:
    """`text` without passwords in URLs, headers or query strings, and with control characters escaped.

    Everything from `//` to the last `@` before the next slash goes, so `#` and `@` inside a password do not leak.
    """
    text = _URL_CREDENTIALS.sub("//***@", text)
    text = _HEADER.sub(r"\1***", text)
    text = _PARAMETER.sub(r"\1***", text)
    return _CONTROL.sub(lambda m: f"\\x{ord(m.group()):02x}", text)


class RedactingFormatter(logging.Formatter):
    """Redacts the finished line, so tracebacks are covered too; newlines of a message are escaped."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the name is logging's)
        record.message = record.message.replace("\n", "\\n")
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))

"""Whether a file is still what it was."""

import hashlib
from pathlib import Path

# hashlib lets other threads run while it works on a piece of this size.
_PIECE = 1024 * 1024


def sha256_of(path: Path | str) -> str:
    """The SHA-256 of a file, in hexadecimal. Raises OSError."""
    digest = hashlib.sha256()
    with Path(path).open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()

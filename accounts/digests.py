"""How secrets are kept: only their digest."""

import hashlib


def digest(secret: str) -> str:
    """SHA-256 of a random secret, hex; fit for 256-bit random tokens, not for passwords people choose."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()

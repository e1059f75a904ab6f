"""Keys of cameras that send their pictures themselves, and of doorbells: random, shown once, kept as SHA-256, sent as
X-Camera-Auth.

The camera `spill` answers to CAMERA_PASSWORD as well, which programs written for the oil-spill server know it by.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from camera.access import ANONYMOUS, Actor
from camera.models import Camera

SPILL = "spill"
# What every key begins with that is made here, and that nobody can guess.
PREFIX = "fwc_"
# Longer ones are not even hashed.
LONGEST = 200


def digest(secret: str) -> str:
    """SHA-256, hex: enough for 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def guessable(secret: str) -> bool:
    """Whether it may be a password that somebody chose: tries of these are counted."""
    return not secret.startswith(PREFIX)


def issue(camera: Camera) -> str:
    """A new key for `camera`, to be shown once; the one before stops working."""
    secret = PREFIX + secrets.token_urlsafe(32)
    camera.key_digest, camera.key_made_at = digest(secret), timezone.now()
    camera.save(update_fields=["key_digest", "key_made_at"])
    return secret


def revoke(camera: Camera) -> None:
    """From now on nobody may send with a key."""
    camera.key_digest, camera.key_made_at = "", None
    camera.save(update_fields=["key_digest", "key_made_at"])


@dataclass(frozen=True, slots=True)
class Lock:
    """A camera that has a key, and what its keys hash to. `pushes`: pictures can be sent to it; at the others one can
    only ring."""

    pk: int
    slug: str
    digests: tuple[str, ...]
    enabled: bool
    pushes: bool = True

    def opens(self, hexdigest: str) -> bool:
        """In a time that says nothing about the key."""
        return any([hmac.compare_digest(one, hexdigest) for one in self.digests])


def locks() -> dict[str, Lock]:
    """Every such camera by its slug: one query, for those who keep it for a second or two."""
    found = {}
    cameras = Camera.objects.filter(Q(kind="push") | Q(doorbell=True) & ~Q(key_digest=""))
    for pk, slug, kind, key, enabled in cameras.values_list("pk", "slug", "kind", "key_digest", "enabled"):
        digests = [key] if key else []
        if slug == SPILL and kind == "push" and settings.CAMERA_PASSWORD:
            digests.append(digest(settings.CAMERA_PASSWORD))
        found[slug] = Lock(pk, slug, tuple(digests), enabled, kind == "push")
    return found


def actor_of(secret: str) -> Actor:
    """The camera's own program, by its key; anonymous when no camera has it."""
    return actor_of_digest(digest(secret)) if 0 < len(secret) <= LONGEST else ANONYMOUS


def actor_of_digest(hexdigest: str) -> Actor:
    """The same, asked again later by the key's digest. Who may only ring is nobody who may look."""
    lock = next((lock for lock in locks().values() if lock.pushes and lock.opens(hexdigest)), None)
    if lock is None:
        return ANONYMOUS
    return Actor("key", name=f"the program of {lock.slug}", key=f"key-{lock.pk}-{hexdigest[:8]}", camera=lock.pk)

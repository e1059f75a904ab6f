"""What people say to a ring, and what each of them has seen already. Web's to write."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from camera.models import Event


class RingAnswer(models.Model):
    """Somebody answers a ring: the first of an event is who answered. Kept under the name when the person goes."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="answers")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="ring_answers"
    )
    user_name = models.CharField(max_length=150)
    # Shown and spoken at the door; empty: they only said that they see to it.
    text = models.CharField(max_length=200, blank=True, default="")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.user_name}: {self.text}"


class Attention(models.Model):
    """Up to which event somebody has seen what happened. By ids, not by time: a ring may be told of late."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="attention")
    rings_seen = models.BigIntegerField(default=0)
    events_seen = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.user_id} has seen up to {self.events_seen}"

"""What is left of messages that are long told is removed."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from main.notify import pictures
from main.notify_models import Announcement, Delivery

# As long as the page of notifications may be asked what became of one.
KEPT = timedelta(days=30)
OPEN = (Delivery.State.WAITING, Delivery.State.SENDING)


def tidy() -> None:
    """Remove deliveries and announcements that are older than KEPT; what still waits stays."""
    before = timezone.now() - KEPT
    Delivery.objects.filter(made_at__lt=before).exclude(state__in=OPEN).delete()
    # An event that is still told of by its camera must not be announced anew: it is at most days old.
    Announcement.objects.filter(made_at__lt=before, expanded_at__isnull=False).delete()
    pictures.tidy(settings.RUN_DIR)

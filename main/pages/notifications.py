"""Notifications: by which ways one is told of what, when it is quiet, and what became of the last messages."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.logins import is_open
from accounts.models import User
from camera import ports
from main.notify import channels, words
from main.notify_models import Channel, Delivery, NotifyChoice
from main.pages.errors import post_only
from main.pages.notifications_forms import FORMS, OF_OWNERS, QuietForm
from main.pages.notifications_push import person_of

# A message that is due for longer has no notifier.
LATE = timedelta(seconds=60)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    user = person_of(request)
    if request.GET.get("part") == "messages":
        return render(request, "notifications_messages.html", _messages(user))
    return _page(request, user)


def _page(request: HttpRequest, user: User, status: int = 200, **changed: Any) -> HttpResponse:
    choice = NotifyChoice.objects.filter(user=user).first() or NotifyChoice(user=user)
    context = {
        "ways": words.channels_of(user),
        "rules": words.rules_of(user, choice.own_rules),
        "own_rules": choice.own_rules,
        "quiet": words.hours(choice.quiet_days, choice.quiet_from, choice.quiet_to),
        "quiet_form": QuietForm.of(choice),
        "forms": {kind: form(prefix=kind) for kind, form in FORMS.items() if _may(user, kind)},
        "mail_works": bool(settings.EMAIL_HOST),
        "secret": "",
        **_messages(user),
    }
    context["forms"] |= changed.pop("with_forms", {})
    return render(request, "notifications.html", context | changed, status=status)


def _messages(user: User) -> dict[str, Any]:
    mine = Delivery.objects.filter(channel__user=user, state__in=["waiting", "sending"])
    return {
        "told": words.deliveries_of(user),
        "is_waiting": mine.exists(),
        "is_stuck": mine.filter(state="waiting", tries=0, due_at__lt=timezone.now() - LATE).exists(),
    }


def _may(user: User, kind: str) -> bool:
    """Addresses of any kind are entered by owners alone: the house itself goes there."""
    return user.is_owner or kind not in OF_OWNERS


@post_only("notifications", "#ways")
def add(request: HttpRequest) -> HttpResponse:
    """Add a way: `kind`, and the fields of that kind's form."""
    user, kind = person_of(request), request.POST.get("kind", "")
    if kind not in FORMS:
        messages.error(request, "There is no such way to be reached.")
        return redirect("notifications")
    if not _may(user, kind):
        raise PermissionDenied("Such addresses are entered by owners of the house.")
    form = FORMS[kind](request.POST, prefix=kind)
    if not form.is_valid():
        return _page(request, user, with_forms={kind: form}, status=400)
    try:
        made, secret = _add(user, kind, form.name, form.cleaned_data["target"])
    except channels.TooManyError as error:
        form.add_error(None, str(error))
        return _page(request, user, with_forms={kind: form}, status=400)
    ports.on_change(user.username, f"{kind} «{made.name}» added to the messages of {user.username}", {}, {"kind": kind})
    if secret:
        return _page(request, user, secret=secret)
    if kind == Channel.Kind.EMAIL and not settings.EMAIL_HOST:
        messages.warning(request, f"The code for «{made.name}» waits: the house has no mail server yet.")
    else:
        messages.success(request, "A code is on its way." if kind == Channel.Kind.EMAIL else f"«{made.name}» is added.")
    return redirect("notifications")


def _add(user: User, kind: str, name: str, target: str) -> tuple[Channel, str]:
    """The channel, and the secret that is shown once."""
    if kind == Channel.Kind.EMAIL:
        return channels.add_mail(user, target), ""
    secret = channels.new_secret() if kind == Channel.Kind.WEBHOOK else ""
    return channels.add(user, kind, name, target, secret=secret), secret


@post_only("notifications", "#ways")
def channel(request: HttpRequest, pk: int) -> HttpResponse:
    """Do to one's own channel what `act` says: test, on, off, remove, secret (of a webhook), confirm (`code`)."""
    user = person_of(request)
    found = get_object_or_404(Channel, pk=pk, user=user)
    act = request.POST.get("act", "")
    if act == "secret" and found.kind == Channel.Kind.WEBHOOK:
        return _page(request, user, secret=channels.renew_secret(found))
    done = _act(found, act, request.POST.get("code", ""))
    (messages.success if done[0] else messages.error)(request, done[1])
    return redirect("notifications")


def _act(found: Channel, act: str, code: str) -> tuple[bool, str]:
    if act == "remove":
        found.delete()
        ports.on_change(
            found.user.username, f"{found.kind} «{found.name}» removed from messages", {"kind": found.kind}, {}
        )
        return True, f"«{found.name}» is removed."
    if act == "confirm":
        is_right = channels.confirm(found, code)
        return is_right, f"«{found.name}» is confirmed." if is_right else "That is not the code that was sent there."
    if act == "test":
        sent = channels.try_out(found)
        return sent, "A trial message is on its way." if sent else "There is one on its way; wait a minute."
    if act == "on" and found.kind == Channel.Kind.WEBPUSH and not is_open(found.user, found.login):
        return False, "Switch it on on that device itself: the log-in there has ended."
    if act in ("on", "off") and not (act == "on" and channels.is_unconfirmed(found)):
        Channel.objects.filter(pk=found.pk).update(enabled=act == "on", error="")
        return True, f"«{found.name}» is switched {act}."
    return False, "That cannot be done."


@post_only("notifications", "#quiet")
def quiet(request: HttpRequest) -> HttpResponse:
    user, form = person_of(request), QuietForm(request.POST)
    if not form.is_valid():
        return _page(request, user, quiet_form=form, status=400)
    choice = NotifyChoice.objects.get_or_create(user=user)[0]
    form.fill(choice)
    choice.save(update_fields=["quiet_from", "quiet_to", "quiet_days", "rings_anyway"])
    messages.success(request, "The quiet hours are saved.")
    return redirect("notifications")

"""Coming in: the first owner by the set-up link, others by an invitation."""

from django import forms
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.forms import ComeInForm
from accounts.models import Invite, User
from accounts.setup import LinkUsedError, NameTakenError, come_in, invitation, is_set_up, setup_invite
from camera import ports
from main.models import SiteSettings
from main.settings_form import check_site_name


class SetupForm(ComeInForm):
    site_name = forms.CharField(
        label="Name of the house",
        max_length=60,
        initial="Fairwatch",
        validators=[check_site_name],
        help_text="Stands at the top of every page. It can be changed later.",
    )

    field_order = ["site_name", "username", "password1", "password2"]


@login_not_required
@sensitive_post_parameters("password1", "password2")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def setup(request: HttpRequest, secret: str) -> HttpResponse:
    """The set-up link: makes the first owner, once."""
    invite = setup_invite(secret)
    if invite is None:
        return render(request, "setup_over.html", {"is_set_up": is_set_up()}, status=404)
    form = SetupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = _enter(form, invite)
        if user is not None:
            login(request, user)
            return redirect("wall")
        if setup_invite(secret) is None:
            return render(request, "setup_over.html", {"is_set_up": is_set_up()}, status=404)
    return render(request, "setup.html", {"form": form})


@login_not_required
@sensitive_post_parameters("password1", "password2")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invited(request: HttpRequest, secret: str) -> HttpResponse:
    """An invitation's link: makes one person with the role that the owner chose."""
    if request.user.is_authenticated:
        messages.info(request, "You are in the house already; that invitation is for somebody else.")
        return redirect("wall")
    invite = invitation(secret)
    if invite is None:
        return render(request, "invited_over.html", status=404)
    form = ComeInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = _enter(form, invite)
        if user is not None:
            login(request, user)
            return redirect("wall")
        if invitation(secret) is None:
            return render(request, "invited_over.html", status=404)
    return render(request, "invited.html", {"form": form, "invite": invite})


def _enter(form: ComeInForm, invite: Invite) -> User | None:
    """The new person, or None where somebody else was faster; the form then says so."""
    data = form.cleaned_data
    try:
        with transaction.atomic():
            user = come_in(invite, data["username"], data["password1"])
            if "site_name" in data:
                SiteSettings.objects.update_or_create(pk=1, defaults={"site_name": data["site_name"]})
            by = invite.made_by.username if invite.made_by else "the set-up link"
            ports.on_change(user.username, f"{user.username} came in, invited by {by}", {}, {"role": user.role})
    except NameTakenError:
        form.add_error("username", "Somebody took that name a moment ago. Please choose another.")
        return None
    except LinkUsedError:
        return None
    return user

"""allauth's pages with the house's forms."""

from typing import Any

from allauth.account import views
from django.contrib.auth.decorators import login_not_required
from django.utils.decorators import method_decorator

from accounts import ports
from accounts.forms import ChangePasswordForm, LoginForm, ReauthenticateForm
from accounts.models import User
from accounts.setup import is_set_up


@method_decorator(login_not_required, name="dispatch")
class Login(views.LoginView):  # type: ignore[misc]
    form_class = LoginForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Before set-up nobody can log in, and the page says how the house is set up."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        set_up = is_set_up()
        told = {
            "is_set_up": set_up,
            "has_people": User.objects.exists(),
            "signups_open": set_up and ports.signups_open(),
        }
        return context | told


class ChangePassword(views.PasswordChangeView):  # type: ignore[misc]
    form_class = ChangePasswordForm


class Reauthenticate(views.ReauthenticateView):  # type: ignore[misc]
    form_class = ReauthenticateForm

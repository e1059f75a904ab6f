"""Forms for coming in. Rules of names and passwords are the same whichever door one takes."""

from typing import Any

from allauth.account.forms import ChangePasswordForm as AllauthChangePasswordForm
from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.account.forms import ReauthenticateForm as AllauthReauthenticateForm
from allauth.account.forms import SignupForm as AllauthSignupForm
from django import forms
from django.contrib.auth.password_validation import validate_password

from accounts import names
from accounts.models import User

PASSWORD_HELP = "At least 8 characters; not a common password, not only digits, and not like the name."  # noqa: S105
NAME_HELP = "Letters, digits and @ . + - _ only. This is the name others see."
TYPED = {"autocapitalize": "none", "autocorrect": "off", "spellcheck": "false"}


class _Plain:
    """Labels stand above the fields, so nothing stands inside them."""

    labels: dict[str, str] = {}
    helps: dict[str, str] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, forms.Field] = self.fields  # type: ignore[attr-defined]
        for name, field in fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = self.labels.get(name, field.label)
            field.help_text = self.helps.get(name, "")


class LoginForm(_Plain, AllauthLoginForm):  # type: ignore[misc]
    labels = {"login": "Name", "password": "Password"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs |= TYPED | {"autofocus": True}


class SignupForm(_Plain, AllauthSignupForm):  # type: ignore[misc]
    labels = {"username": "Name", "password1": "Password", "password2": "Password, once more"}
    helps = {"username": NAME_HELP, "password1": PASSWORD_HELP}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].widget.attrs |= TYPED


class ChangePasswordForm(_Plain, AllauthChangePasswordForm):  # type: ignore[misc]
    labels = {"oldpassword": "Current password", "password1": "New password", "password2": "New password, once more"}
    helps = {"password1": PASSWORD_HELP}


class ReauthenticateForm(_Plain, AllauthReauthenticateForm):  # type: ignore[misc]
    labels = {"password": "Password"}


class ComeInForm(forms.Form):
    """Name and password of a person who came by the set-up link or an invitation."""

    username = forms.CharField(
        label="Your name", help_text=NAME_HELP, widget=forms.TextInput(attrs=TYPED | {"autocomplete": "username"})
    )
    password1 = forms.CharField(
        label="Password",
        strip=False,
        help_text=PASSWORD_HELP,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    password2 = forms.CharField(
        label="Password, once more", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean_username(self) -> str:
        return names.check_new(self.cleaned_data["username"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        first, second = cleaned.get("password1"), cleaned.get("password2")
        if first and second and first != second:
            self.add_error("password2", "The two passwords are not the same.")
        elif first:
            try:
                validate_password(first, User(username=cleaned.get("username", "")))
            except forms.ValidationError as error:
                self.add_error("password1", error)
        return cleaned

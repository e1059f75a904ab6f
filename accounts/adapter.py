"""How allauth meets the house: names, rate limits and who may sign up."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from accounts import names, ports
from accounts.models import Role, User
from accounts.setup import is_set_up


class HouseAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "The name or the password is not right.",
        "too_many_login_attempts": "Too many wrong tries. Please wait five minutes, then try again.",
        "incorrect_password": "That is not your password.",
        "enter_current_password": "That is not your current password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return is_set_up() and ports.signups_open()

    def clean_username(self, username: str, shallow: bool = False) -> str:
        return names.check_new(username)

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Newcomers who were not invited are guests, whatever they send."""
        user.role = Role.GUEST
        saved: User = super().save_user(request, user, form, commit)
        ports.on_change(saved.username, f"{saved.username} signed up", {}, {"role": saved.role})
        return saved

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        if "username" in credentials:
            known = names.find(credentials["username"])
            credentials["username"] = known.username if known else names.normal(credentials["username"])
        user: User | None = super().authenticate(request, **credentials)
        return user

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # Without the host: the house answers to several names, each would be a bucket of its own.
        return "login:" + names.fold(str(credentials.get("username", "")))

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        return render(request, "account/account_inactive.html", status=403)

    def get_logout_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account_login")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("me")

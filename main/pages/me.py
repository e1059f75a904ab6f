"""One's own page: log-ins, which one can end, and tokens for programs."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from accounts.logins import end_logins, logins
from accounts.models import ApiToken, User
from camera import ports
from camera.models import Right
from main.actors import session_actor
from main.pages.errors import post_only
from main.token_words import described, reach_words

if TYPE_CHECKING:
    Form = forms.ModelForm[ApiToken]
else:
    Form = forms.ModelForm

MOST_TOKENS = 50


SOME, ALL = "some", "all"
REACH = [(SOME, "Only what is ticked below"), (ALL, "Everything I may, now and later")]


class TokenForm(Form):
    """What a token is for and how far it reaches; without a choice it watches live and no more."""

    reach = forms.ChoiceField(
        label="What may it do?", choices=REACH, initial=SOME, required=False, widget=forms.RadioSelect
    )
    scopes = forms.MultipleChoiceField(
        label="Namely",
        choices=Right.choices,
        initial=[Right.WATCH],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Never more than you may yourself, and on the same cameras.",
    )

    class Meta:
        model = ApiToken
        fields = ["name"]
        labels = {"name": "What is it for?"}
        help_texts = {"name": "For instance «Home Assistant» or «television in the hall»."}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "off"})}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "reach" in cleaned and cleaned["reach"] == "":
            cleaned |= {"reach": SOME, "scopes": cleaned.get("scopes") or [Right.WATCH]}
        if cleaned.get("reach") == SOME and cleaned.get("scopes") == []:
            self.add_error("scopes", "Tick at least one thing, or choose «Everything I may».")
        return cleaned

    def held(self) -> list[str] | None:
        """The rights the token gets; None for all that its user has."""
        return None if self.cleaned_data["reach"] == ALL else list(self.cleaned_data["scopes"])


def _person(request: HttpRequest) -> User:
    return get_object_or_404(User, pk=session_actor(request).user_id)


def _page(request: HttpRequest, form: TokenForm, secret: str = "", status: int = 200) -> HttpResponse:
    user = _person(request)
    context = {
        "person": user,
        "logins": logins(user, request.session.session_key),
        "tokens": [(token, reach_words(token.scopes)) for token in user.tokens.all()],
        "form": form,
        "secret": secret,
    }
    return render(request, "me.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def me(request: HttpRequest) -> HttpResponse:
    """GET shows; POST with `end` ends one other log-in, or with `end=others` all others."""
    if request.method != "POST":
        return _page(request, TokenForm())
    which = request.POST.get("end", "")
    only = None if which == "others" else which
    ended = end_logins(_person(request), only=only, but=request.session.session_key) if which else 0
    if ended:
        messages.success(request, "That log-in is ended." if ended == 1 else f"{ended} log-ins are ended.")
    else:
        messages.info(request, "There was no other log-in to end.")
    return redirect("me")


@post_only("me", "#tokens")
def add_token(request: HttpRequest) -> HttpResponse:
    """Makes a token and shows its secret, this once."""
    form = TokenForm(request.POST)
    user = _person(request)
    if user.tokens.count() >= MOST_TOKENS:
        form.add_error(None, f"You have {MOST_TOKENS} tokens. Delete those that are not used any more first.")
    if not form.is_valid():
        return _page(request, form)
    token, secret = ApiToken.objects.issue(user, form.cleaned_data["name"], form.held())
    ports.on_change(user.username, f"token of {user.username} made", {}, described(token))
    return _page(request, TokenForm(), secret)


@post_only("me", "#tokens")
def delete_token(request: HttpRequest, pk: int) -> HttpResponse:
    """Deletes one's own token; what uses it is refused from then on."""
    token = get_object_or_404(ApiToken, pk=pk, user=session_actor(request).user_id)
    ports.on_change(token.user.username, f"token of {token.user.username} deleted", described(token), {})
    token.delete()
    messages.success(request, f"The token «{token.name}» is deleted.")
    return redirect("me")

"""Who is in the house and who may do what: everybody and everything for owners, for others what is theirs to know."""

from urllib.parse import urlsplit, urlunsplit

import segno
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Device, Invite, Role, User
from accounts.people import LastOwnerError, place
from camera import ports
from camera.access import Actor
from camera.models import Camera, Grant, Right
from main.actors import session_actor
from main.pages.errors import not_allowed
from main.sharing import give, in_words, matrix, seen_by
from surveillance.environment import machine_addresses

ROLES = {
    Role.MEMBER: "Member: sees what is shared with all members, may add and keep cameras",
    Role.GUEST: "Guest: sees only what is shared with them by name",
    Role.OWNER: "Owner: may see and change everything, people and settings too",
}


class InviteForm(forms.Form):
    role = forms.ChoiceField(
        label="They come in as", choices=list(ROLES.items()), initial=Role.MEMBER, widget=forms.RadioSelect
    )


class PersonForm(forms.Form):
    """Role, log-in and own grants of one person. `shown` names the cameras that stood on the page that was sent."""

    role = forms.ChoiceField(label="Role", widget=forms.RadioSelect)
    is_active = forms.BooleanField(
        label="May log in",
        required=False,
        help_text="Without it every log-in of theirs ends at once. Nothing is deleted.",
    )

    def __init__(self, data: object, person: User, cameras: list[Camera]) -> None:
        super().__init__(data, initial={"role": person.role, "is_active": person.is_active})  # type: ignore[arg-type]
        self.cameras = cameras
        roles = ROLES if person.role != Role.KIOSK else ROLES | {Role.KIOSK: "Kiosk: a screen in the house"}
        self.fields["role"].choices = list(roles.items())  # type: ignore[attr-defined]
        self.fields["shown"] = forms.MultipleChoiceField(
            required=False, choices=[(str(camera.pk), "") for camera in cameras], widget=forms.MultipleHiddenInput
        )
        self.initial["shown"] = [str(camera.pk) for camera in cameras]
        held: dict[int, list[str]] = {}
        for camera_pk, right in Grant.objects.filter(user=person).values_list("camera", "right"):
            held.setdefault(camera_pk, []).append(right)
        for camera in cameras:
            self.fields[f"camera-{camera.pk}"] = forms.MultipleChoiceField(
                label=camera.name, required=False, choices=Right.choices, widget=forms.CheckboxSelectMultiple
            )
            self.initial[f"camera-{camera.pk}"] = held.get(camera.pk, [])

    def grants(self) -> list[tuple[Camera, str, forms.BoundField]]:
        """Each camera, what the person holds on it now in words, and the field to change it."""
        names = [(camera, f"camera-{camera.pk}") for camera in self.cameras]
        return [(camera, in_words(self.initial[name]), self[name]) for camera, name in names]

    def wanted(self) -> dict[Camera, set[str]]:
        shown = set(self.cleaned_data["shown"])
        return {
            camera: set(self.cleaned_data[f"camera-{camera.pk}"]) for camera in self.cameras if str(camera.pk) in shown
        }


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The matrix of people and cameras: all of it for owners, one's own row for others."""
    actor = session_actor(request)
    cameras = list(seen_by(actor))
    people = list(User.objects.order_by("-is_active", "username"))
    me = [person for person in people if person.pk == actor.user_id]
    context: dict[str, object] = {"cameras": cameras, "rows": matrix(people if actor.is_owner else me, cameras)}
    if actor.is_owner:
        context |= {"form": InviteForm(), "invites": _open_invites()}
    elif actor.role == Role.MEMBER:
        context["others"] = [person for person in people if person.is_active]
    return render(request, "people.html", context)


@never_cache
def invite(request: HttpRequest) -> HttpResponse:
    """POST with `role` makes an invitation and shows its link once; with `withdraw` it takes one back."""
    actor = session_actor(request)
    if not actor.is_owner:
        raise PermissionDenied("Owners invite people.")
    if request.method != "POST":
        return not_allowed(request, "people", "#invite")
    if "withdraw" in request.POST:
        return _withdraw(request, actor)
    form = InviteForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nobody was invited: choose the role they come in as.")
        return redirect("people")
    role = form.cleaned_data["role"]
    made, secret = Invite.objects.issue(role, get_object_or_404(User, pk=actor.user_id))
    ports.on_change(actor.name, "invited somebody", {}, {"role": role, "until": made.expires_at.isoformat()})
    link = reachable(request.build_absolute_uri(reverse("invited", args=[secret])))
    context = {
        "invite": made,
        "link": link,
        "qr": segno.make(link, error="m").svg_data_uri(scale=6, border=4, light="#fff"),
    }
    return render(request, "people_invite.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """One person's role, log-in and grants. Members know the people, so they are refused; guests know nobody."""
    actor = session_actor(request)
    person = User.objects.filter(pk=pk).first()
    if person is None or (actor.role not in (Role.OWNER, Role.MEMBER) and pk != actor.user_id):
        raise Http404("There is nobody like that.")
    if not actor.is_owner:
        raise PermissionDenied("Owners change what people may do.")
    screen = Device.objects.paired().filter(user=person).first()
    if screen is not None:
        # What a screen may do is told on its own page, where it cannot become anything else.
        return redirect("kiosk_device", screen.pk)
    cameras = list(Camera.objects.all())
    form = PersonForm(request.POST if request.method == "POST" else None, person, cameras)
    if request.method == "POST" and form.is_valid():
        try:
            _save(form, person, actor)
        except LastOwnerError as error:
            form.add_error("role" if form.cleaned_data["role"] != Role.OWNER else "is_active", str(error))
        else:
            messages.success(request, f"{person.username} is saved.")
            return redirect("people") if pk != actor.user_id else redirect("wall")
        person = get_object_or_404(User, pk=pk)
    context = {"form": form, "person": person, "is_self": pk == actor.user_id}
    return render(request, "person.html", context)


def _save(form: PersonForm, person: User, actor: Actor) -> None:
    before: dict[str, object] = {"role": person.role, "may log in": person.is_active}
    with transaction.atomic():
        place(person, form.cleaned_data["role"], form.cleaned_data["is_active"])
        after: dict[str, object] = {"role": person.role, "may log in": person.is_active}
        held, now = give(person, form.wanted())
        ports.on_change(actor.name, f"changed {person.username}", before | held, after | now)


def _withdraw(request: HttpRequest, actor: Actor) -> HttpResponse:
    number = request.POST["withdraw"]
    made = (
        Invite.objects.filter(pk=int(number), used_at=None).exclude(made_by=None).first()
        if number.isdecimal()
        else None
    )
    if made is None:
        messages.info(request, "That invitation was used or withdrawn already.")
    else:
        ports.on_change(actor.name, "withdrew an invitation", {"role": made.role}, {})
        made.delete()
        messages.success(request, "The invitation is withdrawn.")
    return redirect("people")


def _open_invites() -> list[Invite]:
    open_ones = Invite.objects.filter(used_at=None, expires_at__gt=timezone.now()).exclude(made_by=None)
    return list(open_ones.select_related("made_by"))


def reachable(link: str) -> str:
    """`link` as other machines can open it: one to this machine itself gets an address of the network."""
    parts = urlsplit(link)
    if parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        return link
    address = machine_addresses()[0]
    host = f"[{address}]" if ":" in address else address
    return urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host))

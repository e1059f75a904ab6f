"""People, their invitations and tokens, in the owners' back room."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import names, ports
from accounts.logins import end_logins
from accounts.models import ApiToken, Device, Invite, JoinLink, Pairing, Role, User
from accounts.pairing import revoke
from accounts.people import LastOwnerError, check_owner_left

if TYPE_CHECKING:
    NewUserForm = UserCreationForm[User]
    ChangeUserForm = UserChangeForm[User]
    PeopleAdmin = UserAdmin[User]
    InviteBase = admin.ModelAdmin[Invite]
    TokenBase = admin.ModelAdmin[ApiToken]
    LinkBase = admin.ModelAdmin[JoinLink]
    DeviceBase = admin.ModelAdmin[Device]
    PairingBase = admin.ModelAdmin[Pairing]
    PasswordForm = AdminPasswordChangeForm[User]
else:
    NewUserForm, ChangeUserForm, PeopleAdmin = UserCreationForm, UserChangeForm, UserAdmin
    InviteBase = TokenBase = LinkBase = DeviceBase = PairingBase = admin.ModelAdmin
    PasswordForm = AdminPasswordChangeForm


class AddPersonForm(NewUserForm):
    def clean_username(self) -> str:
        return names.check_new(self.cleaned_data["username"])


class ChangePersonForm(ChangeUserForm):
    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        return name if name == self.instance.username else names.check_new(name, but=self.instance)

    def clean(self) -> dict[str, Any]:
        """The admin saves in a transaction, so the owner that is found left here is still there afterwards."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("role") != Role.OWNER or not cleaned.get("is_active"):
            try:
                check_owner_left([self.instance.pk])
            except LastOwnerError as error:
                raise forms.ValidationError(str(error)) from None
        return cleaned


class NewPasswordForm(PasswordForm):
    """A person without a password could not come in at all; to keep somebody out there is «active»."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("usable_password", None)
        self.fields["password1"].required = self.fields["password2"].required = True


@admin.register(User)
class PersonAdmin(PeopleAdmin):
    add_form = AddPersonForm
    form = ChangePersonForm
    change_password_form = NewPasswordForm
    list_display = ["username", "role", "is_active", "last_login", "date_joined"]
    list_filter = ["role", "is_active", "last_login"]
    search_fields = ["username"]
    ordering = ["username"]
    date_hierarchy = "date_joined"
    filter_horizontal = ()
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Place in the house", {"fields": ["role", "is_active"]}),
        ("Since", {"fields": ["date_joined", "last_login"]}),
    ]
    add_fieldsets = [(None, {"classes": ["wide"], "fields": ["username", "role", "password1", "password2"]})]
    readonly_fields = ["date_joined", "last_login"]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """No deleting of many at once: each is asked whether the house keeps an owner."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or User.objects.owners().exclude(pk=obj.pk).exists())

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        before = _described(User.objects.get(pk=obj.pk)) if change else {}
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            end_logins(obj)
        what = f"{'changed' if change else 'added'} {obj.username}"
        after = _described(obj)
        if "password" in form.changed_data or "password1" in form.changed_data:
            after["password"] = "«changed»"  # noqa: S105
        ports.on_change(str(request.user), what, before, after)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        try:
            check_owner_left([obj.pk])
        except LastOwnerError as error:
            raise PermissionDenied(str(error)) from None
        ports.on_change(str(request.user), f"deleted {obj.username}", _described(obj), {})
        end_logins(obj)
        super().delete_model(request, obj)

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        # The one change that does not pass save_model is that of a password by its own form.
        if request.resolver_match and request.resolver_match.url_name == "auth_user_password_change":
            ports.on_change(str(request.user), f"changed the password of {obj.username}", {}, {"password": "«changed»"})
        return super().log_change(request, obj, message)


def _described(user: User) -> dict[str, Any]:
    return {"name": user.username, "role": user.role, "may log in": user.is_active}


@admin.register(Invite)
class InviteAdmin(InviteBase):
    """Made on the people page, where the link is shown once; here they are seen and taken back."""

    list_display = ["role", "made_by", "made_at", "expires_at", "used_at", "used_by"]
    list_filter = ["role", "made_by", "used_at"]
    search_fields = ["made_by__username", "used_by__username"]
    date_hierarchy = "made_at"
    fields = ["role", "made_by", "made_at", "expires_at", "used_at", "used_by"]
    list_select_related = ["made_by", "used_by"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Invite | None = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: Invite) -> None:
        ports.on_change(str(request.user), "deleted an invitation", {"role": obj.role}, {})
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Invite]") -> None:
        for invite in queryset:
            self.delete_model(request, invite)


@admin.register(ApiToken)
class ApiTokenAdmin(TokenBase):
    """Made on one's own page, where the token is shown once; here they get an end or are deleted."""

    list_display = ["name", "user", "reach", "made_at", "expires_at"]
    list_filter = ["user", "expires_at"]
    search_fields = ["name", "user__username"]
    date_hierarchy = "made_at"
    fields = ["name", "user", "reach", "made_at", "expires_at"]
    readonly_fields = ["name", "user", "reach", "made_at"]
    list_select_related = ["user"]

    @admin.display(description="may")
    def reach(self, obj: ApiToken) -> str:
        return _reach(obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        before = ApiToken.objects.get(pk=obj.pk).expires_at
        obj.save(update_fields=["expires_at"])
        ends = [{"expires": moment.isoformat() if moment else "never"} for moment in (before, obj.expires_at)]
        ports.on_change(str(request.user), f"changed token «{obj.name}» of {obj.user.username}", *ends)

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        ports.on_change(
            str(request.user),
            f"deleted token «{obj.name}» of {obj.user.username}",
            {"token": obj.name, "may": _reach(obj)},
            {},
        )
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[ApiToken]") -> None:
        for token in queryset.select_related("user"):
            self.delete_model(request, token)


def _reach(token: ApiToken) -> str:
    """How far a token reaches. The rights go by their short names here: what they mean is another room's."""
    if token.scopes is None:
        return "everything its user may"
    return ", ".join(map(str, token.scopes)) if isinstance(token.scopes, list) else "nothing"


@admin.register(JoinLink)
class JoinLinkAdmin(LinkBase):
    """Made on the page of a camera, where the code is shown once; here they are seen and revoked. No secret is kept."""

    list_display = ["camera", "made_by", "made_at", "expires_at", "last_used_at", "revoked_at"]
    list_filter = ["made_by", "revoked_at"]
    search_fields = ["made_by__username"]
    date_hierarchy = "made_at"
    fields = ["camera", "made_by", "made_at", "expires_at", "last_used_at", "revoked_at"]
    readonly_fields = ["camera", "made_by", "made_at", "expires_at", "last_used_at", "revoked_at"]
    list_select_related = ["made_by"]
    actions = ["revoke"]

    @admin.action(description="Revoke the chosen join links", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: "QuerySet[JoinLink]") -> None:
        """Whoever sends with one is cut off within seconds."""
        revoked = 0
        for link in queryset.filter(revoked_at=None):
            link.revoked_at = timezone.now()
            link.save(update_fields=["revoked_at"])
            ports.on_change(str(request.user), f"revoked a join link of camera {link.camera}", {}, {})
            revoked += 1
        self.message_user(request, f"{revoked} join link{'' if revoked == 1 else 's'} revoked.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: JoinLink) -> None:
        ports.on_change(str(request.user), f"deleted a join link of camera {obj.camera}", {}, {})
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[JoinLink]") -> None:
        for link in queryset:
            self.delete_model(request, link)


DEVICE_FIELDS = (
    "name", "user", "camera", "language", "silent", "made_by", "made_at", "last_seen_at", "revoked_at",
)  # fmt: skip


@admin.register(Device)
class DeviceAdmin(DeviceBase):
    """Let in on the page of the house's screens, by a code; here they are seen and sent away. No secret is kept."""

    list_display = ["name", "user", "language", "made_by", "made_at", "last_seen_at", "revoked_at"]
    list_filter = ["revoked_at", "language"]
    search_fields = ["name", "user__username", "made_by__username"]
    date_hierarchy = "made_at"
    readonly_fields = DEVICE_FIELDS
    fields = DEVICE_FIELDS
    list_select_related = ["user", "made_by"]
    actions = ["send_away"]

    @admin.action(description="Send the chosen screens away", permissions=["change"])
    def send_away(self, request: HttpRequest, queryset: "QuerySet[Device]") -> None:
        """Their log-ins end at once."""
        gone = [device for device in queryset.select_related("user") if revoke(device)]
        for device in gone:
            ports.on_change(str(request.user), f"ended screen «{device.name}»", {"name": device.name}, {})
        self.message_user(request, f"{len(gone)} screen{'' if len(gone) == 1 else 's'} sent away.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Device | None = None) -> bool:
        return False


@admin.register(Pairing)
class PairingAdmin(PairingBase):
    """Browsers that want to be screens, and those that have become some. Codes are typed on the page of the screens."""

    list_display = ["made_at", "agent", "address", "expires_at", "device"]
    list_filter = ["device"]
    search_fields = ["agent", "address", "device__name"]
    date_hierarchy = "made_at"
    fields = ["made_at", "agent", "address", "expires_at", "device"]
    readonly_fields = ["made_at", "agent", "address", "expires_at", "device"]
    list_select_related = ["device"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

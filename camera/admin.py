"""Cameras and their sharing, in the owners' back room. A camera's password goes in here and never comes out."""

from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.html import format_html

from camera import (
    bus,
    commands,
    footage_admin,  # noqa: F401 (registers recordings and events)
    ports,
)
from camera.addresses import EXAMPLES, Address, AddressError, host_and_port, parse_source
from camera.models import Camera, Grant
from camera.redact import redact

if TYPE_CHECKING:
    CameraModelForm = forms.ModelForm[Camera]
    CameraBase = admin.ModelAdmin[Camera]
    GrantBase = admin.ModelAdmin[Grant]
    GrantInlineBase = admin.TabularInline[Grant, Camera]
    GrantFormSetBase = forms.BaseInlineFormSet[Grant, Camera, forms.ModelForm[Grant]]
else:
    CameraModelForm, GrantFormSetBase = forms.ModelForm, forms.BaseInlineFormSet
    CameraBase = GrantBase = admin.ModelAdmin
    GrantInlineBase = admin.TabularInline

WEB_COLUMNS = [
    "name", "slug", "kind", "address", "username", "sealed_password", "transport", "poll_fps", "enabled", "keeper",
    "position",
]  # fmt: skip
HIDDEN = "***"
TAKEN_SLUGS = ("add", "test")  # pages of /cameras/


class CameraAdminForm(CameraModelForm):
    """`source` stands for kind and address; credentials typed into it are split off before anything is shown again."""

    source = forms.CharField(
        label="Address",
        max_length=600,
        help_text=f"For instance {EXAMPLES}",
        widget=forms.TextInput(attrs={"size": 80, "autocomplete": "off"}),
    )
    new_password = forms.CharField(
        required=False,
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text="Empty: the stored one is kept, as long as the camera stays on its host.",
    )

    class Meta:
        model = Camera
        fields = ["name", "slug", "username", "transport", "poll_fps", "enabled", "keeper", "position"]

    def __init__(self, data: QueryDict | None = None, *args: Any, **kwargs: Any) -> None:
        self._address: Address | None = None
        self._fault = ""
        self.before: dict[str, Any] = {}
        self.password_changed = False
        self.hidden_part_changed = False
        stored: Camera | None = kwargs.get("instance")
        self._stored = Address(stored.kind, stored.address) if stored is not None and stored.pk else None
        super().__init__(self._taken_apart(data), *args, **kwargs)
        if self._stored is not None:
            self.initial["source"] = redact(self._stored.source)

    def _taken_apart(self, data: QueryDict | None) -> QueryDict | None:
        if data is None or "source" not in data:
            return data
        data = data.copy()
        source = str(data["source"]).strip()
        if self._stored is not None and source == redact(self._stored.source):
            self._address = self._stored
            return data
        try:
            self._address = self._read(source)
        except AddressError as error:
            self._fault = str(error)
            data["source"] = redact(source.rpartition("@")[2])
            return data
        data["source"] = redact(self._address.source)
        data["username"] = self._address.username or data.get("username", "")
        data["new_password"] = data.get("new_password", "") or self._address.password
        return data

    @staticmethod
    def _read(source: str) -> Address:
        if HIDDEN in source:
            raise AddressError(f"{HIDDEN} stands for a hidden part of the address; type the whole address again.")
        return parse_source(source)

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        if slug in TAKEN_SLUGS:
            raise forms.ValidationError("A page of the house stands there; choose another.")
        return slug

    def clean_source(self) -> str:
        if self._address is None:
            raise forms.ValidationError(self._fault or "The address cannot be read.")
        if len(self._address.address) > 500:
            raise forms.ValidationError("The address is too long (at most 500 characters).")
        return self._address.source

    def fill(self, camera: Camera) -> None:
        """Kind, address and password into `camera`."""
        assert self._address is not None
        new = self.cleaned_data["new_password"]
        moved = bool(camera.pk) and not _same_host(Address(camera.kind, camera.address), self._address)
        self.hidden_part_changed = camera.address != self._address.address and redact(camera.source) == redact(
            self._address.source
        )
        camera.kind, camera.address = self._address.kind, self._address.address
        if new or (moved and camera.sealed_password):
            camera.set_password(new)
            self.password_changed = True


def _same_host(old: Address, new: Address) -> bool:
    """A stored password goes on to another path of its host, and nowhere else."""
    if old.kind in ("rtsp", "http") and new.kind == old.kind:
        return host_and_port(old.address) == host_and_port(new.address)
    return (old.kind, old.address) == (new.kind, new.address)


def described(camera: Camera) -> dict[str, Any]:
    """The camera as the audit tells it: without credentials."""
    plain = ["name", "slug", "username", "transport", "poll_fps", "enabled", "position"]
    told = {name: getattr(camera, name) for name in plain}
    return told | {"source": redact(camera.source), "keeper": str(camera.keeper or ""), "grants": grants_of(camera)}


def grants_of(camera: Camera) -> list[str]:
    grants = camera.grants.select_related("user")
    return sorted(f"{grant.user or 'all members'}: {grant.right}" for grant in grants)


def tell_engine(pks: list[int]) -> None:
    """Once the transaction is through, have the engine look at these cameras."""
    Camera.objects.filter(pk__in=pks).changed()
    ends = bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME)
    for pk in pks:
        transaction.on_commit(partial(commands.poke, ends.commands, pk), robust=True)


class GrantFormSet(GrantFormSetBase):
    def clean(self) -> None:
        """The database holds each grant once; two alike in one go are told here."""
        super().clean()
        seen: set[tuple[Any, Any]] = set()
        for form in self.forms:
            data = getattr(form, "cleaned_data", {})
            grant = (data.get("user"), data.get("right"))
            if not data or data.get("DELETE") or grant[1] is None:
                continue
            if grant in seen:
                raise forms.ValidationError("One right is given twice to the same person.")
            seen.add(grant)


class GrantInline(GrantInlineBase):
    model = Grant
    formset = GrantFormSet
    extra = 0
    fields = ["user", "right", "made_at"]
    readonly_fields = ["made_at"]
    autocomplete_fields = ["user"]


@admin.register(Camera)
class CameraAdmin(CameraBase):
    form = CameraAdminForm
    inlines = [GrantInline]
    list_display = ["name", "kind", "source_shown", "state", "reason", "state_since", "keeper", "enabled"]
    list_filter = ["kind", "state", "reason", "enabled", "keeper"]
    search_fields = ["name", "slug", "address", "keeper__username"]
    list_select_related = ["keeper"]
    autocomplete_fields = ["keeper"]
    readonly_fields = ["password_state", "state", "reason", "state_since", "version", "made_at", "pages"]
    fieldsets = [
        (None, {"fields": ["name", "slug", "enabled", "position", "keeper", "pages"]}),
        (
            "Where the picture comes from",
            {"fields": ["source", "username", "password_state", "new_password", "transport", "poll_fps"]},
        ),
        ("As the engine found it", {"fields": ["state", "reason", "state_since", "version", "made_at"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Camera | None = None) -> list[str]:
        """The slug stands in addresses and in people's bookmarks: once given it stays."""
        return [*self.readonly_fields, "slug"] if obj else list(self.readonly_fields)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Camera | None = None) -> dict[str, Any]:
        return {} if obj else {"slug": ["name"]}

    @admin.display(description="address")
    def source_shown(self, camera: Camera) -> str:
        return redact(camera.source)

    @admin.display(description="password")
    def password_state(self, camera: Camera) -> str:
        if camera.address_lost:
            return "the address must be entered again, whole: SECRET_KEY has changed"
        if camera.password_lost:
            return "must be entered again: SECRET_KEY has changed"
        return "one is stored" if camera.sealed_password else "none is stored"

    @admin.display(description="pages")
    def pages(self, camera: Camera) -> str:
        return (
            format_html('<a href="/live/{0}/">live</a> · <a href="/logs/?camera={0}">log</a>', camera.slug)
            if camera.pk
            else ""
        )

    def save_model(self, request: HttpRequest, obj: Camera, form: Any, change: bool) -> None:
        form.before = described(Camera.objects.get(pk=obj.pk)) if change else {}
        form.fill(obj)
        if change:
            # The other columns are the engine's.
            obj.save(update_fields=WEB_COLUMNS)
        else:
            obj.save()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        camera: Camera = form.instance
        after = described(camera) | ({"password": "«changed»"} if form.password_changed else {})
        if form.hidden_part_changed:
            after["hidden part of the address"] = "«changed»"
        ports.on_change(
            str(request.user), f"{'changed' if change else 'added'} camera {camera.slug}", form.before, after
        )
        tell_engine([camera.pk])

    def delete_model(self, request: HttpRequest, obj: Camera) -> None:
        pk = obj.pk
        ports.on_change(str(request.user), f"deleted camera {obj.slug}", described(obj), {})
        super().delete_model(request, obj)
        tell_engine([pk])

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Camera]") -> None:
        for camera in queryset:
            self.delete_model(request, camera)


@admin.register(Grant)
class GrantAdmin(GrantBase):
    list_display = ["camera", "user", "right", "made_at"]
    list_filter = ["camera", "right", "user"]
    search_fields = ["camera__name", "camera__slug", "user__username"]
    list_select_related = ["camera", "user"]
    date_hierarchy = "made_at"
    autocomplete_fields = ["camera", "user"]

    def save_model(self, request: HttpRequest, obj: Grant, form: Any, change: bool) -> None:
        touched = {obj.camera_id}
        if change:
            touched.add(Grant.objects.values_list("camera_id", flat=True).get(pk=obj.pk))
        before = _grants_told(touched)
        super().save_model(request, obj, form, change)
        ports.on_change(str(request.user), f"changed the sharing of {obj.camera.slug}", before, _grants_told(touched))

    def delete_model(self, request: HttpRequest, obj: Grant) -> None:
        before, slug, touched = _grants_told({obj.camera_id}), obj.camera.slug, {obj.camera_id}
        super().delete_model(request, obj)
        ports.on_change(str(request.user), f"changed the sharing of {slug}", before, _grants_told(touched))

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Grant]") -> None:
        for grant in queryset.select_related("camera"):
            self.delete_model(request, grant)


def _grants_told(cameras: set[int]) -> dict[str, Any]:
    return {camera.slug: grants_of(camera) for camera in Camera.objects.filter(pk__in=cameras)}

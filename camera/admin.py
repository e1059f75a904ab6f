"""Cameras and their sharing, in the owners' back room. A camera's password goes in here and never comes out."""

from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from camera import (
    bus,
    commands,
    footage_admin,  # noqa: F401 (registers recordings and events)
    ports,
    stills_admin,  # noqa: F401 (registers stills and time-lapses)
)
from camera.admin_form import DETECTION, RECORDING, CameraAdminForm, described, grants_of
from camera.footage_admin import stamp
from camera.leaving import footage_of, let_go
from camera.models import Camera, Grant
from camera.redact import redact
from camera.words import many

if TYPE_CHECKING:
    CameraBase = admin.ModelAdmin[Camera]
    GrantBase = admin.ModelAdmin[Grant]
    GrantInlineBase = admin.TabularInline[Grant, Camera]
    GrantFormSetBase = forms.BaseInlineFormSet[Grant, Camera, forms.ModelForm[Grant]]
else:
    GrantFormSetBase = forms.BaseInlineFormSet
    CameraBase = GrantBase = admin.ModelAdmin
    GrantInlineBase = admin.TabularInline

WEB_COLUMNS = [
    "name", "slug", "kind", "address", "username", "sealed_password", "sealed_cloud_password",
    "stream_address", "detect_address", "transport", "poll_fps", "enabled", "keeper",
    "position", *RECORDING, *DETECTION,
]  # fmt: skip
# Of a camera that sends its pictures itself; shown, not changed.
SENDING = ["key_since", "webcam"]


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
    list_display = ["name", "kind", "source_shown", "state", "reason", "state_since", "record", "stills_every",
                    "keeper", "enabled"]  # fmt: skip
    list_filter = ["kind", "webcam", "state", "reason", "record", "detect", "enabled", "keeper"]
    search_fields = ["name", "slug", "address", "keeper__username"]
    list_select_related = ["keeper"]
    autocomplete_fields = ["keeper"]
    readonly_fields = ["password_state", *SENDING, "state", "reason", "state_since", "version", "made_at",
                       "pages"]  # fmt: skip
    fieldsets = [
        (None, {"fields": ["name", "slug", "enabled", "position", "keeper", "pages"]}),
        (
            "Where the picture comes from",
            {"fields": ["source", "username", "password_state", "new_password", *SENDING, "transport", "poll_fps"]},
        ),
        ("Recording (empty: as the house)", {"fields": RECORDING}),
        ("Detection", {"fields": DETECTION}),
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

    @admin.display(description="key to send with")
    def key_since(self, camera: Camera) -> str:
        """Never the key, nor what is stored of it."""
        if not camera.key_digest:
            return "none"
        return f"since {stamp(camera.key_made_at)}" if camera.key_made_at else "one is given out"

    @admin.display(description="pages")
    def pages(self, camera: Camera) -> str:
        return (
            format_html(
                '<a href="/live/{0}/">live</a> · <a href="/recordings/?camera={0}">recordings</a> · '
                '<a href="/events/?camera={0}">events</a> · <a href="/logs/?camera={0}">log</a> · rows: '
                '<a href="{1}?camera__id__exact={3}">recordings</a>, <a href="{2}?camera__id__exact={3}">events</a>',
                camera.slug,
                reverse("admin:camera_recording_changelist"),
                reverse("admin:camera_event_changelist"),
                camera.pk,
            )
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

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Tells of the footage that goes too, and lets no camera go that has recordings marked as kept."""
        to_delete, counts, needed, protected = super().get_deleted_objects(objs, request)
        for camera in objs:
            footage = footage_of(camera)
            if str(footage):
                to_delete.append(f"{camera}: {footage}")
            if footage.kept:
                protected.append(f"{many(footage.kept, 'recording')} of {camera} marked as kept")
        return to_delete, counts, needed, protected

    @transaction.atomic
    def delete_model(self, request: HttpRequest, obj: Camera) -> None:
        pk, footage = obj.pk, str(footage_of(obj))
        told = described(obj) | ({"footage": footage} if footage else {})
        ports.on_change(str(request.user), f"deleted camera {obj.slug}", told, {})
        let_go(obj)
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

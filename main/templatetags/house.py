"""The two things templates of the house need beyond Django's own."""

from django import template
from django.forms import CheckboxInput, CheckboxSelectMultiple, FileInput, RadioSelect, Select
from django.forms.boundfield import BoundField, BoundWidget
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def control(field: BoundField) -> SafeString:
    """The form control of `field` with Bootstrap's classes; Django ties help and error text to it."""
    widget = field.field.widget
    if isinstance(widget, CheckboxInput | RadioSelect | CheckboxSelectMultiple):
        name = "form-check-input"
    elif isinstance(widget, Select):
        name = "form-select"
    elif getattr(widget, "input_type", "") == "range":
        name = "form-range"
    else:
        name = "form-control"
    own = widget.attrs.get("class", "")
    invalid = "is-invalid" if field.errors else ""
    return field.as_widget(attrs={"class": " ".join(word for word in (own, name, invalid) if word)})


@register.filter
def options(field: BoundField) -> list[BoundWidget]:
    """The boxes of a group, with Bootstrap's class."""
    field.field.widget.attrs.setdefault("class", "form-check-input")
    return list(field.subwidgets)


@register.filter
def kind(field: BoundField) -> str:
    """How a field is laid out: check (box before its label), group (several boxes) or line."""
    widget = field.field.widget
    if isinstance(widget, CheckboxInput):
        return "check"
    if isinstance(widget, RadioSelect | CheckboxSelectMultiple):
        return "group"
    return "file" if isinstance(widget, FileInput) else "line"

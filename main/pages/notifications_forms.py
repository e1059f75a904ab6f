"""The forms of notifications: ways to be reached, rules, quiet hours."""

from typing import Any

from django import forms

from accounts.models import User
from camera.models import Camera, Right
from main.notify import apprising, webhook
from main.notify.expanding import actor_of
from main.notify_models import BY_DEFAULT, Channel, NotifyChoice, Rule, Topic

DAYS = [("0", "Monday"), ("1", "Tuesday"), ("2", "Wednesday"), ("3", "Thursday"), ("4", "Friday"), ("5", "Saturday"),
        ("6", "Sunday")]  # fmt: skip
OF_OWNERS = frozenset({Channel.Kind.APPRISE, Channel.Kind.WEBHOOK})
BOTH = "Write both times, or leave both empty."


def _times(label: str, **options: Any) -> forms.TimeField:
    return forms.TimeField(
        label=label, required=False, widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}), **options
    )


def _ticks(label: str, **options: Any) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(label=label, required=False, widget=forms.CheckboxSelectMultiple, **options)


class NameField(forms.CharField):
    """A name that stands in lists; nothing in it garbles what is around it."""

    def clean(self, value: Any) -> str:
        name = str(super().clean(value))
        if not name.isprintable():
            raise forms.ValidationError("A name has no control characters in it.")
        return name


class MailForm(forms.Form):
    target = forms.EmailField(
        label="E-mail address", max_length=200,
        help_text="A code is sent there first; nothing else until you have typed it here.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )  # fmt: skip

    def clean_target(self) -> str:
        address = str(self.cleaned_data["target"])
        if not address.isascii():
            raise forms.ValidationError("Mail goes to addresses of plain letters alone.")
        return address

    @property
    def name(self) -> str:
        return str(self.cleaned_data["target"])[:80]


class _NamedForm(forms.Form):
    label = NameField(label="Name", max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    @property
    def name(self) -> str:
        return str(self.cleaned_data["label"])


class AppriseForm(_NamedForm):
    target = forms.CharField(
        label="Address for Apprise", max_length=apprising.LONGEST,
        help_text="Such as ntfys://TOPIC, tgram://TOKEN/CHAT or pover://USER@TOKEN; kept sealed and never shown again.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "inputmode": "url"}),
    )  # fmt: skip

    def clean_target(self) -> str:
        try:
            apprising.check(self.cleaned_data["target"])
        except apprising.BadAddressError as error:
            raise forms.ValidationError(str(error)) from None
        return str(self.cleaned_data["target"])


class WebhookForm(_NamedForm):
    target = forms.CharField(
        label="Address of the webhook", max_length=webhook.LONGEST,
        help_text="https://… or http://…, not on this machine. Messages are signed with a secret that is shown once.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "inputmode": "url"}),
    )  # fmt: skip

    def clean_target(self) -> str:
        url = str(self.cleaned_data["target"])
        if not webhook.is_address(url):
            raise forms.ValidationError("Write an address that begins with https:// or http://, without blanks.")
        return url


FORMS: dict[str, type[MailForm | AppriseForm | WebhookForm]] = {
    Channel.Kind.EMAIL: MailForm,
    Channel.Kind.APPRISE: AppriseForm,
    Channel.Kind.WEBHOOK: WebhookForm,
}


class QuietForm(forms.Form):
    quiet_from = _times("Quiet from", help_text="By the house's clock; both empty: never quiet.")
    quiet_to = _times("Quiet until")
    quiet_days = _ticks(
        "On these days", choices=DAYS, help_text="None ticked: on all. A night belongs to the day on which it begins."
    )
    rings_anyway = forms.BooleanField(
        label="Rings come through", required=False,
        help_text="Everything else waits until the quiet hours end, and is told together then.",
    )  # fmt: skip

    @classmethod
    def of(cls, choice: NotifyChoice) -> "QuietForm":
        initial = {name: getattr(choice, name) for name in ("quiet_from", "quiet_to", "rings_anyway")}
        return cls(initial=initial | {"quiet_days": [str(day) for day in choice.quiet_days]})

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and (cleaned["quiet_from"] is None) != (cleaned["quiet_to"] is None):
            self.add_error("quiet_from" if cleaned["quiet_from"] is None else "quiet_to", BOTH)
        return cleaned

    def fill(self, choice: NotifyChoice) -> None:
        for name in ("quiet_from", "quiet_to", "rings_anyway"):
            setattr(choice, name, self.cleaned_data[name])
        choice.quiet_days = [int(day) for day in self.cleaned_data["quiet_days"]]


class RuleForm(forms.Form):
    """Of one person: it offers the cameras they may watch and the ways they have."""

    topics = forms.MultipleChoiceField(
        label="Tell me of", choices=Topic.choices, widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Tick at least one thing."},
    )  # fmt: skip
    cameras = _ticks("At these cameras", help_text="None ticked: all that you may watch, later ones too.")
    channels = _ticks("By these ways", help_text="None ticked: all of yours.")
    days = _ticks("On these days", choices=DAYS, help_text="None ticked: on all.")
    from_time = _times("From", help_text="By the house's clock; both empty: at any time.")
    to_time = _times("Until")
    minutes = forms.IntegerField(
        label="Minutes between two messages", min_value=0, max_value=1440, initial=5,
        help_text="For each camera and thing. What comes meanwhile is told with the next message. Rings never wait.",
    )  # fmt: skip
    pictures = forms.BooleanField(
        label="With pictures", required=False, initial=True,
        help_text="Only of cameras whose recordings you may see.",
    )  # fmt: skip
    enabled = forms.BooleanField(label="In force", required=False, initial=True)

    def __init__(self, data: Any, user: User, rule: Rule | None = None) -> None:
        super().__init__(data, initial=_initial(rule) if rule is not None else {"topics": [*BY_DEFAULT]})
        cameras = Camera.objects.allowed(actor_of(user), Right.WATCH)
        for name, rows in (("cameras", cameras), ("channels", user.channels.all())):
            choices = [(str(row.pk), str(row.name)) for row in rows]
            # What somebody may not see any more stays in their rule unless they take it out.
            known = {key for key, _ in choices}
            kept = [(key, "one that you may not see") for key in self.initial.get(name, []) if key not in known]
            self.fields[name].choices = choices + (kept if name == "cameras" else [])  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and (cleaned["from_time"] is None) != (cleaned["to_time"] is None):
            self.add_error("from_time" if cleaned["from_time"] is None else "to_time", BOTH)
        return cleaned

    def fill(self, rule: Rule) -> None:
        values = self.cleaned_data
        rule.topics = list(values["topics"])
        for name in ("cameras", "channels", "days"):
            setattr(rule, name, [int(one) for one in values[name]])
        for name in ("from_time", "to_time", "minutes", "pictures", "enabled"):
            setattr(rule, name, values[name])


def _initial(rule: Rule) -> dict[str, Any]:
    plain = {name: getattr(rule, name) for name in ("topics", "from_time", "to_time", "minutes", "pictures", "enabled")}
    return plain | {name: [str(one) for one in getattr(rule, name)] for name in ("cameras", "channels", "days")}

"""One rule of what somebody is told of: added, changed, removed."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from accounts.models import User
from main.notify.rules import first_rule
from main.notify_models import NotifyChoice, Rule
from main.pages.errors import post_only
from main.pages.notifications_forms import RuleForm
from main.pages.notifications_push import person_of

MOST = 50


@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """A new rule; the one that everybody begins with stays beside it."""
    user = person_of(request)
    form = RuleForm(request.POST if request.method == "POST" else None, user)
    if request.method == "POST" and user.rules.count() >= MOST:
        form.add_error(None, f"You have {MOST} rules. Remove one first.")
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            own(user)
            rule = Rule(user=user)
            form.fill(rule)
            rule.save()
        messages.success(request, "The rule is added.")
        return redirect("notifications")
    return render(request, "notifications_rule.html", {"form": form}, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Change one's own rule; POST with act=remove takes it away."""
    user = person_of(request)
    rule = get_object_or_404(Rule, pk=pk, user=user)
    if request.method == "POST" and request.POST.get("act") == "remove":
        rule.delete()
        messages.success(request, "The rule is removed.")
        return redirect("notifications")
    form = RuleForm(request.POST if request.method == "POST" else None, user, rule)
    if request.method == "POST" and form.is_valid():
        form.fill(rule)
        rule.save()
        messages.success(request, "The rule is saved.")
        return redirect("notifications")
    return render(request, "notifications_rule.html", {"form": form, "rule": rule}, status=400 if form.errors else 200)


@post_only("notifications", "#rules")
def start(request: HttpRequest) -> HttpResponse:
    """`act`: own makes the rule that everybody begins with one's own, to be changed; usual goes back to it."""
    user = person_of(request)
    if request.POST.get("act") == "usual":
        with transaction.atomic():
            user.rules.all().delete()
            NotifyChoice.objects.filter(user=user).update(own_rules=False)
        messages.success(request, "You are told of what everybody begins with.")
        return redirect("notifications")
    with transaction.atomic():
        rule = own(user)
    return redirect("notify_rule", rule.pk) if rule is not None else redirect("notifications")


def own(user: User) -> Rule | None:
    """From now on this person's rules are their own, beginning with the one that everybody has: that one, or None when
    they were already."""
    choice = NotifyChoice.objects.get_or_create(user=user)[0]
    if choice.own_rules:
        return None
    choice.own_rules = True
    choice.save(update_fields=["own_rules"])
    rule = first_rule(user.pk)
    rule.save()
    return rule

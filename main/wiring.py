"""Fills the ports of camera and accounts: what the rooms below need from this one."""

from typing import Any

from accounts import ports as accounts_ports
from camera import ports
from main.models import AuditEntry, SiteSettings


def house_policy() -> ports.Policy:
    return ports.Policy(viewer_fps=SiteSettings.load().viewer_fps)


def write_audit(actor: str, what: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Record a change; only the values that differ are kept."""
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    if changed:
        AuditEntry.objects.create(
            actor=actor,
            what=what,
            before={name: before[name] for name in sorted(changed) if name in before},
            after={name: after[name] for name in sorted(changed) if name in after},
        )


def connect() -> None:
    ports.policy = house_policy
    ports.on_change = accounts_ports.on_change = write_audit
    accounts_ports.signups_open = lambda: SiteSettings.load().signups_open

"""What the tabs of oversight say of the reader's own work."""

from __future__ import annotations

from django import template

from safeconduct.oversight.emergency import waiting_for

register = template.Library()


@register.simple_tag(takes_context=True)
def emergencies_waiting(context: template.Context) -> int:
    """How many emergency readings wait for the reader, who is an auditor; 0 for anybody else."""
    principal = getattr(context.get("request"), "principal", None)
    return waiting_for(principal) if principal is not None else 0

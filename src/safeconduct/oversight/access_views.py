"""The auditors' pages of access: who may do what and why, accounts and what opens them, what was unusual."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import ACTS, LEVELS, ROLES
from safeconduct.oversight import access, rules
from safeconduct.oversight.second_person_views import requests_seen
from safeconduct.oversight.wording import kind_name, part_name, state_name
from safeconduct.people.models import Account
from safeconduct.people.principal import principal_of
from safeconduct.records import here
from safeconduct.records.kinds import all_kinds
from safeconduct.shell.answers import answering, reader_of
from safeconduct.shell.terms import ACT_NAMES, ROLE_NAMES, listed, plain

MOST = 400
"""Lines that one page shows; a narrower question shows the rest."""
LONGEST = 64
FACTS = {
    "assigned": gettext_lazy("as the duty bearer"),
    "not_before": gettext_lazy("after its time lock has opened"),
    "authorised_by": gettext_lazy("with a disclosure authorisation"),
    "emergency": gettext_lazy("in an emergency reading"),
}


class RightsFilter(forms.Form):
    """Whose rights to list: a person's, or a role's; for an act and a kind."""

    party = forms.ChoiceField(label=gettext_lazy("Whose people"), required=False)
    person = forms.ChoiceField(label=gettext_lazy("Person"), required=False)
    role = forms.ChoiceField(label=gettext_lazy("Role"), required=False)
    act = forms.ChoiceField(label=gettext_lazy("Act"), required=False)
    kind = forms.ChoiceField(label=gettext_lazy("Kind of record"), required=False)

    def __init__(self, names: dict[str, str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        home, every = here.home(), [("", _("every one"))]
        parties = [(home.party, home.name), *((p.party, p.name) for p in home.partners.values())]
        kinds = sorted(((name, kind_name(name)) for name in all_kinds()), key=lambda pair: pair[1])
        for field, choices in (
            ("party", parties),
            ("person", every + sorted(names.items(), key=lambda pair: pair[1])),
            ("role", every + [(role, plain(ROLE_NAMES, role)) for role in ROLES]),
            ("act", every + [(act, plain(ACT_NAMES, act)) for act in ACTS]),
            ("kind", every + kinds),
        ):
            self.fields[field].choices = choices  # type: ignore[attr-defined]


@require_GET
@answering
def who_may(request: HttpRequest) -> HttpResponse:
    """Who may do what and why: by person, role, act and kind, each line with the sentence that gives it."""
    reader, policy = reader_of(request), here.state().policy
    access.require_reviewer(policy, reader)
    names = rules.people(reader)
    form = RightsFilter(names, request.GET or None)
    chosen = form.cleaned_data if form.is_bound and form.is_valid() else {}
    person = chosen.get("person", "")
    held, subject = ([], None) if not person else (access.held_by(reader, person), _principal(person))
    found: list[access.Right] = []
    if any(chosen.get(name) for name in ("person", "role", "act", "kind")):
        found = access.rights(policy, _asked(chosen, reader, subject))
    lines = [_line(right) for right in found]
    context = {
        "form": form,
        "person": names.get(person, person),
        "held": [(each, plain(ROLE_NAMES, each.assignment.role)) for each in held],
        "clearance": LEVELS[subject.clearance] if subject is not None else "",
        "lines": lines[:MOST],
        "more": max(0, len(lines) - MOST),
        "asked": bool(found) or any(chosen.values()),
        "auditing": True,
        "page_level": "RESTRICTED",
        "live_url": "/live?topics=role_assignment",
    }
    return render(request, "oversight/who_may.html", context)


def _principal(person: str) -> Subject | None:
    account = Account.objects.filter(person=person).first()
    return principal_of(account) if account is not None else None


def _asked(chosen: dict[str, Any], reader: Subject, subject: Subject | None) -> access.Asked:
    roles: frozenset[str] = frozenset()
    party = chosen.get("party") or reader.party
    if chosen.get("person"):
        # A person without a role may do nothing: no role is asked for, and not every one.
        roles, party = (
            (subject.roles if subject is not None else frozenset()) or frozenset({""}),
            reader.party,
        )
    if chosen.get("role"):
        roles = frozenset({chosen["role"]}) & (roles or frozenset({chosen["role"]})) or frozenset({""})
    return access.Asked(party, roles, chosen.get("act", ""), chosen.get("kind", ""))


def _line(right: access.Right) -> dict[str, Any]:
    conditions = [str(FACTS.get(fact, fact)) for fact in right.facts]
    if right.states is not None:
        conditions.insert(0, _("while it is: %s") % listed(state_name(state) for state in right.states))
    if right.logged:
        conditions.append(_("logged: %s") % listed(plain(ACT_NAMES, act) for act in right.logged))
    if right.alone is not None and right.acts == ("write",):
        conditions.append(_("giving or widening with a second person only"))
    elif right.alone is not None:
        text = ngettext(
            "above %(n)s record an hour with a second person",
            "above %(n)s records an hour with a second person",
            right.alone,
        )
        conditions.append(text % {"n": right.alone})
    every = right.parts == all_kinds()[right.kind].part_names if right.kind in all_kinds() else False
    return {
        "right": right,
        "role": plain(ROLE_NAMES, right.role),
        "acts": [plain(ACT_NAMES, act) for act in right.acts],
        "kind": kind_name(right.kind),
        "parts": [_("every part")] if every else [part_name(part) for part in right.parts],
        "conditions": conditions,
        "sentence": _sentence(right),
    }


def _sentence(right: access.Right) -> tuple[str, str]:
    """The sentence that gives it and the language it is in: the reader's, else the clause's first one."""
    for language in (get_language() or "en", *right.sentences):
        if language in right.sentences:
            return language, right.sentences[language]
    return "en", ""


@require_GET
@answering
def accounts(request: HttpRequest) -> HttpResponse:
    """Accounts with what opens them: last sign-in, second factor, tokens and devices; the dormant ones first."""
    reader = reader_of(request)
    access.require_reviewer(here.state().policy, reader)
    ways = access.ways_in(reader)
    context = {
        "ways": [(way, [plain(ROLE_NAMES, role) for role in way.roles]) for way in ways],
        "dormant": {way.account.pk for way in access.dormant(ways)},
        "days": access.dormant_days(),
        "weak": len(access.without_second_factor(ways)),
        "auditing": True,
        "page_level": "RESTRICTED",
        "live_url": "/live?topics=role_assignment",
    }
    return render(request, "oversight/accounts.html", context)


@require_GET
@answering
def unusual(request: HttpRequest) -> HttpResponse:
    """What stands out among the latest readings, and what two persons did: facts to check, never accusations."""
    reader = reader_of(request)
    access.require_reviewer(here.state().policy, reader)
    names = rules.people(reader)
    bulk = [
        {
            "at": each.found.at,
            "person": names.get(each.person, each.person),
            "act": plain(ACT_NAMES, each.act),
            "kind": kind_name(each.kind),
            "records": each.records,
            "about": each.found.about,
        }
        for each in access.bulk_readings(reader)
    ]
    context = {
        "bulk": bulk,
        "lines": requests_seen(reader),
        "auditing": True,
        "page_level": "CONFIDENTIAL",
        "live_url": "/live?topics=reading,role_request,bulk_request",
    }
    return render(request, "oversight/unusual.html", context)

"""What this version knows, as a page: `python -m safeconduct.node.describe > docs/reference.md`.

Kinds of records with their parts and labels, the agreement's words, the addresses of pages and API, and the events of
the log, read from the code itself. A test fails while docs/reference.md says something else.
"""

from __future__ import annotations

import inspect
import os
import tempfile
from collections.abc import Iterable, Iterator
from logging import getLevelName

from django.urls import URLPattern, URLResolver

from safeconduct.records.events import EVENTS, FIELDS
from safeconduct.records.home import Home

HEADING = """\
# Reference

Made from the code by `python -m safeconduct.node.describe > docs/reference.md`.
"""

SAID_HERE = {
    "home": "Leads to the incidents.",
    "set_language": "Takes the choice of language.",
    "oversight:index": "Leads to the ledger.",
    "account_login": "Sign in with user name and password.",
    "account_logout": "Sign out.",
    "account_inactive": "Says that an account is locked.",
    "account_reauthenticate": "Give the password again before something that changes who can sign in.",
    "account_change_password": "Change one's password; every other session ends.",
    "account_set_password": "Set a first password of one's own.",
    "mfa_index": "One's second factors.",
    "mfa_authenticate": "Give the second factor at sign-in.",
    "mfa_reauthenticate": "Give the second factor again before something that changes who can sign in.",
    "mfa_activate_totp": "Set up an authenticator app.",
    "mfa_deactivate_totp": "Remove the authenticator app.",
    "mfa_view_recovery_codes": "The recovery codes, once.",
    "mfa_generate_recovery_codes": "Make new recovery codes; the old ones end.",
    "mfa_download_recovery_codes": "The recovery codes as a file, once.",
    "mfa_list_webauthn": "One's passkeys.",
    "mfa_login_webauthn": "Sign in with a passkey.",
    "mfa_add_webauthn": "Add a passkey.",
    "mfa_reauthenticate_webauthn": "Use a passkey again before something that changes who can sign in.",
    "mfa_edit_webauthn": "Rename a passkey.",
    "mfa_remove_webauthn": "Remove a passkey.",
    "people_sessions": "Where one is signed in.",
    "people_end_session": "End one session.",
    "people_end_other_sessions": "End every session but this one.",
    "people_tokens": "One's tokens for programs; make one.",
    "people_revoke_token": "Revoke a token.",
    "people_accounts": "The accounts of this node, for those who look after them.",
    "people_edit_account": "One account: its name, clearance, ways in and roles.",
    "people_give_role": "Give an account a role. Nobody gives one to themselves.",
    "people_take_role": "Take a role back, at once.",
}
"""What pages are for whose views are a library's, or too plain to say it themselves."""


def describe() -> str:
    """The whole page, in Markdown. Django must have been started."""
    return HEADING + "\n" + "\n".join([*_kinds(), *_words(), *_pages(), *_api(), "", *_events()]) + "\n"


def unexplained() -> list[str]:
    """Names of pages of which nobody says what they are for."""
    return [name for name, _, what in pages() if not what]


def _kinds() -> Iterator[str]:
    from safeconduct.agreement.vocabulary import LEVELS
    from safeconduct.records.kinds import all_kinds

    yield "## Kinds of records\n"
    yield "Clause files name kinds, parts and states by these words. A label is the one that a part bears unless its"
    yield "author raises it.\n"
    yield "| kind | states | parts, their labels and fields |\n|---|---|---|"
    for name, kind in sorted(all_kinds().items()):
        levels = kind.default_levels()
        parts = "<br>".join(
            f"`{part}` {LEVELS[levels[part]]}: {', '.join(model.model_fields)}"
            for part, model in kind.parts.items()
        )
        live = "; live, never recorded" if kind.telemetry_of else ""
        yield f"| `{name}` | {', '.join(kind.states)}{live} | {parts} |"
    yield ""


def _words() -> Iterator[str]:
    from safeconduct.agreement.vocabulary import ACTS, CHANNELS, FACTS, LEVELS, LIMITS, ROLES, STATUSES

    yield "## Words of the agreement\n"
    yield "| | |\n|---|---|"
    for what, words in (
        ("levels", LEVELS),
        ("acts", ACTS),
        ("roles", ROLES),
        ("statuses of a clause", STATUSES),
        ("facts a grant may depend on (`when`)", FACTS),
        ("limits within a grant", LIMITS),
        ("channels a grant may open", CHANNELS),
    ):
        yield f"| {what} | {', '.join(words)} |"
    yield ""


def _pages() -> Iterator[str]:
    yield "## Pages\n"
    yield "| address | name | |\n|---|---|---|"
    for name, address, what in pages():
        yield f"| `{address}` | `{name}` | {what} |"
    yield ""


def pages() -> Iterator[tuple[str, str, str]]:
    """(name, address, first line of what the page says of itself), in the order of the addresses."""
    from safeconduct.node.urls import urlpatterns

    found = [row for row in _walk([*urlpatterns], "/", "") if not row[1].startswith("/api/")]
    yield from sorted(found, key=lambda row: row[1])


def _walk(patterns: Iterable[object], before: str, space: str) -> Iterator[tuple[str, str, str]]:
    for pattern in patterns:
        if not isinstance(pattern, URLPattern | URLResolver):
            continue
        address = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _walk(pattern.url_patterns, address, inner)
        elif pattern.name:
            name = space + pattern.name
            yield name, address, SAID_HERE.get(name) or _own_words(pattern.callback)


def _own_words(view: object) -> str:
    """What one of our own views says of itself; "" for those of a library."""
    inner = inspect.unwrap(view)  # type: ignore[arg-type]
    if not str(getattr(inner, "__module__", "")).startswith("safeconduct"):
        return ""
    return (inspect.getdoc(inner) or "").partition("\n\n")[0].replace("\n", " ")


def _api() -> Iterator[str]:
    from safeconduct.api.service import api

    yield "## API\n"
    yield "| | address | |\n|---|---|---|"
    for address, methods in sorted(api.get_openapi_schema(path_prefix="/api/v1/")["paths"].items()):
        for method, operation in sorted(methods.items()):
            yield f"| {method.upper()} | `{address}` | {operation.get('summary', '')} |"


def _events() -> Iterator[str]:
    yield "## Events of the log\n"
    yield "| event | level | it says | what to do |\n|---|---|---|---|"
    for code, event in sorted(EVENTS.items()):
        yield f"| `{code}` | {getLevelName(event.level).lower()} | {event.says} | {event.do} |"
    yield f"\nFields: {', '.join(f'`{name}`' for name in sorted(FIELDS))}."


def main() -> None:
    from safeconduct.node.django_start import start_django

    with tempfile.TemporaryDirectory() as folder:
        os.environ.pop("SAFECONDUCT_HOME", None)
        start_django(Home.create(folder, "any", "host", "Any"))
        print(describe(), end="")


if __name__ == "__main__":
    main()

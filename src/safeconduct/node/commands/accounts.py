"""account: who may sign in, and which roles they hold."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from safeconduct.agreement.vocabulary import LEVELS, ROLES
from safeconduct.node.commands.opening import home_option, opened


@click.group()
def account() -> None:
    """Make accounts and give them roles."""


@account.command()
@home_option
@click.argument("username")
@click.option("--name", default="", help="The person's name as shown to their own side.")
@click.option(
    "--role", "roles", multiple=True, type=click.Choice(ROLES), help="Give this role at once; repeat."
)
@click.option("--clearance", type=click.Choice(LEVELS), default=LEVELS[1])
@click.password_option(help="Asked for when not given.", default=lambda: "", prompt_required=False)
def create(
    home: Path | None, username: str, name: str, roles: tuple[str, ...], clearance: str, password: str
) -> None:
    """Make an account; without a password one is made up and shown once."""
    with opened(home) as (node, door):
        from django.core.exceptions import ValidationError

        from safeconduct.people.models import Account
        from safeconduct.people.roles import assign_role
        from safeconduct.records.principals import system_subject

        chosen = password or secrets.token_urlsafe(15)
        level = LEVELS.index(clearance)
        try:
            made = Account.objects.create_account(username, chosen, display_name=name, clearance=level)
        except ValidationError as fault:
            raise click.ClickException(" ".join(fault.messages)) from fault
        for role in roles:
            assign_role(system_subject(node.party), made, role, door=door)
    click.echo(f"account {made.username} with {', '.join(roles) or 'no role'}")
    if not password:
        click.echo(f"password, shown once: {chosen}")


@account.command()
@home_option
@click.argument("username")
@click.argument("role", type=click.Choice(ROLES))
@click.option("--unit", "units", multiple=True, help="A unit the person serves in; repeat.")
def grant(home: Path | None, username: str, role: str, units: tuple[str, ...]) -> None:
    """Give an account a role; the record of it is in the ledger."""
    with opened(home) as (node, door):
        from safeconduct.people.models import Account
        from safeconduct.people.roles import assign_role
        from safeconduct.records.principals import system_subject

        found = Account.objects.filter(username=username.lower()).first()
        if found is None:
            raise click.ClickException(f"no account {username}")
        assign_role(system_subject(node.party), found, role, units, door=door)
    click.echo(f"{username} is {role}")

"""agreement: the clauses, their signatures, what they let whom do, and what a change would do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO

import click

from safeconduct.agreement.vocabulary import ACTS, ROLES, STATUSES
from safeconduct.node.commands.opening import home_option, opened
from safeconduct.node.commands.passphrases import new_passphrase, passphrase_of


@click.group()
def agreement() -> None:
    """The agreement with the other party, and the house rules (agreement `house`)."""


@agreement.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def keygen(file: Path) -> None:
    """Make a signatory's key in FILE, to be kept by that person, off the node. Shows the public key.

    Asks for a passphrase, or takes it from SAFECONDUCT_PASSPHRASE.
    """
    from safeconduct.agreement.signatures import create_key_file

    click.echo(create_key_file(file, new_passphrase()))


@agreement.command()
@home_option
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def check(home: Path | None, folder: Path) -> None:
    """Validate a folder of clause files against the kinds this node knows. Names file, line and reason."""
    with opened(home):
        from safeconduct.agreement.clauses import load_folder
        from safeconduct.records.kinds import vocabulary

        clauses = load_folder(folder, vocabulary())
    for clause in clauses:
        click.echo(f"{clause.number:>4}  v{clause.version}  {len(clause.grants)} grants  {clause.title}")


@agreement.command("list")
@home_option
def list_(home: Path | None) -> None:
    """Every agreement of this node, its clauses and their status."""
    with opened(home):
        from safeconduct.records import here

        for name, place in sorted(here.state().agreements.items()):
            click.echo(f"{name} ({', '.join(place.parties.values())})")
            for number in place.standing.numbers:
                text = place.standing.governing(number) or place.standing.texts(number)[-1]
                title = text.clause.title if text.clause else "(text not here)"
                click.echo(f"  {number:>4}  {place.standing.status(number):<16} {title}")


@agreement.command()
@home_option
@click.argument("name")
@click.argument("number")
def history(home: Path | None, name: str, number: str) -> None:
    """Every act about a clause: who signed what, when, and what does not count."""
    with opened(home):
        from datetime import UTC, datetime

        from safeconduct.node.signing_here import agreement_of

        place = agreement_of(name)
        for event in place.standing.history(number):
            act = event.signed.act
            when = datetime.fromtimestamp(act.at, UTC).strftime("%Y-%m-%d %H:%M")
            note = f"  DOES NOT COUNT: {event.reason}" if event.reason else ""
            click.echo(f"{when}  {act.by:<8} {act.to:<16} key {act.key[:12]}  text {act.text[7:19]}{note}")


@agreement.command()
@home_option
@click.argument("name")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
def propose(home: Path | None, name: str, files: tuple[Path, ...]) -> None:
    """Put clause files on record as proposals in agreement NAME."""
    with opened(home) as (_, door):
        from safeconduct.node.signing_here import propose as put

        for clause in put(name, files, door):
            click.echo(f"clause {clause.number} version {clause.version} proposed: {clause.digest}")


@agreement.command()
@home_option
@click.argument("name")
@click.argument("number")
@click.argument("to", type=click.Choice(STATUSES))
@click.option(
    "--key", "key_file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--version", default=0, help="Which version of the clause; 0 is the latest.")
def sign(home: Path | None, name: str, number: str, to: str, key_file: Path, version: int) -> None:
    """Sign a status act about clause NUMBER of agreement NAME with a signatory's key file.

    The passphrase of the key is asked for, or taken from SAFECONDUCT_PASSPHRASE.
    """
    passphrase = passphrase_of(key_file)
    with opened(home) as (_, door):
        from safeconduct.node.signing_here import act, agreement_of

        made, _ = act(name, number, to, key_file, passphrase, door, version)
        status = agreement_of(name).standing.status(number)
    click.echo(f"{made.by} signed {to} on clause {number}; its status is now {status}")


_KEY_FILE = click.option(
    "--key", "key_file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)


@agreement.command()
@home_option
@click.argument("name")
@click.argument("person", metavar="PERSON=PUBLIC")
@_KEY_FILE
def appoint(home: Path | None, name: str, person: str, key_file: Path) -> None:
    """Let a PERSON sign for this party in agreement NAME, too: their public key is that of `agreement keygen`.

    It is signed with the key file of somebody who may sign already.
    """
    who, equals, public = person.partition("=")
    if not (who and equals and public):
        raise click.UsageError("name the person as NAME=PUBLIC")
    passphrase = passphrase_of(key_file)
    with opened(home) as (node, door):
        from safeconduct.agreement.signatures import file_signatory
        from safeconduct.node.signing_here import act_on_signatory, agreement_of

        subject = file_signatory(node.party, who, public)
        act_on_signatory(name, "appoint", subject, key_file, passphrase, door)
        signing = [each.name for each in agreement_of(name).standing.signatories(node.party)]
    click.echo(f"{subject.fingerprint}\nwho signs for {node.party} in {name}: {', '.join(signing)}")


@agreement.command()
@home_option
@click.argument("name")
@click.argument("person")
@_KEY_FILE
def dismiss(home: Path | None, name: str, person: str, key_file: Path) -> None:
    """Take the right to sign for this party in agreement NAME from a PERSON, by name or key id. It holds at once."""
    passphrase = passphrase_of(key_file)
    with opened(home) as (node, door):
        from safeconduct.node.signing_here import act_on_signatory, agreement_of

        signing = agreement_of(name).standing.signatories(node.party)
        found = [each for each in signing if person in (each.name, each.key_id)]
        if len(found) != 1:
            names = ", ".join(f"{each.name} ({each.key_id})" for each in signing)
            raise click.ClickException(f"name one of those who sign for {node.party}: {names}")
        act_on_signatory(name, "dismiss", found[0], key_file, passphrase, door)
        left = [each.name for each in agreement_of(name).standing.signatories(node.party)]
    click.echo(f"who signs for {node.party} in {name}: {', '.join(left)}")


@agreement.command()
@home_option
@click.argument("name")
@_KEY_FILE
def end(home: Path | None, name: str, key_file: Path) -> None:
    """Sign the end of every clause of agreement NAME that is not over, with a signatory's key file. It holds at once.

    The passphrase of the key is asked for, or taken from SAFECONDUCT_PASSPHRASE.
    """
    passphrase = passphrase_of(key_file)
    with opened(home) as (_, door):
        from safeconduct.node.signing_here import act, agreement_of
        from safeconduct.records.standing import HOUSE

        if name == HOUSE:
            raise click.UsageError("house rules are ended one by one, with `agreement sign`")
        standing = agreement_of(name).standing
        for number in standing.numbers:
            for text in standing.texts(number):
                if text.clause is None or text.status in ("ended", "declined"):
                    continue
                made, _committed = act(name, number, "ended", key_file, passphrase, door, text.clause.version)
                status = agreement_of(name).standing.status(number)
                click.echo(f"{made.by} signed ended on clause {number}; its status is now {status}")


@agreement.command("sign-text")
@click.option(
    "--key", "key_file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.argument("text", type=click.File("r"), default="-")
def sign_text(key_file: Path, text: IO[str]) -> None:
    """Sign an act that a page of the node shows, away from the node. Prints the signature to paste there.

    The passphrase of the key is asked for, or taken from SAFECONDUCT_PASSPHRASE.
    """
    from safeconduct.agreement.acts import StatusAct
    from safeconduct.agreement.signatures import sign_with_file

    act = StatusAct.from_dict(json.load(text))
    click.echo(json.dumps(sign_with_file(key_file, passphrase_of(key_file), act)))


@agreement.command()
@home_option
@click.argument("name")
@click.argument("number")
@click.option("--version", default=0, help="Which version of the clause; 0 is the latest.")
def diff(home: Path | None, name: str, number: str, version: int) -> None:
    """What would be added and removed if clause NUMBER of agreement NAME were agreed, in words and counts."""
    with opened(home):
        from safeconduct.agreement.policy import compile_policy
        from safeconduct.agreement.proof import difference
        from safeconduct.node.signing_here import agreement_of, clause_of
        from safeconduct.records import here
        from safeconduct.records.kinds import vocabulary

        place = agreement_of(name)
        clause = clause_of(place, number, version)
        others = [s.book() for s in here.state().agreements.values() if s.agreement != name]
        after = compile_policy([*others, place.book_with_agreed(clause.digest)], vocabulary())
        found = difference(here.state().policy, after)
    for line in found.lines():
        click.echo(line)


@agreement.command()
@home_option
@click.option("--party", required=True, help="host, partner, or a party's id.")
@click.option("--role", required=True, type=click.Choice(ROLES))
@click.option("--act", default="read", type=click.Choice(ACTS))
@click.option("--kind", required=True)
@click.option("--language", default="en", type=click.Choice(["en", "ur", "zh-hans"]))
def explain(home: Path | None, party: str, role: str, act: str, kind: str, language: str) -> None:
    """Which parts of a kind a role may use, and the sentences of the agreement that say so."""
    with opened(home):
        from safeconduct.records import here

        state = here.state()
        ids = {p for place in state.agreements.values() for word, p in place.parties.items() if word == party}
        for name in sorted(ids) or [party]:
            rows = state.policy.explain(name, role, act, kind, pending=True)
            if not rows:
                click.echo(f"nothing lets {role} of {name} {act} {kind}")
            for row in rows:
                sentence = row.sentences.get(language) or row.sentences["en"]
                mark = "" if row.status == "agreed" else f" [{row.status}: not in force]"
                click.echo(f"{kind}.{row.part}  {row.grant}{mark}\n    {sentence}")

"""exchange: pairing with the other party, bundles on a memory stick, the state of the link."""

from __future__ import annotations

from pathlib import Path

import click

from safeconduct.node.commands.opening import home_option, load, opened
from safeconduct.node.commands.passphrases import passphrase_of
from safeconduct.records.users import permit_all


@click.group()
def exchange() -> None:
    """Exchange with the other party's node."""


@exchange.command()
@home_option
@click.argument("partner")
@click.argument("agreement")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def card(home: Path | None, partner: str, agreement: str, file: Path) -> None:
    """Write this node's identity card for PARTNER to FILE and show the fingerprint to read to them.

    PARTNER is the other party's id (like `cn`), AGREEMENT the name both use for the agreement (like `pk-cn`).
    """
    from safeconduct.exchange.pairing import export_card

    raw, fingerprint = export_card(load(home), partner, agreement)
    file.write_bytes(raw)
    click.echo(f"card for {partner} in {file}\nfingerprint, to be read over the telephone:\n  {fingerprint}")


@exchange.command()
@home_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--fingerprint", prompt="Fingerprint as the other party reads it", help="Eight groups of digits."
)
@click.option("--url", default="", help="Where the partner's exchange answers, if not where its card says.")
def accept(home: Path | None, file: Path, fingerprint: str, url: str) -> None:
    """Accept the other party's card, if its fingerprint is the one that was spoken. Then restart the node."""
    from safeconduct.exchange.pairing import accept_card

    with opened(home) as (node, door):
        paired = accept_card(node, file.read_bytes(), fingerprint, door, url)
    added = sorted(set(paired.partners) - set(node.partners)) or sorted(paired.partners)
    click.echo(f"paired with {', '.join(added)}")


@exchange.command("export")
@home_option
@click.argument("partner")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export_(home: Path | None, partner: str, file: Path) -> None:
    """Write what PARTNER has not acknowledged to an encrypted FILE for a memory stick."""
    with opened(home) as (node, door):
        from safeconduct.exchange.stick import export_bundle

        report = export_bundle(node, partner, file, door)
    click.echo(report)


@exchange.command("import")
@home_option
@click.argument("partner")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_bundle(home: Path | None, partner: str, file: Path) -> None:
    """Take in a FILE that PARTNER wrote for this node. The same file twice changes nothing."""
    with opened(home) as (node, door):
        from safeconduct.exchange.stick import import_bundle as take

        report = take(node, partner, file, door)
    click.echo(report)


@exchange.command()
@home_option
def status(home: Path | None) -> None:
    """How far each partner has what was released, and how far the ledgers are cosigned."""
    with opened(home) as (node, door):
        from safeconduct.exchange.status import describe

        for line in describe(node, door):
            click.echo(line)


@exchange.command()
@home_option
@click.option("--tls", "transport_only", is_flag=True, help="Only the certificate and the key for sticks.")
@click.option("--module", help="With --token: the token maker's PKCS#11 module.")
@click.option("--token", "label", help="The new keys that sign are to lie in the token of this label.")
@click.option("--files", is_flag=True, help="They are to lie in files of the home.")
@click.option("--lost", is_flag=True, help="The old ones are lost, or out of reach: they are not asked for.")
def rotate(
    home: Path | None, transport_only: bool, module: str | None, label: str | None, files: bool, lost: bool
) -> None:
    """Make new keys for this node. Stop it first; then every partner needs a new card.

    With --tls the exchange goes on as soon as the partner has accepted the card. Without it the keys that sign the
    ledger and the feeds are new as well, and it goes on in a new epoch: see `resume`. They are made where the old ones
    lie, in files or in the token, unless told otherwise; in a token the old ones are then destroyed. The PIN is in
    keys/pin, that of a new token in keys/pin.next where it is another. An interrupted command is given again.
    """
    from safeconduct.exchange.custody import Keeping

    if "" in (module, label) or (module is None) != (label is None) or (label is not None and files):
        raise click.UsageError("--module and --token go together, and not with --files")
    if transport_only and (label is not None or files or lost):
        raise click.UsageError("--tls is about keys that never lie in a token")
    into = Keeping() if files else Keeping(module, label) if module and label else None
    with opened(home, begins=not lost) as (node, door):
        from safeconduct.exchange.rotation import rotate as renew

        if door.writer is None:
            raise click.ClickException("the node is running; stop it before its keys are renewed")
        done = renew(node, door, transport_only, into, lost)
        permit_all(node)
        partners = ", ".join(sorted(node.partners)) or "nobody yet"
    if done.resumed:
        click.echo("the exchange of keys that was interrupted is finished, into where it was to lead")
    click.echo(f"new {'certificate' if transport_only else 'keys'}; a new card goes to {partners}")
    for each in done.left:
        click.echo(f"not destroyed, and never used again: {each}")


@exchange.command()
@home_option
@click.argument("records", nargs=-1, required=True)
@click.option("--to", "partner", required=True, help="The partner's id.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write.",
)
def seal(home: Path | None, records: tuple[str, ...], partner: str, output: Path) -> None:
    """Give time-locked RECORDS in advance: an encrypted file, and a code that opens it.

    With the records go those about them, such as the names on a manifest. Hand the file over now; read the code
    over the telephone when it is needed. It is shown this once and kept nowhere.
    """
    with opened(home) as (node, _):
        from safeconduct.exchange.ahead import seal as make
        from safeconduct.records.principals import system_subject

        made = make(system_subject(node.party), list(records), partner)
    output.write_bytes(made.file)
    click.echo(
        f"{len(made.records)} record(s) sealed for {partner} in {output}, until {made.expires:%Y-%m-%d %H:%M} UTC"
    )
    click.echo(f"the code, shown this once:\n  {made.code}")
    for group in made.spoken:
        click.echo(f"    {group}")


@exchange.command("open")
@home_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--code", "with_code", is_flag=True, help="Ask for the code and open it now.")
def open_(home: Path | None, file: Path, with_code: bool) -> None:
    """Keep a partner's sealed FILE until its code is read over the telephone, or open it with the code.

    The code is asked for and never an argument, which other users of the machine could see.
    """
    with opened(home) as (node, _):
        from safeconduct.exchange.ahead import enter_code, take
        from safeconduct.records.principals import system_subject

        actor = system_subject(node.party)
        kept = take(actor, file.read_bytes())
        click.echo(f"sealed bundle {kept.bundle} from {kept.partner}: {kept.state}")
        if with_code:
            spoken = click.prompt("Code as the other party reads it")
            for record, kind, outcome in enter_code(actor, kept.bundle, spoken):
                click.echo(f"  {kind} {record}: {outcome}")


@exchange.command()
@home_option
@click.option("--partner", required=True, help="The partner's id.")
@click.option(
    "--file", "given", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="What they gave."
)
@click.option(
    "--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A signatory's key file."
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file for the partner."
)
@click.option("--give-up", is_flag=True, help="End the attempt to agree.")
def resume(
    home: Path | None, partner: str, given: Path | None, key: Path | None, output: Path | None, give_up: bool
) -> None:
    """Go on after a freeze: both parties sign a new epoch.

    First each gives the other a file with what its node holds (-o FILE). Then a signatory of each signs what
    follows from both (--file THEIRS --key KEY -o FILE), and the other side takes the file in. One signature changes
    nothing. The passphrase of the key is asked for, or taken from SAFECONDUCT_PASSPHRASE.
    """
    with opened(home) as (node, door):
        from safeconduct.exchange import epoch_files

        if give_up:
            frozen = epoch_files.give_up(door, partner)
            click.echo(f"given up; still frozen: {frozen}" if frozen else "given up; the exchange goes on")
            return
        if given is None:
            step = epoch_files.give_view(door, partner)
        else:
            passphrase = passphrase_of(key) if key else None
            step = epoch_files.sign(door, node.party, partner, given.read_bytes(), key, passphrase)
    for line in step.lines:
        click.echo(line)
    if output is not None:
        output.write_bytes(step.file)
        click.echo(f"for {partner}: {output}")
    if given is not None:
        click.echo("both have signed: the new epoch has begun" if step.begun else "one signature is missing")

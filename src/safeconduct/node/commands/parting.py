"""exchange part: the end of an agreement, from the signatory's wish to the closed link and the evidence of it."""

from __future__ import annotations

import time
from pathlib import Path

import click

from safeconduct.node.commands.opening import home_option, opened
from safeconduct.node.commands.passphrases import passphrase_of
from safeconduct.records.door import Door
from safeconduct.records.home import Home, HomeError


@click.command()
@home_option
@click.argument("partner")
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Begin: a signatory's key file signs that PARTNER is asked to erase what it was given.",
)
@click.option(
    "--keep", multiple=True, metavar="KIND", help="With --key: but for this kind of record; repeat."
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the evidence to this file."
)
@click.option(
    "--close", is_flag=True, help="With -o: then close the link and forget the card. Stop the node first."
)
@click.option("--destroy-feed", is_flag=True, help="With --close: keep nothing of the feed but the evidence.")
@click.option(
    "--unanswered", is_flag=True, help="With --close: although PARTNER has not answered everything."
)
def part(
    home: Path | None,
    partner: str,
    key: Path | None,
    keep: tuple[str, ...],
    output: Path | None,
    close: bool,
    destroy_feed: bool,
    unanswered: bool,
) -> None:
    """Part company with PARTNER at the end of an agreement: what each still holds, erasures, evidence, the end.

    First signatories end every clause (`agreement end`). Then --key asks PARTNER to erase what it was given; without
    options the command says how far that is. -o writes a file that proves, without a node, what crossed, what was
    taken back and what was answered; --close then ends it here.
    """
    if close and output is None:
        raise click.UsageError("--close needs -o FILE: the evidence is written before anything is forgotten")
    if (keep and key is None) or ((destroy_feed or unanswered) and not close):
        raise click.UsageError("--keep goes with --key, --destroy-feed and --unanswered with --close")
    with opened(home) as (node, door):
        if partner not in node.partners and partner in node.former:
            _clear_away(node, partner, destroy_feed)
            return
        if close and door.writer is None:
            raise HomeError("the node is running; stop it before the link is closed")
        if key is not None:
            _begin(node, door, partner, key, keep)
        _tell(door, partner)
        if output is not None:
            from safeconduct.exchange.closing import close as end
            from safeconduct.exchange.closing import write_evidence

            digest = write_evidence(node, door, partner, output)
            click.echo(f"evidence in {output}, {digest}")
            if close:
                end(node, door, partner, digest, destroy_feed, unanswered)
                click.echo(f"the link with {partner} is closed and its card forgotten")


def _begin(node: Home, door: Door, partner: str, key: Path, keep: tuple[str, ...]) -> None:
    from safeconduct.agreement.signatures import file_signatory, public_of_key_file, sign_text_with_file
    from safeconduct.exchange.parting import Wish

    if partner not in node.partners:
        raise HomeError(f"this node is not paired with {partner}")
    passphrase = passphrase_of(key)
    wish = Wish(
        node.partners[partner].agreement, node.party, partner, tuple(sorted(set(keep))), int(time.time())
    )
    payload = {
        "partner": partner,
        "keep": list(wish.keep),
        "at": wish.at,
        "key": file_signatory(node.party, "-", public_of_key_file(key, passphrase)).key_id,
        "signature": sign_text_with_file(key, passphrase, wish.text()),
    }
    asked, after = 0, ""
    while True:
        answer = door.call("exchange_part_begin", {**payload, "after": after})
        asked, after = asked + answer["asked"], answer["after"]
        if not after:
            break
    click.echo(f"{partner} is asked to erase {asked:,} records")


def _tell(door: Door, partner: str) -> None:
    found = door.call("exchange_parting", {"partner": partner})
    begun = f"begun {found['begun']}" if found["begun"] else "not begun by a signatory of this party"
    click.echo(f"parting with {partner}: {begun}")
    theirs = [f"{count:,} {status}" for status, count in found["theirs"].items() if count]
    click.echo(f"  versions that {partner} was given: {', '.join(theirs) or 'none'}")
    ours = [f"{count:,} {kind}" for kind, count in sorted(found["ours"].items())]
    click.echo(f"  records of {partner} that are held here: {', '.join(ours) or 'none'}")
    click.echo(f"  entries that {partner} has not acknowledged: {found['unacknowledged']:,}")


def _clear_away(node: Home, partner: str, destroy_feed: bool) -> None:
    from safeconduct.exchange.closing import clear_away

    done = clear_away(node, partner, destroy_feed)
    click.echo(
        f"the link with {partner} was closed before; "
        + ("its keys are destroyed now" if done else "all is done")
    )

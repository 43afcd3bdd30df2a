"""Two parties that act on an agreement and are slow to hear of each other, for the tests of its standing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from safeconduct.agreement.acts import SignedAct, StatusAct, next_act
from safeconduct.agreement.signatures import Signatory, SignatureRefused
from safeconduct.agreement.status import Standing, standing

from .sample import COMMAND, INCIDENTS, clause

ONE = clause(COMMAND)
TWO = clause(COMMAND.replace("version = 1", "version = 2"))
THREE = clause(COMMAND.replace("version = 1", "version = 3"))
OTHER = clause(INCIDENTS)
CLAUSES = (ONE, TWO, OTHER)
PARTIES = ("pk", "cn")
SIGNATORIES = {
    party: [Signatory(party, f"{party} minister", f"key-{party}", "file", "AA")] for party in PARTIES
}


def mock_check(act: StatusAct, signature: Mapping[str, str], signatory: Signatory) -> None:
    """Stands for cryptography where only the logic of status is under test."""
    if signature != {"by": signatory.key_id, "of": act.digest()}:
        raise SignatureRefused("the signature does not fit the act")


def signed(act: StatusAct) -> SignedAct:
    return SignedAct(act, {"by": act.key, "of": act.digest()})


def judge(acts: Iterable[SignedAct], clauses: Iterable[object] = CLAUSES) -> Standing:
    return standing(acts, PARTIES, clauses, SIGNATORIES, "pk-cn", mock_check)  # type: ignore[arg-type]


class Table:
    """Two parties that act, and whose news of each other may be old."""

    def __init__(self) -> None:
        self.acts: dict[str, list[StatusAct]] = {party: [] for party in PARTIES}
        self.known: dict[str, int] = dict.fromkeys(PARTIES, 0)
        self.clock = 0

    def tell(self, party: str) -> None:
        """The party learns of everything the other has done so far."""
        self.known[party] = len(self.acts[other(party)])

    def act(self, by: str, to: str, text: object = ONE, news: bool = True, **changes: object) -> StatusAct:
        if news:
            self.tell(by)
        self.clock += 1
        theirs = self.acts[other(by)][: self.known[by]]
        fields = {
            "agreement": "pk-cn",
            "key": f"key-{by}",
            "clause": getattr(text, "number", ""),
            "text": getattr(text, "digest", ""),
        } | changes
        made = next_act(
            self.acts[by][-1] if self.acts[by] else None,
            {other(by): theirs[-1]} if theirs else {},
            by=by,
            to=to,
            at=self.clock,
            **fields,  # type: ignore[arg-type]
        )
        self.acts[by].append(made)
        return made

    @property
    def signed(self) -> list[SignedAct]:
        return [signed(act) for acts in self.acts.values() for act in acts]

    def status(self, number: str = "24") -> str:
        return judge(self.signed).status(number)

    def in_force(self) -> list[tuple[str, int]]:
        return [(each.number, each.version) for each in judge(self.signed).in_force]


def other(party: str) -> str:
    return "cn" if party == "pk" else "pk"


def agreed_table() -> Table:
    table = Table()
    table.act("pk", "proposed")
    table.act("cn", "agreed")
    table.act("pk", "agreed")
    return table

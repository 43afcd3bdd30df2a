"""A small vocabulary and agreement for the tests of the policy engine."""

from __future__ import annotations

from safeconduct.agreement.clauses import Clause, parse_clause
from safeconduct.agreement.policy import Book
from safeconduct.agreement.vocabulary import KindShape, Vocabulary

VOCABULARY = Vocabulary(
    {
        "incident": KindShape("incident", ("summary", "where", "people", "source"), ("open", "closed")),
        "movement": KindShape(
            "movement", ("notice", "itinerary", "escort"), ("draft", "notified", "cleared", "under_way")
        ),
        "alert": KindShape("alert", ("summary", "people"), ("open", "closed")),
        "deployment": KindShape("deployment", ("order", "strength"), ("planned", "under_way")),
    }
)

INCIDENTS = """+++
clause  = "4"
version = 1
title   = "Incidents"
texts   = ["en", "ur", "zh-hans"]

[titles]
ur = "واقعات"

[[grant]]
id     = "4.1"
to     = "both"
roles  = ["coordinator", "liaison"]
may    = ["read", "disclose"]
kind   = ["incident", "alert"]
parts  = ["summary"]
whose  = "other"
up_to  = "RESTRICTED"

[[grant]]
id     = "4.2"
to     = "partner"
roles  = ["coordinator"]
may    = ["read", "export", "disclose"]
kind   = "incident"
parts  = ["where", "people"]
whose  = "host"
up_to  = "CONFIDENTIAL"
while  = { state = ["open"] }
logged = ["read"]
retention_days = 30
+++
# Clause 4: Incidents

4.1 Each Party shows the other's coordinators and
liaison officers what happened.

4.2 The Host shows the Partner's coordinators where, and whom it concerns.

## ur
4.1 ہر فریق دوسرے کو خلاصہ دکھاتا ہے۔

4.2 میزبان شریک کو جگہ اور افراد دکھاتا ہے۔

## zh-hans
4.1 各方向对方的
协调员展示摘要。

4.2 东道方展示地点和人员。
"""

MOVEMENTS = """+++
clause  = "7"
version = 1
title   = "Journeys"
texts   = ["en"]

[[grant]]
id     = "7.1"
to     = "host"
roles  = ["coordinator", "commander"]
may    = ["read", "disclose"]
kind   = "movement"
parts  = ["notice", "itinerary"]
whose  = "partner"
up_to  = "CONFIDENTIAL"
while  = { state = ["notified", "cleared", "under_way"] }
when   = ["assigned", "not_before"]
logged = true

[[grant]]
id     = "7.2"
to     = "host"
roles  = ["observer"]
may    = ["read", "disclose"]
kind   = "movement"
parts  = ["notice"]
whose  = "partner"
up_to  = "RESTRICTED"
when   = ["authorised_by"]

[[grant]]
id     = "7.4"
to     = "host"
roles  = ["commander"]
may    = ["read"]
kind   = "movement"
parts  = ["notice"]
whose  = "partner"
up_to  = "RESTRICTED"

[[assurance]]
id     = "7.3"
never  = { party = "partner", may = "command", kind = "deployment" }
unless = ["24"]
+++
7.1 The Host's duty bearers see notice and itinerary.
7.2 An authorised observer sees the notice.
7.3 No partner principal commands a deployment.
7.4 The Host's commanders see the notice.
"""

EMERGENCIES = """+++
clause  = "8"
version = 1
title   = "Emergencies"
texts   = ["en"]

[[grant]]
id     = "8.1"
to     = "both"
roles  = ["analyst", "commander"]
may    = ["read"]
kind   = ["incident", "movement"]
parts  = ["*"]
whose  = "other"
up_to  = "SECRET"
when   = ["not_before", "emergency"]
logged = true
+++
8.1 In an emergency each Party's analysts and commanders may read.
"""

COMMAND = """+++
clause  = "24"
version = 1
title   = "The Partner's part on the ground"
texts   = ["en"]

[[grant]]
id     = "24.1"
to     = "partner"
roles  = ["commander"]
may    = ["command"]
kind   = "deployment"
parts  = ["*"]
whose  = "host"
up_to  = "SECRET"
+++
24.1 The Partner's commanders command deployments of the Host.
"""

HOUSE = """+++
clause  = "H1"
version = 1
title   = "Own records"
texts   = ["en"]

[[grant]]
id     = "H1.1"
to     = "own"
roles  = ["coordinator", "commander", "watch_officer"]
may    = ["read", "write", "disclose", "export"]
kind   = ["incident", "movement", "alert"]
parts  = ["*"]
whose  = "own"
up_to  = "SECRET"

[[grant]]
id     = "H1.3"
to     = "own"
roles  = ["analyst"]
may    = ["read"]
kind   = ["incident"]
parts  = ["*"]
whose  = "other"
up_to  = "SECRET"

[[red_line]]
id     = "H1.2"
kind   = "incident"
parts  = ["people", "where"]
above  = "RESTRICTED"
+++
H1.1 Our rooms work with our own records.
H1.2 People and places above RESTRICTED are never disclosed.
H1.3 Our analysts read what others let them read.
"""


def clause(text: str) -> Clause:
    return parse_clause(text.encode(), VOCABULARY, "clause.md")


def books(**status: str) -> list[Book]:
    """The agreement of pk and cn and the house of pk; `c24="agreed"` changes a clause's status."""
    given = {"c4": "agreed", "c7": "agreed", "c24": "declined", "h1": "agreed"} | status
    return [
        Book("house", {"own": "pk"}, ((clause(HOUSE), given["h1"]),)),
        Book(
            "pk-cn",
            {"host": "pk", "partner": "cn"},
            (
                (clause(INCIDENTS), given["c4"]),
                (clause(MOVEMENTS), given["c7"]),
                (clause(COMMAND), given["c24"]),
            ),
        ),
    ]

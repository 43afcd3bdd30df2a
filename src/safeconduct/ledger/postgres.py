"""A connection to a schema of a PostgreSQL database that takes the project's SQL.

The server is looked at before it is trusted: one that acknowledges what a power cut may take back is refused, and so
is a way to it over a network that nothing protects. Sessions are needed, so no pooler that hands transactions around.
"""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, cast

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper

from safeconduct.ledger.database import DatabaseBusy, DatabaseFault, Rows
from safeconduct.ledger.dialect import postgres

OLDEST = 150000
"""The oldest version of PostgreSQL's server that is relied on, as it counts them."""
LOCK_MS = 20_000
"""How long somebody waits for a turn at writing."""
_ASKED = "current_setting('fsync'), current_setting('synchronous_commit'), current_setting('server_encoding')"
_KEYS = 0x5AFE
"""The first half of the project's advisory locks; the second is told from the schema's name."""
_APART = ("BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")
_WAYS = {
    "connect_timeout": 10,
    "keepalives_idle": 3,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 9_000,
}
_SAID = ("verify-full", "verify-ca", "require", "disable")
"""What an address says of the way to another machine: libpq's own choice is to go in the open when it must."""
_NOTICED = ("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")
"""How soon a way that is cut is noticed, where the address says nothing else; by the server as soon: a machine that is
gone keeps no claim for more than some nine seconds."""
CHECK_MS = 2_000
"""How often the server looks, while it works or waits for somebody, whether that one is still there."""


class Unfit(DatabaseFault):
    """No database for a node: what is wrong, in words for its operator."""


class _TruthDumper(Int8Dumper):
    """Truth is 1 or 0, as in SQLite."""

    def dump(self, obj: Any) -> bytes:
        return b"1" if obj else b"0"


class Postgres:
    """One connection whose unqualified names are those of one schema, which is made when it is not there.

    With `reconnects` a connection that was lost is made again for the next statement outside a transaction: for those
    that hold no claim and can be asked again. Never for the one that appends.
    """

    def __init__(
        self, address: str, schema: str, *, read_only: bool = False, reconnects: bool = False
    ) -> None:
        """Raises Unfit for an address or a server that will not do, DatabaseFault when there is no connection."""
        self._parameters = _parameters(address)
        self._schema = schema
        self._read_only = read_only
        self._reconnects = reconnects
        self._number = zlib.crc32(schema.encode()) & 0x7FFF_FFFF
        self._turn = f"BEGIN; SELECT pg_advisory_xact_lock({_KEYS + 1}, {self._number})".encode()
        self._begins = {"BEGIN": b"BEGIN ISOLATION LEVEL REPEATABLE READ", "BEGIN IMMEDIATE": self._turn}
        self._began = False
        self.turn = 0
        """Another number after everything that begins anew or takes back: what was seen under the same one stands."""
        self._connection = self._connect()

    @property
    def in_transaction(self) -> bool:
        if self._connection.closed:
            return self._began
        return self._connection.pgconn.transaction_status != TransactionStatus.IDLE

    @property
    def lost(self) -> bool:
        """Whether the connection has ended, and with it whatever was claimed over it."""
        return self._connection.closed

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Rows:
        if self._reconnects and self._connection.closed:
            if self._began and sql not in (*self._begins, "ROLLBACK"):
                raise DatabaseFault("the connection to PostgreSQL was lost within a transaction")
            self._connection = self._connect()
        statement = self._begins.get(sql) or postgres(sql)
        if sql in _APART:
            self._began = sql in self._begins
        if sql in _APART or sql.startswith("ROLLBACK"):
            self.turn += 1
        try:
            cursor = self._connection.cursor(binary=bool(parameters))
            cursor.execute(statement, parameters or None)
        except psycopg.Error as fault:
            raise self._failed(fault) from None
        return cast(Rows, cursor)

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Rows:
        given = list(parameters)
        if len(given) == 1:
            return self.execute(sql, given[0])
        try:
            cursor = self._connection.cursor()
            cursor.executemany(postgres(sql), given)
        except psycopg.Error as fault:
            raise self._failed(fault) from None
        return cast(Rows, cursor)

    def put_unlogged(self, table: str, types: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Add rows, whose values no server writes into a log of statements as it may those of any other one."""
        try:
            with (
                self._connection.cursor() as cursor,
                cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)".encode()) as copy,
            ):
                copy.set_types(types)
                for row in rows:
                    copy.write_row(row)
        except psycopg.Error as fault:
            raise self._failed(fault) from None

    def _failed(self, fault: psycopg.Error) -> Exception:
        """What no server said is the connection's end, also where the library does not see that yet: a line that was
        cut says nothing more."""
        if fault.sqlstate is None and isinstance(fault, psycopg.OperationalError):
            self._connection.close()
        return _told(fault)

    def claim(self) -> bool:
        """Be the only one with a claim to this schema, for as long as the connection lives; False when another is."""
        found = self.execute(f"SELECT pg_try_advisory_lock({_KEYS}, {self._number})").fetchone()
        return bool(found[0])

    def whereabouts(self) -> tuple[int, int]:
        """Which server this is (the number that it was given when it was made) and which of its databases."""
        found = self.execute(
            "SELECT (SELECT system_identifier FROM pg_control_system()), CAST(oid AS BIGINT) "
            "FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        return int(found[0]), int(found[1])

    def close(self) -> None:
        self._connection.close()

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        try:
            connection = psycopg.connect(
                **{**_WAYS, "application_name": "safeconduct", **self._parameters, "client_encoding": "utf8"},
                autocommit=True,
                cursor_factory=psycopg.RawCursor,
            )
        except psycopg.Error as fault:
            raise _told(fault) from None
        try:
            self._prepare(connection)
        except psycopg.Error as fault:
            connection.close()
            raise _told(fault) from None
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        adapters = connection.adapters
        adapters.register_dumper(int, Int8Dumper)
        adapters.register_dumper(int, Int8BinaryDumper)
        adapters.register_dumper(bool, _TruthDumper)
        _look_at(connection)
        schema = _quoted(self._schema)
        there = connection.execute("SELECT to_regnamespace($1) IS NOT NULL", (schema,)).fetchone()
        if not self._read_only and there != (True,):
            connection.execute(self._turn)
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}".encode())
            connection.execute(b"COMMIT")
        settings = [f"search_path = {schema}", "client_min_messages = warning", f"lock_timeout = {LOCK_MS}"]
        if _is_far(connection):
            settings += noticing()
        if self._read_only:
            settings.append("default_transaction_read_only = on")
        for setting in settings:
            connection.execute(f"SET {setting}".encode())


def held() -> dict[str, int]:
    """Parameters of a connection with which this end soon notices that the server is gone."""
    return {name: _WAYS[name] for name in _NOTICED}


def noticing() -> list[str]:
    """Settings of a session with which the server soon notices that the machine at its other end is gone."""
    told = [f"tcp_{name.removeprefix('tcp_')} = {_WAYS[name]}" for name in _NOTICED]
    return [*told, f"client_connection_check_interval = {CHECK_MS}"]


def role_of(address: str) -> str:
    """The role as which an address connects, quoted. Raises Unfit for one that names none."""
    found = _parameters(address).get("user")
    if not found:
        raise Unfit("the address of a database names its role: postgresql://role@host/database")
    return _quoted(str(found))


def without_password(address: str) -> str:
    """An address that may stand on a command line, which others can read. Raises ValueError for one with a password."""
    if _parameters(address).get("password"):
        raise ValueError("others can read a command line: leave the password to ~/.pgpass")
    return address


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _parameters(address: str) -> dict[str, Any]:
    # Never the parser's own words: they may quote a password.
    if not isinstance(address, str) or not address.startswith(("postgresql://", "postgres://")):
        raise Unfit("the address of a database begins with postgresql://")
    try:
        found = dict(conninfo_to_dict(address))
        if not ("0" + str(found.get("port", "")).replace(",", "")).isdecimal():
            raise psycopg.ProgrammingError
    except psycopg.ProgrammingError:
        raise Unfit(
            "the address of the database is none: write postgresql://user@host/database, and what is no letter, "
            "digit or one of -._~ within a name or password as %XX"
        ) from None
    hosts = str(found.get("hostaddr") or found.get("host") or "").split(",")
    if any(map(_is_away, hosts)) and found.get("sslmode") not in _SAID:
        raise Unfit(
            "the way to the database leaves this machine: add ?sslmode=verify-full&sslrootcert=FILE to its address, or "
            "?sslmode=disable where nobody else can listen"
        )
    return found


def _is_away(host: str) -> bool:
    """Whether a host of an address is another machine."""
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def _is_far(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server that answered is on another machine."""
    host, address = connection.info.host, connection.info.hostaddr
    if host.startswith(("/", "@")) or not address:
        return False
    return not ipaddress.ip_address(address).is_loopback


def _look_at(connection: psycopg.Connection[Any]) -> None:
    """Raises Unfit for a server that cannot be relied on."""
    if connection.info.server_version < OLDEST:
        raise Unfit(f"PostgreSQL {OLDEST // 10_000} or later is needed")
    found = connection.execute(f"SELECT {_ASKED}".encode()).fetchone()
    fsync, commit, encoding = found or ("", "", "")
    for name, value in (("fsync", fsync), ("synchronous_commit", commit)):
        if value == "off":
            raise Unfit(f"the database has {name} = off: a power cut could take back what was acknowledged")
    if encoding != "UTF8":
        raise Unfit(f"the database has the encoding {encoding}: make it with UTF8")


def _told(fault: psycopg.Error) -> Exception:
    """A fault in words that quote no value: those of the server's messages about data may."""
    if fault.sqlstate is None and isinstance(fault, psycopg.DataError):
        return ValueError("a text that no database can hold")
    if fault.sqlstate is None and isinstance(fault, psycopg.OperationalError):
        return DatabaseFault(f"no connection to PostgreSQL: {fault}")
    told = "" if (fault.sqlstate or "22")[:2] in ("22", "23") else f": {fault.diag.message_primary or ''}"
    sort = DatabaseBusy if isinstance(fault, psycopg.errors.LockNotAvailable) else DatabaseFault
    return sort(f"{type(fault).__name__} ({fault.sqlstate}){told}")

"""A base backup brought to a moment by PostgreSQL's own recovery, on a server of its own that nobody else reaches.

It listens on a socket in a folder of its user alone, and its log archives nothing. PostgreSQL replays what the archive
has, and says itself when that does not reach the moment; what is missing is looked for beforehand, to be named.
"""

from __future__ import annotations

import re
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from safeconduct.ledger.database import DatabaseFault
from safeconduct.ledger.postgres import Postgres
from safeconduct.node.base_backups import DATA, Base
from safeconduct.node.server_programs import owned, program, run
from safeconduct.records.home import HomeError

PATIENCE = 3600
"""Seconds that a server may take to replay its log."""
_SEGMENT = re.compile(r"[0-9A-F]{24}")
_START = re.compile(r"START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)")


def moment_of(text: str, base: Base) -> datetime:
    """A moment as it is given, which says its zone. Raises HomeError for another, or one before the backup."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise HomeError(f"{text!r} is no moment: write 2024-10-06T23:00:00+05:00") from None
    if found.tzinfo is None:
        raise HomeError(f"{text} does not say its zone: add +05:00, or Z")
    if found < datetime.fromisoformat(base.since):
        raise HomeError(
            f"this backup was complete at {base.since} and goes back no further: take an older backup for {text}"
        )
    if found > datetime.now(UTC):
        raise HomeError(f"{text} is not past yet")
    return found


def copied(folder: Path, data: Path, base: Base) -> None:
    """Verify a backup's server folder by its own manifest and copy it to `data`, which is not there yet. Where that
    fails, nothing is left; what is there already is not touched."""
    verify = program("pg_verifybackup", base.version)
    held = folder / DATA
    if data.exists():
        raise HomeError(f"{data} is there already; a restore needs a new folder")
    try:
        said = (held / "PG_VERSION").read_text().strip()
    except OSError as fault:
        raise HomeError(f"{held} is no copy of a server: {fault}") from fault
    if said != str(base.version):
        raise HomeError(f"the backup is of PostgreSQL {said}, and not {base.version} as {folder} says")
    try:
        shutil.copytree(held, data, symlinks=True)
        data.chmod(0o700)
        owned(data)
    except (OSError, shutil.Error) as fault:
        shutil.rmtree(data, ignore_errors=True)
        raise HomeError(f"the backup cannot be copied: {fault}") from fault
    # Its log is looked through by the program that replays it, which is not always beside this one.
    try:
        run([verify, "-n", str(data)], data.parent)
    except HomeError as fault:
        shutil.rmtree(data, ignore_errors=True)
        raise HomeError(f"the copy of the server is damaged: {fault}") from None


@contextmanager
def recovered(data: Path, base: Base, archive: Path | None, moment: datetime | None) -> Iterator[Path]:
    """Replay what the archive has into a copied server folder, up to a moment or as far as it goes, and serve it for
    the length of the block. Yields the folder of its socket. Then the server is stopped."""
    control = program("pg_ctl", base.version)
    program("postgres", base.version)
    if moment is not None and archive is None:
        raise HomeError(
            "a moment after the backup needs the archive of the write-ahead log: --archive FOLDER"
        )
    if archive is not None:
        try:
            run(["sh", "-c", 'test -r "$0" && test -x "$0"', str(archive.absolute())], Path("/"))
        except HomeError:
            raise HomeError(f"{archive} is no folder that the user of the server can read") from None
    gap = first_gap(data, archive) if archive is not None else ""
    if gap and moment is None:
        raise HomeError(gap)
    with tempfile.TemporaryDirectory(prefix="recovery-") as place:
        scratch = Path(place)
        (scratch / "hba").write_text("local all all trust\n")
        (scratch / "log").touch(mode=0o600)
        # Its own settings and none of the server's that was copied: on Debian those are not even in the copy.
        (scratch / "conf").write_text(
            "".join(f"{name} = '{value}'\n" for name, value in _settings(scratch, archive, moment))
        )
        (data / "recovery.signal").touch(mode=0o600)
        owned(scratch)
        owned(data / "recovery.signal")
        conf = shlex.quote(str(scratch / "conf"))
        options = f"-c config_file={conf} -c archive_mode=off -c shared_preload_libraries="
        start = [control, "start", "-s", "-w", "-t", str(PATIENCE), "-D", str(data)]
        try:
            run([*start, "-l", str(scratch / "log"), "-o", options], scratch)
        except HomeError as fault:
            raise HomeError(_reason(scratch / "log", gap) or str(fault)) from None
        try:
            _until_writable(data, base, scratch, gap)
            yield scratch
        finally:
            if (data / "postmaster.pid").exists():
                run([control, "stop", "-s", "-w", "-t", "600", "-m", "fast", "-D", str(data)], scratch)


def within(socket: Path, role: str, database: str) -> str:
    """The address of a database of a server that is reached by the socket in this folder."""
    return (
        f"postgresql://{quote(role, safe='')}@/{quote(database, safe='')}?host={quote(str(socket), safe='')}"
    )


def first_gap(data: Path, archive: Path) -> str:
    """What is missing in an archive, or too short, from where a backup needs it on, in words; "" for nothing.

    What its last segments lack can be seen by nobody but the recovery, which is told how far it is to come.
    """
    label = (data / "backup_label").read_text("utf-8", errors="replace")
    found = _START.search(label)
    if found is None:
        raise HomeError("the backup does not say where its write-ahead log begins")
    first = found[1]
    sizes = {
        path.name.removesuffix(".partial"): path.stat().st_size
        for path in sorted(archive.iterdir(), reverse=True)
        if _SEGMENT.fullmatch(path.name.removesuffix(".partial"))
    }
    beside = {path.name: path.stat().st_size for path in (data / "pg_wal").iterdir() if path.is_file()}
    timeline = first[:8]
    wanted = sorted(name for name in sizes if name[:8] == timeline and name >= first)
    whole = max(beside.values(), default=0) or 16 * 1024 * 1024
    per_file = 0x1_0000_0000 // whole
    number = _number(first, per_file)
    for name in wanted:
        while number < _number(name, per_file):
            missing = _name(timeline, number, per_file)
            if missing not in beside:
                return f"the archive lacks the segment {missing} of the write-ahead log, and has later ones"
            number += 1
        if sizes[name] != whole and name not in beside:
            return f"the segment {name} in the archive has {sizes[name]:,} bytes and not {whole:,}: it is cut off"
        number += 1
    return ""


def _number(name: str, per_file: int) -> int:
    return int(name[8:16], 16) * per_file + int(name[16:], 16)


def _name(timeline: str, number: int, per_file: int) -> str:
    return f"{timeline}{number // per_file:08X}{number % per_file:08X}"


def _settings(scratch: Path, archive: Path | None, moment: datetime | None) -> Iterator[tuple[str, str]]:
    yield from {
        "listen_addresses": "",
        "unix_socket_directories": str(scratch),
        "unix_socket_permissions": "0700",
        "hba_file": str(scratch / "hba"),
        # Nobody looks in before the end, so that it need not have room for all that the other server had.
        "hot_standby": "off",
        "recovery_target_action": "promote",
    }.items()
    if archive is None:
        yield "restore_command", "false"
    else:
        folder = shlex.quote(str(archive.absolute()))
        # What pg_receivewal has not finished yet bears another name.
        command = f'cp {folder}/%f "%p" 2>/dev/null || cp {folder}/%f.partial "%p"'
        yield "restore_command", command.replace("'", "''")
    if moment is not None:
        yield "recovery_target_time", moment.astimezone(UTC).isoformat(sep=" ")


def _until_writable(data: Path, base: Base, scratch: Path, gap: str) -> None:
    """Wait until the server has replayed what it is to replay. Raises HomeError with its reason when it ends before."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            with closing(
                Postgres(within(scratch, base.owner, base.database), "public", read_only=True)
            ) as db:
                if db.execute("SELECT pg_is_in_recovery()").fetchone() == (False,):
                    return
        except DatabaseFault as fault:
            if not (data / "postmaster.pid").exists():
                raise HomeError(_reason(scratch / "log", gap) or str(fault)) from None
        time.sleep(0.05)
    raise HomeError(f"the server has not replayed its log within {PATIENCE} s")


def _reason(log: Path, gap: str) -> str:
    text = log.read_text("utf-8", errors="replace")
    if "recovery ended before configured recovery target was reached" in text:
        return (
            f"the archive does not reach that moment: {gap or 'it ends before, or nothing was written since'}"
        )
    if "before consistent recovery point" in text:
        return "that moment is before the backup was complete: take an older one"
    if gap and ("invalid" in text or "could not" in text or "wrong size" in text):
        return gap
    said = [line.partition("FATAL:")[2].strip() for line in text.splitlines() if "FATAL:" in line]
    return f"the server does not recover: {said[-1]}" if said else ""

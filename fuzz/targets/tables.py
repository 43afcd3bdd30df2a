"""Tables that somebody imports, and the pictures and texts that are attached to records."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from random import Random
from typing import Any

from PIL import Image

from fuzz.mutation import INTERESTING, changed
from fuzz.target import Target
from fuzz.targets.ledger import scratch
from safeconduct.incidents.importers import ucdp
from safeconduct.incidents.importers.cells import RowRefused
from safeconduct.incidents.importers.mapping import ColumnMapping, MappingRefused
from safeconduct.journeys import request_lines
from safeconduct.records import attachments, delimited, workbooks
from safeconduct.registry import layouts as registered
from safeconduct.registry.importing import sheet_of

UCDP = (
    b"id,type_of_violence,where_prec,latitude,longitude,date_prec,date_start,date_end,best,high,low,country,dyad_name,"
    b'deaths_a\n1,1,2,24.9,67.1,1,2024-10-06 00:00:00.000,2024-10-06,2,4,1,Pakistan,"A, B",1\n2,3,1,,,1,2024-10-07,,0,0,'
    b"0,Pakistan,,\n"
)
OWN = (
    "when.start;where.latitude;where.longitude;summary.category;summary.title\n2024-10-06T18:00:00Z;24,9;67,1;Bombing;"
    "دھماکا\n06/10/2024;;;;\n"
).encode()
PERSONS = b"id,name,employer,phone\n7,Chen Wei,Port Works,+92 300 1234567\n8,'=cmd,,\n"
COLUMNS = b"""name = "guard-log"
date_format = "%d/%m/%Y"
[columns]
"Date" = "when.start"
"Lat"  = "where.latitude"
[values]
"where.country" = "Pakistan"
[categories]
"Bombing" = "attack"
"""


def _rows(data: bytes) -> list[Any]:
    """Every row of a delimited file, through each layout that knows its columns."""
    found: list[Any] = []
    with delimited.Sheet(scratch("table.csv", data)) as sheet:
        columns = set(sheet.columns)
        own = ColumnMapping.of_header(sheet.columns)
        for row in sheet:
            found.append(row)
            if not isinstance(row, delimited.Cells):
                continue
            for fits, convert in (
                (columns >= ucdp.REQUIRED, ucdp.convert),
                (own is not None, own and own.convert),
            ):
                if fits and convert:
                    try:
                        found.append(convert(row.cells))
                    except RowRefused:
                        continue
    return found


def _book(data: bytes) -> list[Any]:
    with workbooks.WorkbookSheet(scratch("table.xlsx", data)) as sheet:
        return [sheet.columns, *sheet]


def _either(data: bytes) -> list[Any]:
    with sheet_of(scratch("table", data)) as sheet:
        return list(sheet)


@cache
def _workbook() -> bytes:
    return workbooks.workbook([["id", "name", "since"], ["1", "陈伟", "2024-10-06"], ["2", "x", "3.5"]])


def _packed_changed(data: bytes, random: Random) -> bytes:
    """A workbook with one of its members changed, or its archive itself."""
    if random.random() < 0.25:
        return changed(data, random, INTERESTING, data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {each: archive.read(each) for each in archive.namelist()}
    except Exception:
        return data
    name = random.choice(
        [each for each in members if "sheet1" in each or random.random() < 0.3] or list(members)
    )
    words = (*INTERESTING, b'<c r="A2" t="n"><v>1e999</v></c>', b't="d"', b't="e"', b't="s"', b"<f>1+1</f>", b's="99"',
             b'r="XFD1048576"', b'r="A0"', b"<v>99999999999</v>", b"&#0;", b"<row r='-1'>")  # fmt: skip
    for _ in range(random.choice((1, 2, 4))):
        members[name] = changed(members[name], random, words, members[name])
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, content in members.items():
            archive.writestr(each, content)
    return target.getvalue()


def _mapped(data: bytes) -> Any:
    """A mapping and a row that it is applied to."""
    found = ColumnMapping.of_toml(data.decode("utf-8", "surrogateescape"))
    cells = dict.fromkeys(found.columns, "06/10/2024")
    try:
        return found.convert(cells)
    except RowRefused:
        return None


def _registered(data: bytes) -> Any:
    return registered._moment("since", data.decode("utf-8", "replace"))


def _lines(data: bytes) -> Any:
    text = data.decode("utf-8", "replace")
    return request_lines.names_in(text), request_lines.vehicles_in(text)


def pictures() -> list[bytes]:
    found = []
    for form, mode in (("JPEG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "I;16"), ("WEBP", "RGB")):
        picture, target = Image.new(mode, (9, 7)), io.BytesIO()
        exif = Image.Exif()
        exif[0x0112], exif[0x010F] = 6, "camera"
        picture.save(target, format=form, **({} if mode == "I;16" else {"exif": exif}))
        found.append(target.getvalue())
    return [*found, "متن\n".encode()]


def _cleaned(data: bytes) -> Any:
    media_type, cleaned = attachments.clean(data)
    return media_type, cleaned


def _again(found: tuple[str, bytes]) -> bytes:
    return found[1]


def _same_type(one: tuple[str, bytes], other: tuple[str, bytes]) -> bool:
    return one[0] == other[0]


def _parts(data: bytes) -> Any:
    return attachments.content_bytes({"data": data.decode("latin-1")})


LAYOUT_ROWS = (RowRefused, MappingRefused)
TARGETS = (
    Target(
        "delimited file",
        _rows,
        (delimited.FileRefused,),
        lambda: [UCDP, OWN, PERSONS],
        (
            "records.delimited:_split",
            "records.delimited:Sheet.__init__",
            "incidents.importers.cells:_named_month",
        ),
        words=(b'"', b'""', b"\r", b"|", b"=1+1", b"1,5", b"1 March 2024", b"1e5", b"-0", b"+92"),
        stored=False,
        weight=2,
    ),
    Target(
        "workbook",
        _book,
        (delimited.FileRefused,),
        lambda: [_workbook()],
        ("records.workbooks:WorkbookSheet.__init__", "records.workbooks:_bounded"),
        form=_packed_changed,
        weight=12,
    ),
    Target(
        "table", _either, (delimited.FileRefused,), lambda: [_workbook(), PERSONS], (), stored=False, weight=6
    ),
    Target(
        "mapping of columns",
        _mapped,
        (MappingRefused,),
        lambda: [COLUMNS],
        (
            "incidents.importers.mapping:ColumnMapping.of_toml",
            "incidents.importers.mapping:ColumnMapping._moment",
        ),
        words=(
            b"%Y%Y",
            b"%",
            b"%z",
            b"%s",
            b"\\",
            b"a." * 50,
            b"1" * 5000,
            b"[" * 3000,
            b"inf",
            b"{}",
            b"1979-05-27",
        ),
        stored=False,
    ),
    Target(
        "hour of a stay",
        _registered,
        (registered.RowRefused,),
        lambda: [b"2024-10-06 23:00", b"2024-10-06"],
        ("registry.layouts:_moment",),
        words=(b"0001-01-01", b"9999-12-31", b"+23:59", b"W01", b"T24:00"),
    ),
    Target(
        "lines of a request",
        _lines,
        (request_lines.LineRefused,),
        lambda: ["Chen Wei; China; Port Works; E123\n陈；中国\n".encode(), b"ABC-1; car; armoured\n"],
        (),
        words=(b";", b"\n", b"\x1c", b"\xc2\x85"),
        stored=False,
    ),
    Target(
        "attachment",
        _cleaned,
        (attachments.AttachmentRefused,),
        pictures,
        ("records.attachments:_clean_picture",),
        again=_again,
        same=_same_type,
        memory=64 * 1024 * 1024,
        weight=4,
    ),
    Target(
        "content of an attachment",
        _parts,
        (attachments.AttachmentRefused,),
        lambda: [b"YWJj"],
        ("records.attachments:content_bytes", "reports.filing:filed_pdf"),
    ),
)

"""Papers as they come out of the press: page by page, in three languages, whatever somebody wrote into them."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from reports.printed import LANGUAGES, PAGES, SAID, difference, pages_of, sample
from safeconduct.shell import papers, printed_map, typesetting
from safeconduct.shell.papers import LONGEST, Facts, Paper, Section, Table, Text, printable, words
from safeconduct.shell.typesetting import FACES, Unset, pdf

NEAR = 4.0
"""What another version of the renderer may change; a paper in another language differs by some twenty."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_looks_as_it_did(language: str) -> None:
    pages = pages_of(pdf(sample(language)))
    expected = sorted(PAGES.glob(f"{language}-*.png"))
    assert len(pages) == len(expected)
    for page, file in zip(pages, expected, strict=True):
        assert difference(page, Image.open(file).convert("L")) < NEAR, file.name


def test_the_comparison_sees_what_a_reader_would() -> None:
    page = pages_of(pdf(sample("ur")))[0]
    assert difference(page, ImageOps.mirror(page)) > 2 * NEAR
    assert difference(page, pages_of(pdf(sample("en")))[0]) > 2 * NEAR
    moved = Image.new("L", page.size, 255)
    moved.paste(page, (4, 3))
    assert difference(page, moved) > NEAR
    unjoined = replace(sample("ur"), title="\u200c".join(str(SAID["ur"]["title"])))
    assert difference(page, pages_of(pdf(unjoined))[0]) > NEAR


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_paper_gives_the_same_bytes(language: str) -> None:
    assert pdf(sample(language)) == pdf(sample(language))
    assert pdf(replace(sample(language), moment=1_728_324_001.0)) != pdf(sample(language))


def test_urdu_is_set_from_the_right_and_chinese_in_its_own_shapes() -> None:
    for language, face in (("en", b"NotoSans-"), ("ur", b"NotoNastaliqUrdu"), ("zh-hans", b"NotoSansSC")):
        assert face in pdf(sample(language))
    page = pypdfium2.PdfDocument(pdf(sample("ur")))[0]
    text = page.get_textpage()
    heading = next(
        text.get_charbox(i)
        for i in range(text.count_chars())
        if text.get_text_range(i, 1) == str(SAID["ur"]["title"])[0]
    )
    assert heading[0] > page.get_width() / 2, "the first letter of an Urdu heading stands on the right"


def one(text: str, language: str = "en") -> Paper:
    table = Table(["A", "B"], [[words(text), words("KEPT")]], [1, 1])
    return replace(
        sample(language),
        title=text or "empty",
        sections=[Section(text, [words(text), Facts([(text, words(text))]), table])],
    )


def text_of(raw: bytes) -> str:
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(raw))


HOSTILE = [
    '#import "/etc/passwd": *',
    '#read("/etc/passwd")',
    "#panic()",
    '"); #sys.inputs',
    "$ integral $ *bold* _it_ = Heading\n== Sub\n- list\n+ list\n/ term: x",
    "`raw` ```typ #panic()``` // comment /* open",
    "@label <label> [content] ] ) } \\u{0} \\",
    "#let x = 1; #while true {}",
    "\u202eLRO\u202d RLO \u2066isolate \u2067 never closed \u202b",
    "\x00\x01\x1b[31m\x7f\x85\u2028\u2029\ufeff\ufffe\uffff",
    "e" + "\u0301" * 500,
    "\U000e0001\U000e0041 tag",
    "👩‍👩‍👧‍👦 \U0001f1f5\U0001f1f0",
    "a" * 100_000,
    "خ" * 100_000,
    "袭" * 100_000,
    " \n" * 50_000,
    "\n" * 100_000,
    "{{7*7}} {% include 'x' %} <script>alert(1)</script>",
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_what_somebody_wrote_is_printed_and_nothing_else(number: int) -> None:
    hostile = HOSTILE[number]
    for language in ("en", "ur"):
        raw = pdf(one(hostile, language))
        text = text_of(raw)
        assert "KEPT" in text and "root:" not in text
        assert len(pypdfium2.PdfDocument(raw)) < 40
    if hostile.startswith("#read"):
        assert "#read" in text_of(pdf(one(hostile)))


def test_what_is_cut_off_is_said_to_be() -> None:
    assert printable("x" * LONGEST).replace("\u200b", "") == "x" * LONGEST
    assert "8,000 more characters" in printable("x" * (LONGEST + 8_000))


def test_nobody_turns_the_direction_of_a_neighbour() -> None:
    for control in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
        assert printable(f"a{control}b") == "ab"
    assert printable("می\u200cخواہم") == "می\u200cخواہم", "a joiner is part of how a word is written"


@given(st.text(max_size=300))
@settings(max_examples=40)
def test_any_text_can_be_printed(text: str) -> None:
    assert pdf(one(text)).startswith(b"%PDF-")


def test_a_paper_as_data_is_json_that_says_every_direction() -> None:
    plain = json.loads(json.dumps(papers.plain(one("گوادر", "en"))))
    (section,) = plain["sections"]
    assert section["blocks"][0]["rtl"] is True
    assert Text("12–14", ltr=True).rtl is False


def test_missing_typefaces_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    typesetting._faces.cache_clear()
    monkeypatch.setattr(typesetting, "FACES", tmp_path)
    with pytest.raises(Unset, match="Noto Nastaliq Urdu, Noto Sans, Noto Sans SC"):
        pdf(sample("en"))
    typesetting._faces.cache_clear()


def test_every_typeface_comes_with_its_licence() -> None:
    for name in ("NotoSans", "NotoSansSC", "NotoNastaliqUrdu"):
        assert "Open Font License" in (FACES / f"{name}-LICENSE.txt").read_text().replace(
            "OPEN FONT LICENSE", "Open Font License"
        )


# --- the map ---------------------------------------------------------------------------------------------


def test_a_map_shows_every_place_inside_its_frame() -> None:
    places = [
        printed_map.Place(67.17, 24.9, 1),
        printed_map.Place(74.34, 35.9, 2),
        printed_map.Place(62.3, 25.1, 3),
    ]
    svg = printed_map.draw(places)
    spots = re.findall(r'<circle cx="([\d.-]+)" cy="([\d.-]+)"', svg)
    assert len(spots) == 3
    for x, y in spots:
        assert 0 < float(x) < printed_map.WIDTH and 0 < float(y) < printed_map.HEIGHT
    east = [float(x) for x, _ in spots]
    assert east[2] < east[0] < east[1] and float(spots[1][1]) < float(spots[0][1])


def test_a_disputed_line_is_drawn_as_the_viewpoint_has_it() -> None:
    kashmir = [printed_map.Place(74.0, 33.5, 1), printed_map.Place(76.0, 34.5, 2)]
    neutral, host = printed_map.draw(kashmir), printed_map.draw(kashmir, "host", "pk")
    assert 'stroke-dasharray="6 4"' in neutral and 'stroke-dasharray="1.5 4"' not in neutral
    assert 'stroke-dasharray="1.5 4"' in host
    assert neutral == printed_map.draw(kashmir) and hashlib.sha256(neutral.encode()) != hashlib.sha256(
        host.encode()
    )


@pytest.mark.parametrize(
    ("longitude", "latitude"), [(180.0, 0.0), (-180.0, 89.9), (0.0, -90.0), (179.9, -16.5)]
)
def test_the_ends_of_the_earth_can_be_drawn(longitude: float, latitude: float) -> None:
    assert printed_map.draw([printed_map.Place(longitude, latitude, 1)]).endswith("</svg>")


def test_nowhere_is_no_map() -> None:
    assert printed_map.draw([]) == ""

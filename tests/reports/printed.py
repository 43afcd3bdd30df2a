"""A paper with everything in it that papers have, in three languages, and how its pages are compared as images.

`python -m reports.printed` in `tests/` draws the reference pages again: look at each before it is committed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import django
import pypdfium2
from django.conf import settings
from PIL import Image, ImageChops, ImageFilter, ImageStat

from safeconduct.shell.papers import Bars, Facts, Map, Paper, Section, Table, words
from safeconduct.shell.printed_map import Place, draw
from safeconduct.shell.typesetting import FACES, pdf

PAGES = Path(__file__).resolve().parent / "pages"
LANGUAGES = ("en", "ur", "zh-hans")
SCALE = 0.75
SAID = {
    "en": {
        "title": "Situation report",
        "subtitle": "Host Party. As known on 7 October 2024, 18:00 UTC",
        "label": "RESTRICTED",
        "standing": "As logged by Host Party, 81,204 entries; cosigned by Partner Party to 81,408 at 18:10 UTC",
        "incidents": "Incidents",
        "columns": ("No.", "When (UTC)", "What happened", "Where", "Figures as claimed"),
        "kinds": ("Attack", "Threat", "Accident"),
        "by_kind": "Incidents by kind",
        "by_day": "Incidents by day",
        "period": "Period",
        "notice": "Boundaries are drawn as they are held in fact; lines in dispute are dashed.",
    },
    "ur": {
        "title": "صورتحال کی رپورٹ",
        "subtitle": "میزبان فریق۔ 7 اکتوبر 2024، 18:00 UTC تک کی معلومات",
        "label": "محدود",
        "standing": "میزبان فریق کے کھاتے کے مطابق، 81,204 اندراجات",
        "incidents": "واقعات",
        "columns": ("نمبر", "وقت (UTC)", "کیا ہوا", "کہاں", "دعووں کے مطابق اعداد"),
        "kinds": ("حملہ", "دھمکی", "حادثہ"),
        "by_kind": "قسم کے لحاظ سے واقعات",
        "by_day": "دن کے لحاظ سے واقعات",
        "period": "مدت",
        "notice": "سرحدیں اسی طرح دکھائی گئی ہیں جیسے وہ عملاً قائم ہیں؛ متنازع خطوط ٹوٹی لکیروں میں ہیں۔",
    },
    "zh-hans": {
        "title": "态势报告",
        "subtitle": "东道方。截至 2024年10月7日 18:00 UTC 所知",
        "label": "内部",
        "standing": "依东道方的账本所载，共 81,204 项条目",
        "incidents": "事件",
        "columns": ("序号", "时间（UTC）", "发生了什么", "地点", "各方主张的数字"),
        "kinds": ("袭击", "威胁", "事故"),
        "by_kind": "按类别统计的事件",
        "by_day": "按日统计的事件",
        "period": "时段",
        "notice": "边界按实际控制情况绘制；有争议的界线以虚线表示。",
    },
}
TITLES = (
    "Bomb against a convoy near the airport",
    "کراچی ہوائی اڈے کے باہر قافلے پر حملہ، دو افراد جاں بحق",
    "卡拉奇机场外车队遇袭，两人遇难",
    'Title with #import "x": *none* of $it$ is `markup` \\ <at all> @here',
)


def sample(language: str) -> Paper:
    said = SAID[language]
    rows = [
        [
            words(number, ltr=True),
            words(f"2024-10-0{number} 18:0{number}", ltr=True),
            words(title, strong=True),
            words(("Karachi", "کراچی", "卡拉奇", "Gwadar")[number - 1]),
            words("2 (1–3) · Dawn (B2)\n17 · Police", soft=number != 2),
        ]
        for number, title in enumerate(TITLES, 1)
    ]
    places = [
        Place(67.17, 24.9, 1),
        Place(62.32, 25.12, 2, False),
        Place(74.34, 35.9, 3),
        Place(72.3, 34.2, 4),
    ]
    days = [(words(f"10-0{day}", ltr=True), count) for day, count in enumerate((3, 0, 1, 7, 2, 4, 5), 1)]
    kinds = [(words(name), count) for name, count in zip(said["kinds"], (14, 6, 2), strict=True)]
    return Paper(
        title=str(said["title"]),
        subtitle=str(said["subtitle"]),
        level="RESTRICTED",
        label=str(said["label"]),
        language=language,
        moment=1_728_324_000.0,
        standing=str(said["standing"]),
        sections=[
            Section(
                str(said["incidents"]),
                [
                    Facts([(str(said["period"]), words("2024-10-01 – 2024-10-07", ltr=True))]),
                    Table(said["columns"], rows, [0.6, 1.5, 3, 1.2, 2]),
                    Bars(str(said["by_kind"]), kinds),
                    Bars(str(said["by_day"]), days, upright=True),
                    Map(draw(places), str(said["notice"]), "map"),
                ],
            )
        ],
    )


def pages_of(raw: bytes) -> list[Image.Image]:
    document = pypdfium2.PdfDocument(raw)
    return [page.render(scale=SCALE, grayscale=True).to_pil().convert("L") for page in document]


def difference(one: Image.Image, other: Image.Image) -> float:
    """How far two pages differ, 0 to 255: the mean over the four two-hundredths of the page that differ most.

    Both are blurred a little, so that another version of the renderer does not count; a word that has moved, is
    mirrored or has lost its joins does.
    """
    if one.size != other.size:
        return 255.0
    soft = [image.filter(ImageFilter.GaussianBlur(1.2)) for image in (one, other)]
    apart = ImageChops.difference(*soft)
    width, height = apart.size
    tiles = [
        ImageStat.Stat(apart.crop((left, top, left + width // 5, top + height // 40))).mean[0]
        for top in range(0, height, height // 40)
        for left in range(0, width, width // 5)
    ]
    worst = sorted(tiles, reverse=True)[:4]
    return float(sum(worst) / len(worst))


def main() -> None:
    locale = [FACES.parent / "locale"]
    settings.configure(LANGUAGES=[(code, code) for code in LANGUAGES], LOCALE_PATHS=locale)
    django.setup()
    for language in LANGUAGES:
        for number, page in enumerate(pages_of(pdf(sample(language))), 1):
            page.save(PAGES / f"{language}-{number}.png", optimize=True)
            sys.stdout.write(f"{language}-{number}.png\n")


if __name__ == "__main__":
    main()

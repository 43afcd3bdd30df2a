"""The documents say what is so: their commands parse, everything is described, their links lead somewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.node.cli import main
from safeconduct.node.describe import describe, pages, unexplained
from safeconduct.records.kinds import all_kinds

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference.md"
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
WRITTEN = [path for path in DOCUMENTS if path != REFERENCE]
GUIDES = ("watch-officer", "signatory", "operator", "handbook", "auditor", "contributing", "api")

BLOCK = re.compile(r"^ *```\w*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def code_of(text: str) -> Iterator[str]:
    """Command lines in a document: those of blocks, continued lines joined, and those between backticks."""
    for block in BLOCK.findall(text):
        yield from block.replace("\\\n", " ").splitlines()
    for inline in INLINE.findall(BLOCK.sub("", text)):
        yield " ".join(inline.split())


def invocations(line: str) -> Iterator[list[str]]:
    """The words after each `safeconduct` of a command line. A word that is no command ends the search."""
    for piece in re.split(r"&&|\|\||[;|>]", line):
        try:
            words = shlex.split(piece, comments=True)
        except ValueError:
            continue
        for position, word in enumerate(words):
            if word == "safeconduct" or word.endswith("/safeconduct"):
                yield words[position + 1 :]
                break
            if "=" not in word and not word.endswith("python"):
                break


def commands() -> dict[str, click.Command]:
    """Every command by its words, groups included."""

    def walk(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
        for word, inner in sorted(getattr(command, "commands", {}).items()):
            yield f"{name} {word}".strip(), inner
            yield from walk(inner, f"{name} {word}".strip())

    return dict(walk(main, ""))


def parse(words: list[str]) -> str:
    """Follow a command line through the command tree; its name. Raises click.UsageError where it does not fit.

    A command named without its arguments, in the middle of a sentence, is a mention and fits.
    """
    command: click.Command = main
    name: list[str] = []
    positions: list[click.Argument] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        given, _, value = word.partition("=")
        if given in ("--help", "-h", "--version"):
            continue
        if word.startswith("-"):
            option = next((p for p in command.params if given in p.opts), None)
            if not isinstance(option, click.Option):
                raise click.NoSuchOption(given)
            if not option.is_flag:
                _check(option, value or (rest.pop(0) if rest else ""))
        elif isinstance(command, click.Group):
            inner = command.commands.get(word)
            if inner is None:
                raise click.UsageError(f"no command {word}")
            command, name = inner, [*name, word]
            positions = [p for p in command.params if isinstance(p, click.Argument)]
        elif not positions:
            raise click.UsageError(f"one word too many: {word}")
        else:
            _check(positions[0], word)
            if positions[0].nargs == 1:
                positions.pop(0)
    return " ".join(name)


def _check(parameter: click.Parameter, value: str) -> None:
    if isinstance(parameter.type, click.Choice) and not value.startswith("$"):
        parameter.type.convert(value, parameter, None)


def test_command_lines_are_told_from_words() -> None:
    assert list(invocations(".venv/bin/pip install -q -e . && .venv/bin/safeconduct demo")) == [["demo"]]
    assert list(invocations("A=b safeconduct --home H status | tail")) == [["--home", "H", "status"]]
    assert list(invocations("cd safeconduct")) == []
    assert (
        parse(["--home", "H", "agreement", "sign", "pk-cn", "4", "agreed", "--key", "k"]) == "agreement sign"
    )
    for wrong in (
        ["status", "--hme", "H"],
        ["agreement", "singn"],
        ["--hom", "H", "status"],
        ["verify", "now"],
    ):
        with pytest.raises(click.UsageError):
            parse(wrong)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_line_fits_the_command_tree(path: Path) -> None:
    wrong = []
    for line in code_of(path.read_text("utf-8")):
        for words in invocations(line):
            try:
                parse(words)
            except click.UsageError as fault:
                wrong.append(f"{line}: {fault.message}")
    assert wrong == []


def test_every_command_and_option_is_in_a_document() -> None:
    texts = [path.read_text("utf-8") for path in WRITTEN]
    lines = [words for text in texts for line in code_of(text) for words in invocations(line)]
    named = {parse(words) for words in lines}
    leaves = {name for name, command in commands().items() if not isinstance(command, click.Group)}
    assert sorted(leaves - named) == []


def test_every_command_says_what_it_does() -> None:
    assert [name for name, command in commands().items() if not (command.help or "").strip()] == []


def test_the_reference_is_current() -> None:
    made = "python -m safeconduct.node.describe > docs/reference.md"
    assert REFERENCE.read_text("utf-8") == describe(), f"make it again: {made}"


def test_every_page_says_what_it_is_for() -> None:
    assert unexplained() == []


def test_every_kind_part_and_page_is_in_the_reference() -> None:
    text = REFERENCE.read_text("utf-8")
    for name, kind in all_kinds().items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        levels = kind.default_levels()
        assert [part for part in kind.parts if f"`{part}` {LEVELS[levels[part]]}: " not in row] == []
    assert [name for name, address, _ in pages() if f"| `{address}` | `{name}` |" not in text] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    targets = [target for target in LINK.findall(path.read_text("utf-8")) if "://" not in target]
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_each_reader_has_a_guide_and_the_readme_leads_to_it() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    there = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert [name for name in GUIDES if name not in there] == []
    assert [name for name in GUIDES if f"docs/{name}.md" not in readme] == []


def test_settings_of_a_node_are_in_the_operators_guide() -> None:
    guide = (ROOT / "docs" / "operator.md").read_text("utf-8")
    named = set()
    for source in (ROOT / "src").rglob("*.py"):
        text = source.read_text("utf-8")
        named |= set(re.findall(r'(?:settings|_node)\.get\(\s*"([a-z_]+)"', text))
    assert sorted(key for key in named if f"`{key}`" not in guide) == []


def test_documents_name_no_place_of_a_machine() -> None:
    found = [
        path.name for path in DOCUMENTS if re.search(r"/(?:home|root|work|Users)/\w", path.read_text("utf-8"))
    ]
    assert found == []

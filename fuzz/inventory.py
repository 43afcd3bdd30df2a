"""Where the package reads bytes, found in its own source: every function that calls what takes bytes apart, and every
error that a parser declares. Each has a target, or stands in `OWN` with the reason why nobody else's bytes reach it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import safeconduct

PACKAGE = Path(safeconduct.__file__).parent
LEFT_OUT = ("node/demonstration/", "node/drilling/")
"""Folders that read nothing but what the package brings or made itself a moment before."""

TAKES_APART = {
    "json": {"loads", "load"},
    "tomllib": {"loads", "load"},
    "csv": {"reader", "DictReader"},
    "base64": {"b64decode", "urlsafe_b64decode", "b32decode"},
    "binascii": {"unhexlify", "a2b_base64"},
    "expat": {"ParserCreate"},
    "Image": {"open"},
    "zipfile": {"ZipFile"},
    "tarfile": {"open"},
    "x509": {"load_pem_x509_certificate", "load_der_x509_certificate", "load_pem_x509_csr", "load_der_x509_csr"},
    "serialization": {"load_pem_private_key", "load_der_private_key", "load_pem_public_key"},
    "cbor": {"decode"},
    "ijson": {"basic_parse", "items", "parse"},
    "osmium": {"FileProcessor"},
    "signing": {"loads"},
    "datetime": {"fromisoformat", "strptime"},
    "date": {"fromisoformat"},
    "Calendar": {"from_ical"},
    "pickle": {"loads", "load"},
    "np": {"load"},
}  # fmt: skip
ALONE = {"load_workbook", "DefusedXMLParser", "AuthenticatorData", "parse_qs", "parse_qsl", "parse_cookie"}
STRUCT = {"unpack", "unpack_from", "iter_unpack"}
"""Methods of a `struct.Struct`, whose names in the package are in capitals."""


def readers() -> dict[str, str]:
    """ "module:function" of each function that takes bytes or text apart, with the call by which it was found."""
    found: dict[str, str] = {}
    for module, tree in _sources():
        for name, function in _functions(tree):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and (called := _called(node)):
                    found.setdefault(f"{module}:{name}", called)
    return found


def declared_errors() -> set[str]:
    """ "module:Class" of each error that the package declares for input that is not what it must be."""
    classes = [
        (module, node) for module, tree in _sources() for node in tree.body if isinstance(node, ast.ClassDef)
    ]
    bases, found = {"ValueError"}, set[str]()
    for _ in range(3):  # an error may be declared on another of the package's own
        for module, node in classes:
            if any(_name(base) in bases for base in node.bases):
                bases.add(node.name)
                found.add(f"{module}:{node.name}")
    return found


@cache
def _sources() -> tuple[tuple[str, ast.Module], ...]:
    """Each module's name within the package and its tree, of those in which such a call or class stands at all."""
    names = {
        *ALONE,
        *STRUCT,
        "model_validate_json",
        *(name for names in TAKES_APART.values() for name in names),
    }
    worth = re.compile(rf"\b({'|'.join(sorted(names))})\(|^class \w+\(\w*(Error|Refused)\b", re.MULTILINE)
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        inner = path.relative_to(PACKAGE)
        text = "" if inner.as_posix().startswith(LEFT_OUT) else path.read_text("utf-8")
        if worth.search(text):
            found.append((".".join(inner.with_suffix("").parts), ast.parse(text)))
    return tuple(found)


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """The functions of a module and of its classes; what stands inside one belongs to it."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{inner.name}", inner


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) if name in ALONE:
            return name
        case ast.Attribute(value=ast.Name(id=holder), attr=name) if name in TAKES_APART.get(holder, ()):
            return f"{holder}.{name}"
        case ast.Attribute(value=ast.Name(id=holder), attr=name) if name in STRUCT and holder.isupper():
            return f"{holder}.{name}"
        case ast.Attribute(value=ast.Attribute(attr=holder), attr=name) if name in TAKES_APART.get(
            holder, ()
        ):
            return f"{holder}.{name}"
        case ast.Attribute(attr="model_validate_json"):
            return "model_validate_json"
    return ""


def _name(base: ast.expr) -> str:
    return base.id if isinstance(base, ast.Name) else base.attr if isinstance(base, ast.Attribute) else ""

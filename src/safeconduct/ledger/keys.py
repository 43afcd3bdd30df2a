"""Signing keys, their text forms (C2SP signed-note) and their files, which only their owner may read."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import secrets
import stat
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ALGORITHMS = {"ed25519": 0x01, "cosignature/v1": 0x04}
"""Signature types of C2SP signed-note that are spoken here, with their identifier bytes."""

_ALGORITHM_NAMES = {byte: name for name, byte in ALGORITHMS.items()}
_PRIVATE = "PRIVATE+KEY+"
_KEY_ID = re.compile(r"[0-9a-f]{8}")


class KeyRefused(ValueError):
    """A key or key file that must not be used; the text says why."""


def decode_base64(text: str, what: str) -> bytes:
    """Standard base64, only in its one canonical spelling. Raises KeyRefused."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise KeyRefused(f"{what} is not base64") from None
    if base64.b64encode(raw).decode() != text:
        raise KeyRefused(f"{what} is not canonical base64")
    return raw


def check_key_name(name: str) -> None:
    """Refuse a name that C2SP signed-note does not allow: empty, with spaces, plus or control signs."""
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise KeyRefused(f"{name!r} cannot name a key")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise KeyRefused("a key's name is not Unicode text") from None


def _key_id(name: str, algorithm: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([ALGORITHMS[algorithm]]) + public).digest()[:4]


def _parse_key(text: str) -> tuple[str, bytes, str, bytes]:
    """name, key id, algorithm and 32 key bytes of `name+hexid+base64(alg || bytes)`."""
    parts = text.split("+", 2)
    if len(parts) != 3 or not _KEY_ID.fullmatch(parts[1]):
        raise KeyRefused("a key reads name+keyid+base64")
    name, key_id, encoded = parts
    check_key_name(name)
    raw = decode_base64(encoded, "the key")
    if len(raw) != 33 or raw[0] not in _ALGORITHM_NAMES:
        raise KeyRefused("unknown algorithm or wrong key length")
    return name, bytes.fromhex(key_id), _ALGORITHM_NAMES[raw[0]], raw[1:]


def _print_key(name: str, key_id: bytes, algorithm: str, material: bytes) -> str:
    return f"{name}+{key_id.hex()}+{base64.b64encode(bytes([ALGORITHMS[algorithm]]) + material).decode()}"


@dataclass(frozen=True)
class Verifier:
    """A public key with its name. Two are equal when name, algorithm and key bytes are."""

    name: str
    algorithm: str
    public: bytes
    key_id: bytes = field(init=False, compare=False)
    _key: Ed25519PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if self.algorithm not in ALGORITHMS or len(self.public) != 32:
            raise KeyRefused("unknown algorithm or wrong key length")
        object.__setattr__(self, "key_id", _key_id(self.name, self.algorithm, self.public))
        object.__setattr__(self, "_key", Ed25519PublicKey.from_public_bytes(self.public))

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Read a vkey: `name+hexkeyid+base64(algorithm || public key)`. Raises KeyRefused."""
        name, key_id, algorithm, public = _parse_key(vkey)
        verifier = cls(name, algorithm, public)
        if verifier.key_id != key_id:
            raise KeyRefused("the key id does not belong to this key")
        return verifier

    @property
    def vkey(self) -> str:
        return _print_key(self.name, self.key_id, self.algorithm, self.public)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Is this the key's bare Ed25519 signature over `message`?"""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Signer(ABC):
    """What makes Ed25519 signatures of one kind under one name, wherever the private key lies."""

    verifier: Verifier

    @abstractmethod
    def sign(self, message: bytes) -> bytes:
        """The bare Ed25519 signature, 64 bytes. Raises KeyRefused where the key is out of reach."""

    @property
    def name(self) -> str:
        return self.verifier.name

    @property
    def algorithm(self) -> str:
        return self.verifier.algorithm

    @property
    def key_id(self) -> bytes:
        return self.verifier.key_id

    @property
    def vkey(self) -> str:
        return self.verifier.vkey

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.vkey!r})"


class SigningKey(Signer):
    """An Ed25519 private key that is held in memory, with its name and the one kind of signature it may make."""

    def __init__(self, name: str, algorithm: str, seed: bytes) -> None:
        if len(seed) != 32:
            raise KeyRefused("a private key has 32 bytes")
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, algorithm, self._key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str, algorithm: str = "ed25519") -> SigningKey:
        return cls(name, algorithm, secrets.token_bytes(32))

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """Read `PRIVATE+KEY+name+hexkeyid+base64(algorithm || seed)`. Raises KeyRefused."""
        if not text.startswith(_PRIVATE):
            raise KeyRefused("not a private key")
        name, key_id, algorithm, seed = _parse_key(text.removeprefix(_PRIVATE))
        key = cls(name, algorithm, seed)
        if key.key_id != key_id:
            raise KeyRefused("the key id does not belong to this key")
        return key

    @classmethod
    def load(cls, path: Path | str) -> SigningKey:
        """Read a key file. Refuses links, and files that anyone but the owner may touch."""
        return cls.parse(read_private(path).decode("utf-8", "replace").removesuffix("\n"))

    def save(self, path: Path | str) -> None:
        """Create the key file, mode 0600, whole or not at all; an existing file is never replaced."""
        text = _PRIVATE + _print_key(self.name, self.key_id, self.algorithm, self._seed) + "\n"
        create_private(path, text.encode())

    def seed(self) -> bytes:
        """The 32 secret bytes, for whoever is to keep the key from now on."""
        return self._seed

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


def create_private(path: Path | str, content: bytes) -> None:
    """Create a file of mode 0600, durable, whole or not at all. Raises FileExistsError."""
    target = Path(path)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, target)  # unlike rename, this fails if the target exists
    finally:
        draft.unlink()
    directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read_private(path: Path | str, limit: int = 65536) -> bytes:
    """The bytes of a private file. Raises KeyRefused when others could have read or changed it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise KeyRefused(f"cannot open {path}: {error.strerror}") from None
    try:
        check_private(descriptor, path)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(limit + 1)
    finally:
        os.close(descriptor)
    if len(content) > limit:
        raise KeyRefused(f"{path} is too large for a key file")
    return content


def check_private(descriptor: int, path: Path | str, *, readers: bool = False) -> None:
    """Refuse an open file that is not a plain file of this user alone.

    With `readers` its group may read it too, and its owner may be whose folder it lies in.
    """
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise KeyRefused(f"{path} is not a plain file")
    owners = {os.geteuid(), *([Path(path).parent.stat().st_uid] if readers else [])}
    if status.st_uid not in owners:
        raise KeyRefused(f"{path} belongs to another user")
    if status.st_mode & (0o037 if readers else 0o077):
        raise KeyRefused(f"{path} can be touched by others (mode {stat.S_IMODE(status.st_mode):04o})")

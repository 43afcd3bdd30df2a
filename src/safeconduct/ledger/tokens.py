"""Signing keys in a PKCS#11 token: it signs with them, and nobody reads them, not even this program.

Ed25519 as in PKCS#11 3.0 (CKM_EDDSA). A key lies under a label, which is its name, or what its keeper chooses where a
key of that name lies there already. The library for it is installed with `safeconduct[pkcs11]`; the module that speaks
to the token is its maker's.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from functools import lru_cache
from typing import Any

from safeconduct.ledger.keys import KeyRefused, Signer, Verifier

_ED25519 = bytes.fromhex("06032b6570")
"""The curve's object identifier, 1.3.101.112, in DER."""
_POINT_HEAD = bytes.fromhex("0420")
"""What a public key of 32 bytes begins with where the token gives it as a DER octet string."""
_CHECK = b"safeconduct key check/v1\n"


class Token:
    """A token that this process is logged in to. Any number of threads may sign."""

    def __init__(self, module: str, label: str, pin: str) -> None:
        """Raises KeyRefused that says in words what is wrong; never with the PIN."""
        self.label = label
        self._lock = threading.Lock()
        self._p11 = _library()
        try:
            self._token = self._p11.lib(module).get_token(token_label=label)
            self._session = self._token.open(user_pin=pin)
        except self._p11.exceptions.PKCS11Error as fault:
            raise KeyRefused(_in_words(fault, module, label)) from None

    def key(self, name: str, algorithm: str, pinned: Verifier | None = None, label: str = "") -> TokenKey:
        """The key of this name, which lies under `label` where that is another; with `pinned` only if it is that very
        key. Raises KeyRefused."""
        at = label or name
        with self._lock:
            try:
                private = self._session.get_key(object_class=self._p11.ObjectClass.PRIVATE_KEY, label=at)
                verifier = pinned or Verifier(name, algorithm, self._public(at))
            except self._p11.exceptions.NoSuchKey:
                raise KeyRefused(
                    f"the token {self.label} has no key {at}: it was removed, or is in another"
                ) from None
            except self._p11.exceptions.MultipleObjectsReturned:
                raise KeyRefused(f"the token {self.label} has two keys {at}: remove the wrong one") from None
            except self._p11.exceptions.PKCS11Error as fault:
                raise KeyRefused(_in_words(fault, "", self.label)) from None
        found = TokenKey(verifier, private, self._lock, self._p11, self.label)
        asked = _CHECK + secrets.token_bytes(32)
        if (
            verifier.name != name
            or verifier.algorithm != algorithm
            or not verifier.verify(asked, found.sign(asked))
        ):
            raise KeyRefused(f"the key {at} in the token {self.label} is another than this node's")
        return found

    def has(self, label: str) -> bool:
        """Is there a key under this label?"""
        with self._lock:
            try:
                return bool(self._under(self._session, label, self._p11.ObjectClass.PRIVATE_KEY))
            except self._p11.exceptions.PKCS11Error as fault:
                raise KeyRefused(_in_words(fault, "", self.label)) from None

    def create(self, name: str, algorithm: str, label: str = "") -> TokenKey:
        """Make a key in the token, which never leaves it. Raises KeyRefused where there is one under that label."""
        at = label or name
        self._refuse_second(at)
        p11 = self._p11
        with self._lock, _Writing(self) as session:
            curve = session.create_domain_parameters(
                p11.KeyType.EC_EDWARDS, {p11.Attribute.EC_PARAMS: _ED25519}, local=True
            )
            curve.generate_keypair(
                mechanism=p11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
                store=True,
                id=_id(at),
                label=at,
                private_template={p11.Attribute.SENSITIVE: True, p11.Attribute.EXTRACTABLE: False},
            )
        return self.key(name, algorithm, label=at)

    def destroy(self, label: str, pinned: Verifier | None = None) -> None:
        """Destroy the key under this label, with `pinned` only if it is that very key; none there is fine.

        Raises KeyRefused where it is another, where there are several, and where the token does not let go of it.
        """
        if pinned is not None and self.has(label):
            self.key(pinned.name, pinned.algorithm, pinned, label)
        kinds = self._p11.ObjectClass.PRIVATE_KEY, self._p11.ObjectClass.PUBLIC_KEY
        with self._lock:
            try:
                with _Writing(self) as session:
                    for kind in kinds:  # a public half by itself is no key, so it goes last
                        for each in self._under(session, label, kind):
                            each.destroy()
            except KeyRefused as fault:
                raise KeyRefused(f"the key {label} is not destroyed: {fault}") from None
        if self.has(label):
            raise KeyRefused(f"the key {label} is not destroyed: the token {self.label} keeps it")

    def take_in(self, name: str, seed: bytes, pinned: Verifier) -> TokenKey:
        """Keep a key that lay in a file until now. Raises KeyRefused, also where the token takes none from outside."""
        self._refuse_second(name)
        a = self._p11.Attribute
        kind = {a.KEY_TYPE: self._p11.KeyType.EC_EDWARDS, a.EC_PARAMS: _ED25519, a.TOKEN: True, a.LABEL: name}
        kind[a.ID] = _id(name)
        private = {
            **kind,
            a.CLASS: self._p11.ObjectClass.PRIVATE_KEY,
            a.VALUE: seed,
            a.PRIVATE: True,
            a.SENSITIVE: True,
            a.EXTRACTABLE: False,
            a.SIGN: True,
        }
        public = {
            **kind,
            a.CLASS: self._p11.ObjectClass.PUBLIC_KEY,
            a.EC_POINT: _POINT_HEAD + pinned.public,
            a.VERIFY: True,
        }
        with self._lock, _Writing(self) as session:
            session.create_object(private)
            session.create_object(public)
        return self.key(name, pinned.algorithm, pinned)

    def _public(self, name: str) -> bytes:
        key = self._session.get_key(object_class=self._p11.ObjectClass.PUBLIC_KEY, label=name)
        point = bytes(key[self._p11.Attribute.EC_POINT])
        return point[2:] if len(point) == 34 and point.startswith(_POINT_HEAD) else point

    def _under(self, session: Any, label: str, kind: Any) -> list[Any]:
        wanted = {self._p11.Attribute.CLASS: kind, self._p11.Attribute.LABEL: label}
        return list(session.get_objects(wanted))  # to its end: a search left open ends another's

    def _refuse_second(self, label: str) -> None:
        if self.has(label):
            raise KeyRefused(f"the token {self.label} has a key {label} already")


class TokenKey(Signer):
    """A private key in a token, with its public half and the one kind of signature it may make."""

    def __init__(self, verifier: Verifier, private: Any, lock: threading.Lock, p11: Any, token: str) -> None:
        self.verifier = verifier
        self._private, self._lock, self._p11, self._token = private, lock, p11, token

    def sign(self, message: bytes) -> bytes:
        with self._lock:
            try:
                return bytes(self._private.sign(message, mechanism=self._p11.Mechanism.EDDSA))
            except self._p11.exceptions.PKCS11Error as fault:
                raise KeyRefused(_in_words(fault, "", self._token)) from None


class _Writing:
    """A session that may change the token, for as long as the block lasts; the log-in is the token's."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def __enter__(self) -> Any:
        try:
            self._session = self._token._token.open(rw=True)
        except self._token._p11.exceptions.PKCS11Error as fault:
            raise KeyRefused(_in_words(fault, "", self._token.label)) from None
        return self._session

    def __exit__(self, kind: Any, fault: Any, trace: Any) -> None:
        self._session.close()
        if isinstance(fault, self._token._p11.exceptions.PKCS11Error):
            raise KeyRefused(_in_words(fault, "", self._token.label)) from None


@lru_cache(maxsize=4)
def token(module: str, label: str, pin: str) -> Token:
    """The token, opened once in a process: it bears few log-ins, and counts wrong PINs, so that one which was wrong is
    not tried again. Raises KeyRefused."""
    tried = hashlib.sha256(f"{module}\n{label}\n{pin}".encode()).digest()
    if tried in _wrong:
        raise KeyRefused(_WRONG_PIN)
    try:
        return Token(module, label, pin)
    except KeyRefused as fault:
        if str(fault) == _WRONG_PIN:
            _wrong.add(tried)
        raise


_wrong: set[bytes] = set()
"""PINs that a token has refused in this process, as hashes."""
_WRONG_PIN = "the PIN is wrong; after a few tries the token locks itself"


def _id(label: str) -> bytes:
    """What a token tells its keys apart by (CKA_ID), where it does not go by labels."""
    return hashlib.sha256(label.encode()).digest()[:16]


def _library() -> Any:
    try:
        import pkcs11
    except ImportError:
        raise KeyRefused(
            "keys in a token need the library python-pkcs11: install safeconduct[pkcs11]"
        ) from None
    import pkcs11.exceptions

    return pkcs11


def _in_words(fault: Exception, module: str, label: str) -> str:
    known = {
        "PinIncorrect": _WRONG_PIN,
        "PinLenRange": "the PIN is wrong: no PIN of this token is of that length",
        "PinLocked": "the token has locked itself after wrong PINs: its security officer opens it again",
        "PinExpired": "the PIN has expired: set another with the token's own program",
        "NoSuchToken": f"no token {label} is plugged in",
        "MultipleTokensReturned": f"two tokens are named {label}",
        "TokenNotPresent": f"the token {label} was removed",
        "DeviceRemoved": f"the token {label} was removed",
        "SessionHandleInvalid": f"the token {label} was removed, or has ended the session",
        "KeyHandleInvalid": f"the key was removed from the token {label}",
        "ObjectHandleInvalid": f"the key was removed from the token {label}",
        "DeviceMemory": f"the token {label} is full",
        "TokenWriteProtected": f"the token {label} takes no changes",
        "MechanismInvalid": f"the token {label} does not know Ed25519",
    }
    name = type(fault).__name__
    if "0x1b" in str(fault):  # CKR_ACTION_PROHIBITED, which the library has no name for
        return f"the token {label} does not allow it"
    if name == "PKCS11Error" and module:
        return f"the module {module} cannot be loaded"
    return known.get(name, f"the token {label} fails: {name}")

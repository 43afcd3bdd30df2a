"""Enrolling a TAK client: the page's package opens the stream, and the node keeps no key of it."""

from __future__ import annotations

import io
import zipfile

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from field.cot_node import Known
from safeconduct.field.cot_authority import fingerprint
from safeconduct.field.cot_enrolment import data_package
from safeconduct.field.credentials import device_of_certificate
from safeconduct.records.home import Home


def opened(package: bytes) -> bytes:
    """The fingerprint of the certificate in a package."""
    files = zipfile.ZipFile(io.BytesIO(package))
    password = files.read("certs/connection.pref").decode().rpartition("</entry>")[0].rpartition(">")[2]
    _key, certificate, _ = pkcs12.load_key_and_certificates(files.read("certs/device.p12"), password.encode())
    assert certificate is not None
    return fingerprint(certificate.public_bytes(serialization.Encoding.DER))


def test_the_package_holds_the_one_certificate_that_stands_for_the_device(node: Home) -> None:
    known = Known()
    device = known.enrol("vehicle")
    assert data_package(node, device, "node.example") is None, "no port, no certificate"
    node.settings["cot_port"] = 8089  # type: ignore[index]
    first = opened(data_package(node, device, "node.example") or b"")
    assert device_of_certificate(first) == device
    second = opened(data_package(node, device, "node.example") or b"")
    assert device_of_certificate(second) == device and device_of_certificate(first) is None
    kept = {file.name for file in (node.keys / "devices").iterdir()}
    assert kept == {"authority.pem"}

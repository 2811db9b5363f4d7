"""Fingerprints of certificates."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from greenroom.rooms.rtc.certificate import Certificate, digest, is_described

ONE = Certificate.generate()


TWO = Certificate.generate()


def x509_of(certificate: Certificate) -> x509.Certificate:
    return certificate._certificate


def test_only_the_strongest_hash_that_is_given_counts() -> None:
    certificate = x509_of(ONE)
    right = digest(certificate, "sha-256")
    wrong = digest(x509_of(TWO), "sha-512")
    assert not is_described(certificate, [("sha-256", right), ("sha-512", wrong)])
    assert is_described(certificate, [("sha-256", right), ("sha-1", "AB"), ("sha-256", "no")])


@pytest.mark.parametrize(
    "given", [[], [("sha-1", "AB:CD")], [("sha-256", "")], [("sha-256", "AB\u00e9")]]
)
def test_a_certificate_that_is_not_described_fits_nothing(given: list[tuple[str, str]]) -> None:
    assert not is_described(x509_of(ONE), given)


def test_the_fingerprint_is_that_of_the_certificate() -> None:
    algorithm, value = ONE.fingerprint.split()
    assert algorithm == "sha-256"
    assert bytes.fromhex(value.replace(":", "")) == x509_of(ONE).fingerprint(hashes.SHA256())

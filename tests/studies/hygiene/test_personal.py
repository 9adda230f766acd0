"""Personal data is found by form and checksum, placeholders are none, and no text makes it slow."""

import pytest

from attribution.studies.hygiene.personal import iban, luhn, personal_data


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("write to jane.doe@acme.io.", "e-mail address"),
        ("call +44 20 7946 0958 now", "phone number"),
        ("call (212) 736-5000", "phone number"),
        ("pay with 4539 1488 0343 6467", "card number"),
        ("IBAN DE89 3704 0044 0532 0130 00 please", "bank account (IBAN)"),
        ("GB82WEST12345698765432", "bank account (IBAN)"),
        ("from 81.2.69.142 again", "IP address"),
        ("from 2a00:1450:4001:81a::200e", "IP address"),
        ("AKIAIOSFODNN7EXAMPLE", "AWS access key"),
        ("sk-proj-abcdefghijklmnopqrstuvwx", "API key"),
        ("-----BEGIN RSA PRIVATE KEY-----", "private key"),
    ],
)
def test_what_is_personal_is_found_and_starred(text, name):
    (one,) = personal_data(text)
    assert one.name == name
    assert "***" in one.shown or name == "private key"
    secret = "0343 6467" if "4539" in text else text.split()[-1].strip(".")
    assert secret not in one.shown or name == "private key"


@pytest.mark.parametrize(
    "text",
    [
        "bob@example.com",
        "4539 1488 0343 6468",  # Luhn does not hold
        "4111 1111 1111 1111",  # a test card
        "DE89370400440532013001",  # not 1 modulo 97
        "2023-01-15 and 12.03.2024",
        "1 000 000 000 people",
        "3.14159265358979",
        "192.168.0.1 and version 1.2.3.4",
        "0 1 2 3 4 5 6 7 8 9",
        "1234567890123456",
    ],
)
def test_what_only_looks_so_is_not(text):
    assert personal_data(text) == []


def test_checksums_refuse_every_changed_digit():
    good = "4539148803436467"
    assert luhn(good)
    assert not any(luhn(good[:at] + str((int(good[at]) + 1) % 10) + good[at + 1 :]) for at in range(len(good)))
    account = "DE89370400440532013000"
    assert iban(account)
    changed = [account[:at] + str((int(account[at]) + 1) % 10) + account[at + 1 :] for at in range(2, len(account))]
    assert not any(map(iban, changed))
    assert not iban(account[:-1])


@pytest.mark.parametrize("piece", ["a", "@", "a@", "a.", "1 ", "(1", "+1", "AB12 ", ":", "eyJ", "1.1.1."])
def test_long_texts_of_near_misses_end(piece):
    assert len(personal_data(piece * 100_000)) <= 5


def test_many_of_a_kind_are_told_as_some():
    found = personal_data(" ".join(f"user{n}@acme.io" for n in range(50)))
    assert len(found) == 5

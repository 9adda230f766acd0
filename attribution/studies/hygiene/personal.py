"""Personal data and keys in a text: found by their form, and by their checksum where they have one."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

MOST = 5  # of one kind in a text; more say nothing more
# Every pattern begins where a word begins and never goes back, so that time is linear in any text.
MAIL = re.compile(
    r"(?<![\w.%+-])([\w.%+-]{1,64}+)@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6})(?![\w-])", re.ASCII
)
NUMBER = re.compile(r"(?<![\w.,:/-])(?:\+|00)?\(?\d(?:[ ().-]{0,2}\d){6,18}+(?![\w/]|[.,]\d)", re.ASCII)
IBAN = re.compile(r"(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Z0-9])")
ADDRESS = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)|(?<![\w:])[0-9A-Fa-f:]{6,39}(?![\w:])", re.ASCII)
KEYS = (
    ("AWS access key", re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])")),
    ("GitHub token", re.compile(r"(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{36,80}|github_pat_\w{40,100})(?!\w)")),
    ("API key", re.compile(r"(?<!\w)(?:sk|pk|rk)-(?:[a-z]{2,8}-){0,2}[A-Za-z0-9_-]{20,200}(?!\w)")),
    ("Google API key", re.compile(r"(?<!\w)AIza[\w-]{35}(?!\w)")),
    ("Slack token", re.compile(r"(?<!\w)xox[abprs]-[\w-]{10,200}(?!\w)")),
    ("Hugging Face token", re.compile(r"(?<!\w)hf_[A-Za-z]{34}(?!\w)")),
    ("signed web token", re.compile(r"(?<!\w)eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{10,2000}")),
    ("private key", re.compile(r"-----BEGIN (?:[A-Z]{2,9} ){0,2}PRIVATE KEY-----")),
)
IBAN_LENGTHS = {
    **dict.fromkeys(("NO",), 15), **dict.fromkeys(("BE",), 16), **dict.fromkeys(("DK", "FI", "NL", "FO", "GL"), 18),
    **dict.fromkeys(("MK", "SI"), 19), **dict.fromkeys(("AT", "BA", "EE", "KZ", "LT", "LU", "XK"), 20),
    **dict.fromkeys(("CH", "HR", "LI", "LV", "CR"), 21),
    **dict.fromkeys(("BG", "BH", "DE", "GB", "GE", "IE", "ME", "RS"), 22),
    **dict.fromkeys(("AE", "GI", "IL", "IQ", "TL"), 23),
    **dict.fromkeys(("AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"), 24),
    **dict.fromkeys(("AZ", "CY", "DO", "GT", "HU", "LB", "PL", "BY", "SV", "AL"), 28), "PT": 25,
    **dict.fromkeys(("FR", "GR", "IT", "MC", "MR", "SM"), 27), "TR": 26, "IS": 26, "BR": 29, "QA": 29, "UA": 29,
    "JO": 30, "KW": 30, "MU": 30, "MT": 31, "SC": 31, "LC": 32, "EG": 29,
}  # fmt: skip
PLACEHOLDER = re.compile(r"(?:^|\.)(?:example(?:\.\w+)?|test|invalid|localhost|domain\.com|email\.com)$")
DATE = re.compile(r"\d{4}[-. ]\d{1,2}[-. ]\d{1,2}|\d{1,2}[-. ]\d{1,2}[-. ]\d{2,4}")
THOUSANDS = re.compile(r"\d{1,3}(?:[ .]\d{3})+")
TEST_CARDS = frozenset(("4111111111111111", "4242424242424242", "5555555555554444", "378282246310005"))


@dataclass(frozen=True)
class Personal:
    """What was found: its name, the place in the text, and the text with all but its ends starred; ``checked``: a
    checksum holds."""

    name: str
    start: int
    shown: str
    checked: bool = False


def personal_data(text: str) -> list[Personal]:
    """Everything personal in a text, by kind, at most ``MOST`` of each. Placeholders (example.com, 192.168.0.1, test
    cards) are none. Linear in the text."""
    found: list[Personal] = []
    for look in (_mails, _numbers, _ibans, _addresses, _keys):
        count: dict[str, int] = {}
        for one in look(text):
            count[one.name] = count.get(one.name, 0) + 1
            if count[one.name] > MOST:
                break
            found.append(one)
    return found


def luhn(digits: str) -> bool:
    """Whether the last digit is the one that Luhn's sum asks for (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def iban(code: str) -> bool:
    """Whether the length is its country's and the number is 1 modulo 97 (ISO 13616)."""
    if IBAN_LENGTHS.get(code[:2]) != len(code):
        return False
    return int("".join(str(int(sign, 36)) for sign in code[4:] + code[:4])) % 97 == 1


def starred(text: str, left: int = 2, right: int = 2) -> str:
    """A text of which only the ends can be read."""
    if len(text) <= left + right + 2:
        return text[:1] + "***"
    return f"{text[:left]}***{text[len(text) - right :]}"


def _mails(text: str) -> Iterator[Personal]:
    if "@" not in text:
        return
    for match in MAIL.finditer(text):
        name, domain = match.groups()
        if not PLACEHOLDER.search(domain.lower()) and domain[-1].isalpha() and not name.startswith("."):
            yield Personal("e-mail address", match.start(), f"{name[:1]}***@{domain}")


def _numbers(text: str) -> Iterator[Personal]:
    for match in NUMBER.finditer(text):
        written = match[0]
        digits = re.sub(r"\D", "", written)
        if _card(digits) and "+" not in written:
            yield Personal("card number", match.start(), starred(written, 0, 4), checked=True)
        elif _phone(written, digits):
            yield Personal("phone number", match.start(), starred(written, 3, 2))


def _card(digits: str) -> bool:
    """Whether these are the digits of a payment card: a network's first digits, its length, and Luhn's sum."""
    known = re.fullmatch(r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|6(?:011|5\d\d)\d{12}", digits)
    return known is not None and digits not in TEST_CARDS and luhn(digits)


def _phone(written: str, digits: str) -> bool:
    """Whether digits are written as a phone number is: with a country, or in groups that are no date, no thousands
    and no list of single digits."""
    if not 8 <= len(digits) <= 15 or "55501" in digits or DATE.fullmatch(written) or THOUSANDS.fullmatch(written):
        return False
    if len(set(digits)) < 3 or re.search(r"\d[ .-]\d[ .-]\d[ .-]\d", written):
        return False
    if written.startswith("+"):
        return True
    groups = re.findall(r"\d+", written)
    return (len(groups) == 3 and len(digits) >= 10 and len(groups[-1]) == 4 and len(groups[0]) <= 4) or "(" in written


def _ibans(text: str) -> Iterator[Personal]:
    for match in IBAN.finditer(text):
        code = match[0].replace(" ", "")
        length = IBAN_LENGTHS.get(code[:2], 0)
        if iban(code[:length]) and (len(code) == length or " " in match[0]):
            yield Personal("bank account (IBAN)", match.start(), starred(code[:length], 4, 2), checked=True)


def _addresses(text: str) -> Iterator[Personal]:
    for match in ADDRESS.finditer(text):
        try:
            address = ipaddress.ip_address(match[0])
        except ValueError:
            continue
        version = re.fullmatch(r"\d(?:\.\d){3}", match[0])  # far likelier a version than a machine
        if address.is_global and not address.is_multicast and not version:
            yield Personal("IP address", match.start(), starred(match[0], 3, 1))


def _keys(text: str) -> Iterator[Personal]:
    for name, pattern in KEYS:
        for match in pattern.finditer(text):
            yield Personal(name, match.start(), starred(match[0], 4, 0) if name != "private key" else match[0])

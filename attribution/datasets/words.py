"""Words of the user's data in one Unicode form and without signs that nobody can see."""

import re
import unicodedata
from functools import lru_cache

# Letters by their category, yet drawn as nothing: Hangul fillers, the blank of Braille, the grapheme joiner, Khmer's
# inherent vowels.
_DRAWN_AS_NOTHING = "\u3164\u115f\u1160\uffa0\u2800\u034f\u17b4\u17b5\u180e"
_JOINERS = "\u200c\u200d"
_HALF_PAIR = re.compile("[\ud800-\udfff]")


def tidy(word: str) -> str:
    """The word in Unicode form NFC, without invisible signs (zero width, byte order mark, soft hyphen, marks of
    direction, controls), every run of blanks one space, none at the ends. A joiner between two letters of a script that
    needs it stays."""
    if word.isascii() and word.isprintable():
        return " ".join(word.split()) if " " in word else word
    word = unicodedata.normalize("NFC", "".join(" " if sign.isspace() else sign for sign in word))
    seen = "".join(sign for place, sign in enumerate(word) if not _invisible(sign) or _joins(word, place))
    return " ".join(seen.split())


def look(word: str) -> str:
    """What two words share that can be told apart only by case, by the width or joining of letters, or not at all."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tidy(word)).casefold())
    return "".join(
        sign for sign in folded if not _invisible(sign) and not "\ufe00" <= sign <= "\ufe0f" and not sign.isspace()
    )


def whole(text: str) -> str:
    """The text with a replacement sign for every half of a surrogate pair, which no file can hold."""
    return _HALF_PAIR.sub("\ufffd", text)


def _invisible(sign: str) -> bool:
    return sign in _DRAWN_AS_NOTHING or (unicodedata.category(sign) in ("Cf", "Cc", "Cs") and not sign.isspace())


def _joins(word: str, place: int) -> bool:
    """Whether the sign is a joiner between two signs beyond ASCII: Persian and Indic letters, and emoji, are written
    so."""
    return (
        word[place] in _JOINERS
        and 0 < place < len(word) - 1
        and not word[place - 1].isascii()
        and not word[place + 1].isascii()
    )


@lru_cache(1)
def marks() -> str:
    """Every combining mark (vowel signs, accents, nuktas) as the inside of a character class of a regular
    expression."""
    numbers = [number for number in range(0x300, 0x20000) if unicodedata.category(chr(number)).startswith("M")]
    numbers += range(0xE0100, 0xE01F0)  # variation selectors
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in spans)

"""Where the words of the own vocabulary stand in a text as it was written."""

import re

from attribution.datasets.encode import normalise, token, tokens_of
from attribution.datasets.words import marks


def spans_of(text: str) -> list[tuple[int, int]]:
    """Start and end in ``text`` of each of ``tokens_of(normalise(text))``, in their order; [] where the writing was
    changed too much to say. A letter that stands for several words, as the sign of three dots does, is the first's."""
    plain: list[str] = []
    starts: list[int] = []
    for found in re.finditer(rf"(?s).[{marks()}]*", text):
        part = " " if found.group().isspace() else normalise(found.group())
        plain += part
        starts += [found.start()] * len(part)
    starts.append(len(text))
    words = list(token().finditer("".join(plain)))
    if [word.group() for word in words] != tokens_of(normalise(text)):
        return []
    spans: list[tuple[int, int]] = []
    for word in words:
        upto = spans[-1][1] if spans else 0
        start = max(starts[word.start()], upto)
        last = starts[word.end() - 1]
        end = next((at for at in starts[word.end() :] if at > last), len(text))
        spans.append((start, max(start, end)))
    return spans

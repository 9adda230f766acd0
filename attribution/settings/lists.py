"""Lists that a user writes in one line: separated by commas, in double quotes where an entry holds one."""

import csv
import io
from collections.abc import Iterable

from attribution.errors import UserError


def entries(text: str) -> list[str]:
    """The entries of a written list, without blanks around them and without empty ones: ``a, "b,5"`` is a and b,5."""
    try:
        found = [entry for line in csv.reader([text], skipinitialspace=True, strict=True) for entry in line]
    except csv.Error as cause:
        raise UserError(
            f"{text!r} cannot be taken apart: {cause}.",
            "Entries are separated by commas; one that holds a comma stands in double quotes.",
            'Write for example a,"b,5"; a double quote inside of quotes is written twice.',
        ) from None
    return [entry.strip() for entry in found if entry.strip()]


def written(names: Iterable[str]) -> str:
    """The list as ``entries`` reads it: names in double quotes where they need them."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(list(names))
    return out.getvalue()

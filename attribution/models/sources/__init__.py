"""Networks from elsewhere by ``SOURCE:NAME``: a library's, a folder's, or an object's; one file each;
``sources.names()`` lists them."""

from typing import TYPE_CHECKING

from attribution.errors import UserError
from attribution.registry import Registry

if TYPE_CHECKING:
    from attribution.models.sources.base import Source

sources = Registry("source of networks", "attribution.models.sources", kinds="sources of networks")
register = sources.register

__all__ = ["register", "source_of", "sources"]


def source_of(name: str) -> "tuple[Source, str] | None":
    """The source that a network's name begins with, and what is behind the colon; None for a built-in network and for
    ``FILE.py:FUNCTION``. ``UserError`` for a name with an unknown source or with nothing behind it."""
    prefix, colon, rest = name.partition(":")
    found = sources.find(prefix) if colon else None
    if found is None:
        if colon and ".py:" not in name:
            raise UserError(
                f"There is no source of networks called {prefix!r}.",
                f"{name!r} asks it for a network.",
                f"Write {', '.join(one.example for one in sources.each() if one.package)}, or FILE.py:FUNCTION.",
            )
        return None
    if not rest.strip():
        raise UserError(f"{name!r} names no network.", found.summary, f"Write for example {found.example}.")
    return found(), rest

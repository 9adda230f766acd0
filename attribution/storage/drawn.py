"""A result that can draw itself: which figures it has, and each of them as a Plotly figure."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from attribution.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from plotly.graph_objects import Figure


class Drawn:
    """``result.figures`` are the names, ``result.figure(name)`` is one of them.

    ``drawn_by`` names the file of ``attribution.figures`` whose ``figures_of(result)`` knows them: pictures stand
    above results, so they are looked up by name like plug-ins, when one is asked for.
    """

    drawn_by: ClassVar[str] = ""

    @property
    def figures(self) -> tuple[str, ...]:
        """Names for ``figure``; those of parts that were not measured are left out."""
        return tuple(self._drawers())

    def figure(self, name: str, *, dark: bool = False, **given: Any) -> "Figure":
        """A figure of this result: ``.show()`` in a notebook, ``.write_html(path)`` for a report.

        ``dark`` is for a dark ground; ``given`` goes to the figure's function in ``attribution.figures``. ``UserError``
        when there is none of this name.
        """
        known = self._drawers()
        if name not in known:
            raise UserError(
                f"This result has no figure called {name!r}.",
                "It is not one of its kind, or its part was not measured.",
                f"Choose one of: {', '.join(known)}." if known else "Read its tables instead.",
            )
        return known[name](self, dark=dark, **given)

    def _drawers(self) -> "dict[str, Callable[..., Figure]]":
        if not self.drawn_by:
            return {}
        return import_module(f"attribution.figures.{self.drawn_by}").figures_of(self)  # type: ignore[no-any-return]

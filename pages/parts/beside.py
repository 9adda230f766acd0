"""Two estimators on the same question: what both name, and what only one of them does."""

from collections.abc import Sequence

import streamlit as st

from attribution.project.lookup import InfluenceView
from attribution.views import cards as card_views
from attribution.views import influence, methods, numbers
from attribution.views.stories import Pull
from pages.parts import cards, context, query, states
from pages.parts.context import Sight
from pages.parts.method import Method

SHOWN = 3  # cards of each list
NONE = "none"


def choice(sight: Sight, method: Method) -> str:
    """The second estimator ("" for none), chosen among those that can be asked; those that were asked stand first."""
    able = [one for one in method.every if one.name != method.words.name and not methods.refused(one, method.measure)]
    able.sort(key=lambda one: one.name not in method.computed)
    titles = {NONE: "Nothing", **{one.name: one.title for one in able}}
    marks = {name: " · computed" if name in method.computed else "" for name in titles}
    arguments = context.choice("beside", titles, NONE)
    arguments.pop("required")
    name = st.selectbox(
        "Compare with",
        format_func=lambda one: f"{titles[one]}{marks[one]}",
        width=260,
        help="A second estimator, asked the same: what both name is surer than what one of them does.",
        **arguments,
    )
    return "" if name in (None, NONE) else str(name)


def show(
    sight: Sight, views: tuple[InfluenceView, InfluenceView], titles: tuple[str, str], pulls: Sequence[Pull]
) -> None:
    """Both sides of the two answers, what made the model say so first."""
    first, second = views
    sides = [
        ("helped", pulls[0], (first.helpful, second.helpful)),
        ("hurt", pulls[1], (first.harmful, second.harmful)),
    ]
    for place, pull, tables in reversed(sides) if query.wrong(sight, first.query_rows) else sides:
        found = influence.shared(*tables)
        st.subheader(states.plain(pull.title), anchor=False)
        st.markdown(influence.shared_sentence(found, titles))
        lists = ("Both", found.both), (f"Only {titles[0]}", found.first), (f"Only {titles[1]}", found.second)
        for column, (title, rows) in zip(st.columns(3, gap="small"), lists, strict=True):
            with column:
                st.markdown(f"**{title}** · {numbers.count(len(rows))}")
                for row in rows[:SHOWN]:
                    _card(sight, int(row), found, titles, place)


def _card(sight: Sight, row: int, found: influence.Shared, titles: tuple[str, str], place: str) -> None:
    """One sample with its rank by each."""
    ranks = [
        card_views.Fact(title, f"#{ranks[row]}", help="Its place among the strongest; 1 is the strongest.")
        for title, ranks in zip(titles, found.ranks, strict=True)
        if row in ranks
    ]
    with st.container(border=True, gap="xsmall"):
        cards.show(cards.card_of(sight, row, ranks), 56, 3)
        cards.actions(sight, row, f"beside-{place}", reason=f"named by {' and '.join(titles)}")

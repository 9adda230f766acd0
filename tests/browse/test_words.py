"""Filter words: what is written is read the same, and what says nothing is refused in words."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.browse.words import Filter, Term, Value, between, literal, parse, words
from attribution.errors import UserError

BARE = st.text(st.sampled_from("abcXYZ019._/äß>=<"), min_size=1, max_size=8).map(Value)
VALUES = st.one_of(BARE, st.text(max_size=12).map(lambda text: Value(text, True)))
NAMES = st.text(min_size=1, max_size=12)
TERMS = st.builds(Term, NAMES, st.lists(VALUES, min_size=1, max_size=3).map(tuple), st.booleans())
FREE = st.builds(Term, st.just(""), st.tuples(VALUES), st.booleans())


@given(st.lists(st.one_of(TERMS, FREE), max_size=5).map(lambda terms: Filter(tuple(terms))))
def test_a_filter_is_read_as_it_was_written(wanted):
    assert parse(str(wanted)) == wanted


@given(st.text())
def test_words_are_a_filter_that_stays_or_are_refused_in_words(text):
    try:
        found = parse(text)
    except UserError as error:
        said = error
    else:
        assert parse(str(found)) == found
        return
    assert all((said.what, said.why, said.do))


@given(NAMES, st.text())
def test_a_value_means_itself_whatever_it_is(column, value):
    (term,) = parse(words(column, value)).terms
    assert (term.column, term.without) == (column, False)
    (found,) = term.values
    assert found.text == value
    assert not literal(found, "none")


def test_terms_values_quotes_and_the_minus():
    found = parse('label:Shirt,"T-shirt, long" -right:yes "two words" http loss:>1.2')
    assert [term.column for term in found.terms] == ["label", "right", "", "", "loss"]
    assert found.terms[0].values == (Value("Shirt"), Value("T-shirt, long", True))
    assert found.terms[1].without
    assert found.terms[2].values == (Value("two words", True),)
    assert str(found.but("label", Term("label", (Value("Bag"),)))) == '-right:yes "two words" http loss:>1.2 label:Bag'


def test_what_words_writes():
    assert words("label", "T-shirt/top") == "label:T-shirt/top"
    assert words("tag", "to ask") == 'tag:"to ask"'
    assert words("tag", "none") == 'tag:"none"'
    assert words("note", None) == "note:none"
    assert words("my column", True) == '"my column":yes'
    assert between("loss", 0.5, None) == "loss:0.5.."


@pytest.mark.parametrize("text", ["label:", ":x", 'tag:"open', "label:a,", '"":x'])
def test_what_says_nothing_is_refused(text):
    with pytest.raises(UserError) as refused:
        parse(text)
    assert refused.value.do


def docs():
    return (Path(__file__).parents[2] / "docs" / "browse.md").read_text()


def test_every_example_of_the_docs_is_read():
    table = docs().split("## Columns")[1].split("Numbers take")[0]
    examples = re.findall(r"`([^`]+:[^`]+)`", table)
    assert len(examples) > 15
    for one in [*examples, docs().split("```")[1]]:
        assert any(term.column for term in parse(one).terms), one


def test_the_python_of_the_docs_runs(tiny_project):
    (example,) = re.findall(r"```python\n(.*?)```", docs(), re.S)
    exec(compile(example, "docs/browse.md", "exec"), {"project": tiny_project})
    assert [view.name for view in tiny_project.views()] == ["second look"]
    assert len(tiny_project.find('tag:"second look"')) == len(tiny_project.find("split:train suspicion:>0.9")) > 0

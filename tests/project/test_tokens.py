"""Influence of one row on one question, token by token."""

import chats
import pytest

from attribution import ScoreConfig, UserError


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokens")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABLAME_HOME", str(folder / "projects"))
        made = chats.project(folder)
        made.train()
        yield made


def test_the_tokens_of_a_score_add_up_to_it_and_are_the_row(project):
    for name in ("ip", "ekfac"):
        found = project.score(ScoreConfig(estimator=name, queries="test", device="cpu"))
        rows, matrix = found.matrix()
        told = project.token_influence(found, int(rows[2]), 1)
        assert sum(value for _, value in told) == pytest.approx(float(matrix[2, 1]), rel=1e-3, abs=1e-6)
        words = [word for word, value in told if value]
        assert words == [*project.dataset.conversation(int(rows[2])).answer.lower().split(), "<end>"]


def test_the_tokens_of_a_question_typed_add_up_to_its_score(project):
    found = project.score(ScoreConfig(estimator="ip", queries="ask:What is 9 plus 9? => It is 18 .", device="cpu"))
    rows, matrix = found.matrix()
    told = project.token_influence(found, int(rows[0]), 0)
    assert sum(value for _, value in told) == pytest.approx(float(matrix[0, 0]), rel=1e-3, abs=1e-6)


def test_an_estimator_is_asked_by_name(project):
    asked = str(project.dataset.ids[project.dataset.rows("test")[0]])
    assert any(value for _, value in project.token_influence("cosine", 0, asked))
    with pytest.raises(UserError, match="cannot say which tokens"):
        project.token_influence("bm25", 0, asked)
    with pytest.raises(UserError, match="No sample is called nobody"):
        project.token_influence("ip", 0, "nobody")

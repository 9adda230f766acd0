"""A few kills of jobs; ``python tests/kills/jobs.py --kills 40`` does more."""

from kills.jobs import kill


def test_jobs_that_are_killed_end_with_what_an_undisturbed_run_gives():
    assert kill(3, seed=1) == 3

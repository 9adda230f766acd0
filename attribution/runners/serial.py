"""One item after the other, in this process."""

from collections.abc import Sequence
from typing import Any

from attribution.progress import Progress
from attribution.runners import register
from attribution.runners.base import Runner, Work


@register("serial")
class Serial(Runner):
    """The plain loop that every other runner must equal."""

    title = "In this process"
    summary = (
        "One shard after the other, with all of torch's threads (or the GPU) for each. The default, and the fastest "
        "for most runs."
    )

    def run(self, work: Work, items: Sequence[Any], progress: Progress) -> None:
        total = sum(work.size(item) for item in items)
        before = 0.0
        current = 0.0

        def report(share: float, words: str = "") -> None:
            progress.update(before + share * current, total, words)

        progress.update(0, total, "opening the model")
        do = work.open(report)
        for item in items:
            current = work.size(item)
            do(item)
            before += current
            progress.update(before, total, work.words(item))

"""Which of a machine's accelerators a worker process means when it says ``cuda``."""

_share: int | None = None
_given = False


def take_share(place: int, given: bool = False) -> None:
    """Make this process a worker of several: from now on ``auto`` and ``cuda`` are the accelerator of worker ``place``,
    by turns.

    ``given``: whoever started the worker hides the others' accelerators from it, so any ``cuda:N`` means the first it
    sees.
    """
    global _share, _given
    _share, _given = place, given


def own_accelerator(name: str, count: int) -> int | None:
    """The accelerator of ``count`` that a worker means by ``name``; None in a process that works alone, and for one
    named by its number."""
    if _share is None or not count or not (name in ("auto", "cuda") or (_given and name.startswith("cuda"))):
        return None
    return 0 if _given else _share % count

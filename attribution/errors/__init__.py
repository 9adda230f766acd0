"""The one error that users see: what is wrong, why it matters, what to do."""


class UserError(Exception):
    """A mistake that the user can mend.

    ``what`` names the offending thing with its value, ``why`` says why it matters, ``do`` says how to mend it. The CLI
    prints the three without a traceback and exits with status 2; a page shows them beside the field or in the failed
    state.
    """

    def __init__(self, what: str, why: str = "", do: str = "") -> None:
        super().__init__(" ".join(part for part in (what, why, do) if part))
        self.what, self.why, self.do = what, why, do

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        """Three parts also after a trip from a worker process."""
        return type(self), (self.what, self.why, self.do)


class Cancelled(Exception):
    """Raised by ``Progress.update`` when the user cancelled the job; finished shards stay."""

"""A transform of the user's own, ``FILE.py:FUNCTION``: trusted code by hash, as models are."""

import inspect
from pathlib import Path
from typing import Any

from attribution.errors import UserError
from attribution.transforms.base import Transform, register
from attribution.trust import code_file, look
from attribution.trust.loading import running
from attribution.trust.question import code_hash


@register("code")
class OwnTransform(Transform):
    """What the user's function makes of a picture (PIL), a text (str) or a table's row (dict)."""

    written = "FILE.py:FUNCTION"
    summary = (
        "A function of yours, or a torchvision Compose in your file, that takes a PIL picture, a text or a row (dict) "
        "and returns a tensor; one without parameters is called for the transform itself."
    )

    def __init__(self, rest: str, dataset: Any, shape: Any = (), training: bool = False) -> None:
        super().__init__(rest, dataset, shape, training)
        path = code_file(rest)
        assert path is not None
        self.path = path
        self.function = _found(path, rest.rpartition(":")[2])

    @classmethod
    def takes(cls, said: str) -> bool:
        return ".py:" in said

    @classmethod
    def identity(cls, rest: str) -> str:
        path = code_file(rest)
        return f"{rest.rpartition(':')[2]}:{code_hash(path) if path and path.exists() else ''}"

    @classmethod
    def code(cls, rest: str) -> Path | None:
        return code_file(rest)

    @classmethod
    def placed(cls, rest: str) -> str:
        return f"{code_file(rest)}:{rest.rpartition(':')[2]}"

    def one(self, original: Any) -> Any:
        with running(self.path):  # it may import its neighbours when it is called, too
            return self.function(original)


def _found(path: Path, name: str) -> Any:
    """The function of a trusted file; ``UserError`` for an untrusted file and one that has no such function."""
    seen = look(path)
    if not seen.trusted:
        raise seen.refusal()
    try:
        with running(path) as module:
            found = getattr(module, name, None)
            if inspect.isfunction(found) and not inspect.signature(found).parameters:
                found = found()
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise UserError(f"{path.name} failed with {why}.", "There is no transform then.", "Mend the file.") from error
    if not callable(found):
        raise UserError(
            f"{path.name} has no function {name!r}.",
            "It makes the model's input of a sample.",
            "Correct the name behind the colon.",
        )
    return found

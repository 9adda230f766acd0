"""The map's layouts and colours in plain words: what near means, what a colour says."""

from attribution.views.numbers import plural

SPACES = {"representation": "What the model sees", "gradients": "How samples pull on it"}
LAYOUTS = {
    "umap": "Groups",
    "pca": "Distances",
    "columns": "Columns",
    "training": "Training",
}
NEAR = {
    "representation": "Points near each other look alike to the model",
    "gradients": "Points near each other pull on the model in the same way",
}


def help_of_layouts(over_training: str) -> str:
    """What each layout does, for who asks; ``over_training`` says what the data map tells."""
    return (
        "**Groups** (UMAP) puts look-alikes together; how far apart two groups stand means little. **Distances** (PCA) "
        "is the flattest honest shadow: far apart is unlike. **Columns**, for tables, stands each sample at two of "
        "its own numbers, with the model's answer behind. **Training** (data map) shows how training went for "
        f"each training sample: {over_training}, and how much that changed."
    )


def plane_words(others: int, kind: str) -> str:
    """What lies behind the samples in the plane of two columns; ``kind`` of target; ``others``: further inputs."""
    what = {
        "class": "Behind them the model's answer, the stronger the surer; the line is where it changes its mind.",
        "number": "Behind them what the model predicts.",
    }.get(kind, "Behind them the model's answer.")
    at = f" Its {plural(others, 'other input')} {'is' if others == 1 else 'are'} held at the training mean."
    return what + (at if others else "")


def sentence(n: int, layout: str, space: str, meaning: str, columns: tuple[str, str] = ("", "")) -> str:
    """What is seen, in words: how many samples, what places say, and what the colours mean."""
    if layout == "columns":
        where = f"each at its {columns[0]} and {columns[1]}"
    elif layout == "training":
        where = "each where its training led it"
    else:
        where = f"{NEAR[space][0].lower()}{NEAR[space][1:]}"
    joined = ": " if layout in ("umap", "pca") else ", "
    return f"{plural(n, 'sample')}{joined}{where}. {meaning}".rstrip()

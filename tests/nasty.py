"""Projects in which every word of the user's is a piece of Markdown, HTML or Streamlit's own shorthand."""

import json
from pathlib import Path

import numpy as np

# Each must reach the screen letter by letter. The last is an innocent one, which keeps two classes apart from each
# other.
WORDS = (
    "![x](http://host.example/a.png)",
    "$a^2$ and $b$",
    ":red[hot]",
    ":material/bolt:",
    "http://host.example/page?a=1&b=2",
    "<img src=x onerror=alert(1)>",
    "</script><b>bold</b>",
    "*star* **b** `code` [l](http://host.example)",
    ":streamlit: :smile: a -> b",
)


def word(at: int) -> str:
    """One of the words, by turns."""
    return WORDS[at % len(WORDS)]


def write_texts(path: Path, n: int = 150) -> None:
    """A JSONL file of ``n`` texts whose ids, labels, groups and words are all nasty; copies of a few stand in the test
    split."""
    chance, lines = np.random.default_rng(0), []
    for row in range(n):
        label = row % len(WORDS)
        split = "test" if row >= n - 45 else "val" if row >= n - 65 else "train"
        text = " ".join([word(row), *chance.choice([f"w{label}", f"v{label}", "same"], 6)])
        lines.append(
            {
                "key": f"{row} {word(row + 1)}",
                "label": WORDS[label],
                "split": split,
                "group": word(row // 9),
                "body": text,
            }
        )
    for copy in range(6):
        lines[n - 1 - copy]["body"] = lines[copy]["body"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def write_table(path: Path, n: int = 150) -> None:
    """A JSONL table whose column names and categories are nasty, too."""
    chance, lines = np.random.default_rng(1), []
    for row in range(n):
        label = row % 4
        split = "test" if row >= n - 45 else "val" if row >= n - 65 else "train"
        features = {
            word(0): float(chance.normal() + label),
            word(2): word(int(chance.integers(0, 5))),
            "x": float(chance.normal() - label),
        }
        lines.append(
            {"key": f"{row} {word(row)}", "label": WORDS[label], "split": split, "group": word(row % 3), **features}
        )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

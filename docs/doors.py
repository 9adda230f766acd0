"""The README's table of what people have and what they type, from the docstrings of tests/practitioners/scripts."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "tests" / "practitioners" / "scripts"
BEGIN, END = "<!-- made by docs/build.py from tests/practitioners/scripts -->\n", "<!-- end -->"
ORDER = (
    *("torchvision_cnn", "timm_vit", "lightning_ckpt", "hf_folder", "hf_trainer", "peft_adapter", "dataframe"),
    *("torch_dataset", "hf_dataset", "webdataset_tar", "embeddings", "pred_probs", "sklearn_pipeline", "boosting"),
    *("few_texts", "few_pictures", "regression", "binary", "multilabel", "class_weights", "annotators", "own_loop"),
    *("own_script", "causal_lm", "pairs", "word_labels", "diffusion"),
)


def told(script: Path) -> tuple[str, str]:
    """What its user has, and what is typed: the first line and the rest of a script's docstring."""
    have, _, typed = (ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or "").partition("\n")
    return have, " ".join(typed.split())


def doors() -> str:
    """The table: a line per script, in ``ORDER``, those that it does not name last."""
    place = {name: number for number, name in enumerate(ORDER)}
    scripts = sorted(SCRIPTS.glob("*.py"), key=lambda path: (place.get(path.stem, len(ORDER)), path.stem))
    lines = ["| you have | you type |", "| --- | --- |"]
    for have, typed in map(told, scripts):
        lines.append(f"| {have} | {typed if typed.startswith('not yet') else f'`{typed}`'} |")
    return "\n".join(lines) + "\n"


def with_doors(readme: str) -> str:
    """The README with today's table between its two marks."""
    before, _, rest = readme.partition(BEGIN)
    return before + BEGIN + doors() + END + rest.partition(END)[2]

"""Updates without retraining: a backdoor unlearned, a class removed."""

from typing import Any

from figures.table import table


def gif(found: dict[str, Any]) -> str:
    setting, parts = found["setting"], []
    words = {"backdoor": "A backdoor unlearned", "class": "A class removed"}
    about = {
        "backdoor": "A tenth of the training images is stamped and labelled 4; the update follows the right "
        "labels. On test images:"
        " accuracy as they are (clean), stamped ones called by their own label (relabel) and called 4.",
        "class": "The update follows the data without class 8. Accuracy on test images of the other classes and "
        "of the removed one.",
    }
    columns = {"backdoor": ("clean", "relabel", "still_target"), "class": ("others", "removed")}
    for kind in columns:
        if kind not in found:
            continue
        lines = []
        for title, one in found[kind]["summary"].items():
            runs = sum(title in lines_of for lines_of in found[kind]["by_seed"].values())
            cells = [
                str(runs),
                *[
                    f"{100 * one[name]['mean']:.1f}" + (f" ± {100 * one[name]['sd']:.1f}" if runs > 1 else "")
                    for name in columns[kind]
                ],
            ]
            moved = (
                [
                    f"{100 * one['share']['mean']:.1f} %",
                    f"{one['steps']['mean']:.1f}",
                    f"{one['seconds_s']['mean']:.1f}",
                ]
                if "share" in one
                else ["", "", ""]
            )
            lines.append([f"`{title}`" if "share" in one else title, *cells, *moved])
        parts.append(
            f"## {words[kind]} without retraining ({setting['model']})\n\n{setting['n_train']:,} training digits, a "
            f"small network. {about[kind]} Per cent, mean ± standard deviation over as many seeds as are named; rows "
            f"chosen by outputs unless named; at most {setting['steps'][kind]} steps. Curvature, choice and stop see "
            "training images only; the settings were chosen on another seed.\n\n"
            + table(
                [
                    "model",
                    "seeds",
                    *[name.replace("_", " ") for name in columns[kind]],
                    "parameters moved",
                    "steps",
                    "seconds",
                ],
                lines,
            )
        )
    return "\n".join(parts)

"""Leaks and duplicates, and the neighbour graph behind them."""

from typing import Any

from figures.table import table


def leaks(found: dict[str, Any]) -> str:
    parts = ["## Leaks\n\nHeld-out samples that training samples repeat, ranked by the likeliest first.\n"]
    for name in [name for name in ("fashion", "tabular") if name in found]:
        one = found[name]
        lines = []
        for method, figures in one["methods"].items():
            before = figures["false_before"]
            false = "never reached" if before is None else str(before)
            kinds = ", ".join(f"{kind} {n}" for kind, n in figures.get("kinds_in_first_100", {}).items())
            first = f"{figures['in_first_100']}{f' ({kinds})' if kinds else ''}"
            lines.append([method, f"{figures['in_first_as_many']} of {one['true']}", first, false])
        head = [
            "method",
            f"true among the first {one['true']}",
            "true among the first 100",
            f"false before the {one['wanted']}th true",
        ]
        parts.append(
            f"### {name}\n\n{one['true']} leaked; {one['cases']} cases at the usual threshold.\n\n" + table(head, lines)
        )
    names = [name for name in found if name not in ("fashion", "tabular")]
    if names:
        lines = [
            [
                name,
                f"{one['train']:,} / {one['test']:,}",
                f"{one['exact_found']:,} of {one['exact']:,}",
                f"{one['near_found']:,} of {one['near']:,}" if one["near"] else "",
                f"{one['listed']:,}",
                f"{one['hash_found']['exact']:,}" + (f" / {one['hash_found']['near']:,}" if one["near"] else ""),
                f"{one['neighbours_found']['exact']:,}"
                + (f" / {one['neighbours_found']['near']:,}" if one["near"] else ""),
            ]
            for name, one in ((name, found[name]) for name in names)
        ]
        parts.append(
            "### Larger public sets\n\nExact copies by comparing the raw content, near copies of texts by "
            "scikit-learn's tf-idf cosine above .95 (the exact ones among them). The neighbour search in the model "
            "(one epoch of training) may list as many as we do.\n\n"
            + table(
                ["set", "train / test", "exact found", "near found", "listed", "plain hash", "neighbours in the model"],
                lines,
            )
        )
    return "\n".join(parts)


def neighbors(found: dict[str, Any]) -> str:
    lines = [["exact, blocked", f"{found['exact']['wall_s']:.0f} s", f"{found['exact']['processor_s']:.0f} s", "1"]]
    if "pynndescent" in found:
        other = found["pynndescent"]
        lines.append(
            ["pynndescent", f"{other['wall_s']:.0f} s", f"{other['processor_s']:.0f} s", f"{other['recall']:.3f}"]
        )
    return (
        f"## The neighbour graph\n\n{found['n']:,} points of {found['d']} numbers, {found['k']} neighbours, "
        f"{found['threads']} threads; the exact search peaks at {found['exact']['peak_bytes'] / 1e9:.2f} GB, points "
        "included.\n\n" + table(["search", "wall", "processor", "recall"], lines)
    )

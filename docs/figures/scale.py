"""A million samples: reduction, compressed gradients, the app."""

from typing import Any

from figures.table import table


def topk(found: dict[str, Any]) -> str:
    sizes = {int(n): one for n, one in found["sizes"].items()}
    least = sizes[min(sizes)]["processor_s"]
    lines = [
        [
            f"{n:,} ({n / min(sizes):.0f}x)",
            f"{one['processor_s']:.1f} s ({one['processor_s'] / least:.1f}x)",
            f"{one['growth_mib']:.0f} MiB",
            f"{one['shard_bytes'] / 2**20:,.0f} MiB",
            f"{one['table_bytes'] / 2**20:,.1f} MiB",
            "yes" if one["equals_sorting"] else "no",
        ]
        for n, one in sorted(sizes.items())
    ]
    return (
        f"## Top-k per query over a million samples\n\nRandom scores with cosines for {found['queries']} queries in "
        f"shard files, reduced as a score run does: the {found['k']} most helpful and most harmful samples of every "
        f"query, the {found['k_reverse']} queries of every sample, moments and histograms. One thread; memory is the "
        "growth of the resident size.\n\n"
        + table(
            [
                "training samples",
                "processor",
                "memory",
                "shards read",
                "tables written",
                "first and last query equal sorting",
            ],
            lines,
        )
        + f"\nThe same from a store of compressed gradients, {found['width']} numbers in bf16 a sample, without a "
        "score run:\n\n"
        + table(
            ["training samples", "processor", "memory", "store read"],
            [
                [
                    f"{int(n):,}",
                    f"{one['processor_s']:.1f} s",
                    f"{one['growth_mib']:.0f} MiB",
                    f"{one['store_bytes'] / 2**20:,.0f} MiB",
                ]
                for n, one in sorted(found["served"].items(), key=lambda pair: int(pair[0]))
            ],
        )
        + "\nA whole score run of `ip` on an MLP of 16 inputs, from the model to the tables; the memory counts "
        "the input file, 64 bytes a"
        " sample, which is mapped and not copied:\n\n"
        + table(
            ["training samples", "processor", "memory", "kept on disk"],
            [
                [
                    f"{int(n):,}",
                    f"{one['processor_s']:.1f} s",
                    f"{one['growth_mib']:.0f} MiB",
                    f"{one['kept_bytes'] / 2**20:,.0f} MiB ({'every pair' if one['dense'] else 'the tables'})",
                ]
                for n, one in sorted(found["whole"].items(), key=lambda pair: int(pair[0]))
            ],
        )
    )


def compression(found: dict[str, Any]) -> str:
    def spread(one: dict[str, float]) -> str:
        return f"{one['mean']:.3f}" + (f" ({one['low']:.3f} to {min(1.0, one['high']):.3f})" if "low" in one else "")

    parts = [
        "## Compressed gradients\n\nDot products of compressed gradients of training samples with those of 100 "
        "queries, against the exact ones. Spearman's correlation over all pairs; found: the share of a query's 24 most "
        "helpful and 24 most harmful samples that are still among its 24. Mean with 95 % interval over draws of the "
        "map; the leading directions are no draw. Vectors of the training set rounded to bf16, as stored; in float32 "
        f"no Spearman differs by more than {_rounding(found):.0e}. Cost is CPU time in forward passes over the same "
        "samples, one thread: making the store, and answering 100 new queries from it (their own gradients, reading, "
        "top 24). Finding the leading directions comes on top: 19 passes, counted, with ten classes.\n"
    ]
    for model, one in found.items():
        about = one["about"]
        parts.append(
            f"### {model}\n\n{about['parameters']:,} parameters, {about['samples']:,} samples: a gradient takes "
            f"{about['full_bytes']:,} bytes in float32; exact dots with 100 queries, nothing kept, cost "
            f"{about['exact']:.1f} forward passes.\n"
        )
        lines = [
            [
                kind if place == 0 else "",
                f"{line['numbers']:,}",
                f"{line['bf16_bytes']:,}",
                spread(line["bf16"]["spearman"]),
                spread(line["bf16"]["found"]),
                f"{line['making']:.1f}",
                f"{line['answering']:.2f}",
            ]
            for kind, sizes in one["kinds"].items()
            for place, line in enumerate(sizes)
        ]
        parts.append(
            table(
                ["compression", "numbers", "bytes a sample", "Spearman", "found", "making the store", "answering"],
                lines,
            )
        )
    return "\n".join(parts)


def _rounding(found: dict[str, Any]) -> float:
    """The largest change of a mean Spearman by rounding to bf16."""
    lines = [line for one in found.values() for sizes in one["kinds"].values() for line in sizes]
    return max(abs(line["bf16"]["spearman"]["mean"] - line["float32"]["spearman"]["mean"]) for line in lines)


def million(found: dict[str, Any]) -> str:
    lines = [
        [
            name,
            f"{one['median']:.2f} s",
            f"{one['lowest']:.2f} to {one['highest']:.2f} s",
            f"{one['server_cpu']:.2f} s",
            str(one["times"]),
        ]
        for name, one in found["actions_s"].items()
    ]
    cpu = ", ".join(f"{name} {seconds:.0f}" for name, seconds in found["cpu_s"].items())
    counts = found["counts"]
    chosen = ", ".join(counts["selected by the lassos"].values())
    return (
        f"## A million samples in the app\n\n{found['n']:,} training samples of 64 numbers (and 2,000 each for "
        "validation and test), a model whose representation has 64 dimensions, the PCA map; Chromium without a GPU on "
        f"the same {found['cores']} cores as the server, with other work on them ({found['load']:.1f} processes in the "
        f"queue on average). The lassos took {chosen} samples. The first draw sends "
        f"{counts['bytes of the first draw'] / 1e6:.2f} MB to the browser, a recolour "
        f"{counts['bytes of a recolour'] / 1e6:.2f} MB; the server peaks at {found['server_peak_bytes'] / 1e9:.2f} "
        "GB.\n\n"
        + table(["what", "waited, median", "lowest to highest", "server's CPU", "times"], lines)
        + f"\nMaking the project, CPU seconds: {cpu}; peak {found['peak_bytes'] / 1e9:.2f} GB.\n"
        + browse(found["browse"])
    )


def browse(found: dict[str, Any]) -> str:
    """What Browse works out on the server, without drawing."""
    lines = [[name, *(f"{seconds:.3f} s" for seconds in cpu)] for name, cpu in found["cpu_s"].items()]
    lines = [line if len(line) == 3 else [*line, ""] for line in lines]
    first, second = (f"`{words}`" for words in found["filters"])
    return (
        f"\nBrowse over {found['n']:,} training samples of 8 numbers, CPU seconds without drawing: {first} "
        f"({found['matching'][0]:,} samples), when values are read for the first time, then {second} "
        f"({found['matching'][1]:,}).\n\n" + table(["what", "first", "then"], lines)
    )

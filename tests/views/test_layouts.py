"""The map's sentence: how many, what near means, what the colours say."""

from attribution.views import layouts


def test_the_sentence_says_what_is_seen():
    said = layouts.sentence(9000, "umap", "representation", "Colours: the given labels.")
    assert said == "9,000 samples: points near each other look alike to the model. Colours: the given labels."
    assert "pull on the model" in layouts.sentence(2, "pca", "gradients", "")
    assert layouts.sentence(1, "columns", "", "", ("age", "hours")) == "1 sample, each at its age and hours."


def test_every_layout_is_explained():
    words = layouts.help_of_layouts("how sure it was")
    assert all(f"**{name}**" in words for name in layouts.LAYOUTS.values())
    assert "how sure it was" in words

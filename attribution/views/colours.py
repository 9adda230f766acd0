"""What each colour means: blue helped, orange hurt, violet suspicion, one fixed colour per class."""

import colorsys

HELPFUL = "#2F78C4"
HARMFUL = "#D9730D"
EDITED = "#0F766E"
NO_CLASS = "#B9B4AA"

# None is the blue of help or the orange of harm; the first two stay apart for colour-blind eyes.
CLASSES = ("#2AA3B5", "#C23B52", "#B09B1E", "#3F9B5B", "#D873B4", "#8F6148", "#6F7A86", "#5B63B7", "#8DB33A", "#E3A48B")

SUSPICION_LIGHT = ("#DCCBE3", "#BE9FCD", "#996DB1", "#713D91", "#441566")
SUSPICION_DARK = ("#543869", "#7E50A0", "#A777CB", "#CFABE8", "#F1DFFA")
# from small to large numbers: even steps of lightness, no blue of help and no orange of harm at its ends
VALUES = ("#3B2E6E", "#4A5A8C", "#4E8391", "#5FA88A", "#9CC777", "#E3DF6B")
LOSS_LIGHT = ("#D9D4C8", "#B8B39A", "#97905F", "#6E6A2C", "#3F3D10")
LOSS_DARK = ("#4A4733", "#6E6A3C", "#979151", "#C2BB70", "#EEE7A3")
INFLUENCE_LIGHT = ("#B4530A", "#E39A55", "#B9B4AA", "#7FA9DB", "#1D5AA6")  # hurt most ... helped most
INFLUENCE_DARK = ("#FF9A3D", "#B26B2C", "#5E594F", "#4674AE", "#74B4FF")


def class_colour(index: int) -> str:
    """The colour of a class, the same on every page; beyond ten classes hues are spread by the golden angle; grey for
    none."""
    if index < 0:
        return NO_CLASS
    if index < len(CLASSES):
        return CLASSES[index]
    red, green, blue = colorsys.hls_to_rgb((0.11 + index * 0.381966) % 1.0, 0.5, 0.45)
    return f"#{round(red * 255):02X}{round(green * 255):02X}{round(blue * 255):02X}"


def value_colour(share: float) -> str:
    """The colour of a number by its place between small (0) and large (1), between the steps of ``VALUES``."""
    place = min(max(share, 0.0), 1.0) * (len(VALUES) - 1)
    low = min(int(place), len(VALUES) - 2)
    ends = [[int(VALUES[step][at : at + 2], 16) for at in (1, 3, 5)] for step in (low, low + 1)]
    mixed = [round(a + (b - a) * (place - low)) for a, b in zip(*ends, strict=True)]
    return "#{:02X}{:02X}{:02X}".format(*mixed)


def suspicion_scale(dark: bool = False) -> tuple[str, ...]:
    """Five steps from unsuspicious to most suspicious; the last stands out most on the page's background."""
    return SUSPICION_DARK if dark else SUSPICION_LIGHT


def influence_scale(dark: bool = False) -> tuple[str, ...]:
    """Five steps: hurt most, hurt, little influence, helped, helped most."""
    return INFLUENCE_DARK if dark else INFLUENCE_LIGHT


def quiet(dark: bool = False) -> str:
    """Points that should step back: no value, not edited, not selected."""
    return "#4A463F" if dark else "#D5D0C6"


def unsuspicious(dark: bool = False) -> str:
    """Points that a search found nothing about: they step back, but less than what is not meant at all."""
    return "#3E3A45" if dark else "#DEDAE0"


def loss_scale(dark: bool = False) -> tuple[str, ...]:
    """Five steps from small to large loss, apart from every other meaning."""
    return LOSS_DARK if dark else LOSS_LIGHT


def influence_colour(value: float) -> str:
    """Blue for a helpful (positive) influence, orange for a harmful one."""
    return HELPFUL if value >= 0 else HARMFUL

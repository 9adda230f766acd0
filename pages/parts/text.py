"""The user's words as text: what every name, note, file and message goes through on its way into a Streamlit
element."""

import re

# Streamlit replaces some signs after it has parsed the Markdown, where a backslash is gone already: icons
# (:material/x:), its logo
# (:streamlit:), bare addresses, and arrows. An empty directive stands for nothing on the page and keeps what is on its
# two sides apart.
APART = ":small[]"
SIGNS = re.compile(r"[\\`*_{}\[\]<>#$|~:&!=/^]")
BLANKS = re.compile(r"[\s\x00-\x1f\x7f]+")
LINE_START = re.compile(r"^(\d*)([-+.)])")
ARROWS = frozenset("<>=~-")
NAME_SIGNS = re.compile(r"[A-Za-z0-9_+/-]")


def plain(words: object) -> str:
    """Markdown that shows ``words`` letter by letter, whatever they hold: no markup, no icon, no link, no picture, one
    line.

    For labels, help, headings, captions, toasts and tables of text; what Streamlit draws without Markdown
    (``st.dataframe``, ``st.selectbox``'s options, ``st.text``, ``st.code``) takes the words as they are.
    """
    text = BLANKS.sub(" ", str(words)).strip()
    return LINE_START.sub(r"\1\\\2", "".join(_sign(text, at) for at in range(len(text))))


def _sign(text: str, at: int) -> str:
    """One letter of ``text``, escaped where it means something, and kept apart from the next where Streamlit would join
    them."""
    sign = text[at]
    following = text[at + 1 : at + 2]
    shown = f"\\{sign}" if SIGNS.match(sign) else sign
    if sign == "@" or (sign == "." and text[max(at - 3, 0) : at].lower() == "www"):
        return APART + shown
    joined = (sign == ":" and NAME_SIGNS.match(following)) or (sign in ARROWS and following in ARROWS)
    return shown + APART if following and joined else shown

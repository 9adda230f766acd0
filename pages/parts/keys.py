"""Decisions by key belong to what is on screen: a key that comes too early is not taken, and the page says so at once.

The server's own guard is in ``edits`` (what was shown travels with every decision). This is the hint in the browser,
where a key would otherwise vanish without a word: before the first item stands, or while the next one is still being
drawn.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from html import escape

import streamlit as st

SCRIPT = """<script>
(() => {
  if (window.datablameKeys) return;
  let taken = "", clock = 0, running = false;
  const box = document.createElement("div");
  box.setAttribute("role", "status");
  box.style.cssText = "position:fixed;left:50%;bottom:1.5rem;transform:translateX(-50%);z-index:1000000;"
    + "padding:.6em 1em;border-radius:.5rem;background:#31333f;color:#fff;font-family:inherit;font-size:.95rem;"
    + "box-shadow:0 2px 12px rgba(0,0,0,.35);display:none";
  document.body.appendChild(box);
  const say = (words) => {
    box.textContent = words;
    box.style.display = "block";
    clearTimeout(clock);
    clock = setTimeout(() => { box.style.display = "none"; }, 3500);
  };
  window.datablameKeys = true;
  new MutationObserver(() => {
    const now = Boolean(document.querySelector("[data-testid='stApp'][data-test-script-state='running']"));
    if (running && !now) taken = "";  // the answer is drawn, also where it is the same item again
    running = now;
  }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["data-test-script-state"] });
  window.addEventListener("keydown", (event) => {
    const page = document.querySelector("[data-keys]"), mark = document.querySelector("[data-shown]");
    const button = page && JSON.parse(page.dataset.keys)[event.key.toLowerCase()];
    const typed = button && document.querySelector(`[class*='st-key-${button}'] input`);
    if (!button || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest && event.target.closest("input, textarea, select, [contenteditable='true']")) return;
    if (typed) {  // a field to type into is given the focus; what it holds is written over
      event.preventDefault();
      typed.focus();
      typed.select();
      return;
    }
    if (mark && !document.querySelector(`[class*='st-key-${button}'] button:not([disabled])`)) return;
    const shown = mark ? mark.dataset.shown : "";
    if (event.repeat || shown === taken) {
      event.stopImmediatePropagation();
      event.preventDefault();
      say(`“${event.key.toUpperCase()}” was not taken: the next one was not on screen yet.`);
      return;
    }
    taken = shown;
  }, true);
})();
</script>"""


def listen(buttons: Mapping[str, str]) -> None:
    """At the top of a page that takes these keys (each with how the key of its button begins): one that comes too early
    is said from now on."""
    names = escape(json.dumps(dict(buttons)))
    st.html(f'<span data-keys="{names}"></span>{SCRIPT}', unsafe_allow_javascript=True)


def shown(what: Iterable[object]) -> None:
    """After the buttons of an item: it is on screen now, and so are the buttons that belong to it."""
    st.html(f'<span data-shown="{digest(what)}"></span>')


def arrows(names: tuple[str, str], where: str, on_click: Callable[..., None], asked: tuple[tuple, tuple]) -> None:
    """Two buttons that step back and forward, at the arrow keys; ``asked`` is what each hands to ``on_click``."""
    words = (("Left", "chevron_left", f"Previous{where} (←)"), ("Right", "chevron_right", f"Next{where} (→)"))
    for name, (shortcut, icon, tip), args in zip(names, words, asked, strict=True):
        st.button("", key=name, shortcut=shortcut, icon=f":material/{icon}:", help=tip, on_click=on_click, args=args)


def digest(what: Iterable[object]) -> str:
    """A short name of what is shown, for the keys of its buttons: a button drawn for something else is another
    button."""
    return hashlib.sha256("\n".join(map(str, what)).encode()).hexdigest()[:10]

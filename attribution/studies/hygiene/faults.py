"""Faults of one conversation that can be told from its turns alone: order of roles, leftover tokens, empty and cut
answers."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from attribution.datasets.chat.conversation import ROLES
from attribution.studies.hygiene.finding import DROP, HIGH, LOW, MEDIUM, Finding

if TYPE_CHECKING:
    from attribution.datasets.chat.conversation import Conversation, Turn

AROUND = 30  # signs shown on either side of what was found
LONGEST = 80  # signs of an answer shown
# Of the chat templates of Llama, Mistral, Qwen, Gemma, Phi, DeepSeek, Zephyr and GPT; and of their tokenizers.
SPECIAL = re.compile(
    r"<[|｜][\w▁ -]{1,40}[|｜]>|\[/?INST\]|<</?SYS>>"
    r"|\[(?:/?AVAILABLE_TOOLS|TOOL_CALLS|/?TOOL_RESULTS|PAD|CLS|SEP|MASK)\]"
    r"|</?(?:start|end)_of_(?:turn|image)>|<(?:bos|eos|pad|unk|sep)>|^\s{0,8}<s>|</s>(?=\s{0,8}(?:\Z|<s>|\[INST))"
)
# A turn of another speaker inside a turn, at the beginning of a line.
SPEAKER = re.compile(
    r"^(?:#{2,3} ?(?:Instruction|Response|Input|Human|Assistant|User)|Human|Assistant|User|USER|ASSISTANT|SYSTEM) ?:",
    re.MULTILINE,
)
NOTHING = re.compile(r"(?:n/?a|null|none|nan|todo|tbd|undefined|\[?(?:deleted|removed|empty|placeholder)\]?)\.?", re.I)
DANGLING = re.compile(
    "the|a|an|and|or|of|to|with|for|in|on|at|by|from|that|which|because|but|if|as|is|are|und|oder|der|die|das|et|ou|le|"
    "la|les|de|el|los",
    re.I,
)


def faults(row: int, conversation: "Conversation") -> Iterator[Finding]:
    """Everything that is wrong with the turns of a conversation; linear in its text."""
    turns = conversation.turns
    if sentence := order_fault(turns):
        yield Finding(row, "template", MEDIUM, sentence)
    for number, turn in enumerate(turns, 1):
        yield from _leftovers(row, number, turn, len(turns))
    if any(turn.trained for turn in turns) and turns[-1].role != "tokens":
        yield from _answer(row, conversation.answer)


def order_fault(turns: "Sequence[Turn]") -> str:
    """What a chat template would not expect of the order of roles, in a sentence; "" for nothing."""
    roles = [turn.role for turn in turns]
    if not roles:
        return "The row has no turns."
    if set(roles) <= {"text", "tokens"}:
        return ""  # nobody speaks in those
    unknown = next((role for role in roles if role not in ROLES), None)
    if unknown is not None:
        return f"A turn has the role {unknown[:40]!r}, which chat templates do not know."
    late = next((at for at, role in enumerate(roles) if role in ROLES[:2] and at), 0)
    if late and roles[late - 1] not in ROLES[:2]:
        return f"Turn {late + 1} is a system turn; templates take one at the beginning only."
    return _order_of_speakers([role for role in roles if role not in ROLES[:2]], roles)


def _order_of_speakers(spoken: list[str], roles: list[str]) -> str:
    if "assistant" not in spoken:
        return "No turn is the assistant's, so there is no answer."
    if spoken[0] == "assistant":
        return "The assistant speaks before anybody asked."
    if spoken[-1] == "user":
        return "The last turn is the user's: it is never answered."
    twice = next((at for at in range(1, len(spoken)) if spoken[at] == spoken[at - 1] in ("user", "assistant")), 0)
    return f"Two {spoken[twice]} turns follow one another; templates expect them to alternate." if twice else ""


def _leftovers(row: int, number: int, turn: "Turn", n: int) -> Iterator[Finding]:
    """A special token, and another speaker's name, inside a turn; the first of each."""
    where = f"turn {number} of {n} ({turn.role[:40]})"
    if match := SPECIAL.search(turn.content):
        told = f"{match[0].strip()} stands in the text of {where}; the tokenizer may read it as a special token."
        yield Finding(row, "token", HIGH, told, excerpt=around(turn.content, match.start(), match.end()))
    if (match := SPEAKER.search(turn.content)) and turn.role not in ("system", "developer", "text"):
        told = f'A line of {where} begins with "{match[0]}": another speaker\'s turn may stand inside it.'
        yield Finding(row, "template", LOW, told, excerpt=around(turn.content, match.start(), match.end()))


def _answer(row: int, answer: str) -> Iterator[Finding]:
    """An answer that says nothing, or stops in the middle."""
    said = answer.strip()
    if not any(sign.isalnum() for sign in said[:10_000]):
        shown = f'is only "{said[:LONGEST]}"' if said else "is empty"
        yield Finding(row, "empty", HIGH, f"The answer {shown}.", DROP)
    elif NOTHING.fullmatch(said[:40]):
        yield Finding(row, "empty", MEDIUM, f'The answer is "{said}", which looks like a filling.', DROP)
    elif sentence := cut(said):
        yield Finding(row, "cut", MEDIUM, sentence, excerpt=f"…{said[-LONGEST:]}" if len(said) > LONGEST else said)


def cut(said: str) -> str:
    """By what an answer seems to stop in the middle; "" where it does not."""
    if said.count("```") % 2:
        return "A block of code in the answer is opened and never closed."
    words = said[-200:].split()
    if len(words) < 4 or said.endswith("```"):
        return ""
    last = words[-1]
    if last[-1] in ",(/":
        return f'The answer ends with "{last[-1]}".'
    if DANGLING.fullmatch(last):
        return f'The answer ends with the word "{last}", which something should follow.'
    broken = last[-1] == "-" and len(last) > 1 and last[-2].isalpha()
    return 'The answer ends in the middle of a word ("-").' if broken else ""


def around(text: str, start: int, stop: int) -> str:
    """What stands at a place of a text, with a little on either side."""
    left = max(0, start - AROUND)
    right = min(len(text), stop + AROUND)
    return f"{'…' if left else ''}{text[left:right]}{'…' if right < len(text) else ''}"

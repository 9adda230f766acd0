"""Conversations as tokens of a model: its chat template and tokenizer, and which tokens are trained."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from attribution.datasets.chat.conversation import Conversation, Turn
from attribution.errors import UserError

MARKER = re.compile(r"\{%-?\s*generation\s*-?%\}")  # what a template may put before what a model says
READY, TEXT = "tokens", "text"  # roles: tokens as they are, and a text that is no turn
KEPT = "\ue000{}\ue001"  # stands for a turn's content where it must not be read as control tokens


class Tokens(NamedTuple):
    """Ids of a row, and which of them are trained."""

    ids: list[int]
    trained: list[bool]


def tokens_of_chat(tokenizer: Any, conversation: Conversation) -> Tokens:
    """All tokens of a conversation.

    Turns go through the chat template. A turn that is trained counts from where the model would begin to answer to the
    end of the turn: what TRL trains with ``completion_only_loss``, and with ``assistant_only_loss`` by the difference
    of prefixes; a template with ``generation`` marks says itself what is trained. Ready tokens are taken as they
    are; a text is trained from its first token to the end sign, without a template, and so are prompt and completion
    where the tokenizer has no template. Signs of the template in a turn's text stay text. ``UserError`` for a
    conversation that the template refuses.
    """
    roles = {turn.role for turn in conversation.turns}
    if READY in roles:
        parts = [(list(map(int, turn.content.split())), turn.trained) for turn in conversation.turns]
        return Tokens([one for ids, _ in parts for one in ids], [trained for ids, trained in parts for _ in ids])
    if TEXT in roles or not tokenizer.chat_template:
        return _without_template(tokenizer, conversation)
    if _has_signs(tokenizer, conversation):
        return _in_pieces(tokenizer, conversation)
    if MARKER.search(str(tokenizer.chat_template)) and _usual(conversation):
        return _marked(tokenizer, conversation)
    whole, spans = _spans(tokenizer, conversation.turns)
    return _cut(tokenizer, whole, spans)


def asked(tokenizer: Any, prompt: Conversation) -> list[int]:
    """The tokens of a prompt up to where the model begins to answer."""
    if not tokenizer.chat_template or {turn.role for turn in prompt.turns} & {READY, TEXT}:
        ids = tokens_of_chat(tokenizer, prompt).ids
        return ids[:-1] if ids and ids[-1] == tokenizer.eos_token_id else ids
    turns = tuple(Turn(turn.role, turn.content) for turn in prompt.turns)
    if not _has_signs(tokenizer, prompt):
        return _encode(tokenizer, _rendered(tokenizer, turns, True))
    pieces = _pieces(_rendered(tokenizer, _hidden(turns), True), turns)
    return [one for text, turn in pieces for one in _encode(tokenizer, text, plain=turn is not None)]


def _without_template(tokenizer: Any, conversation: Conversation) -> Tokens:
    """The texts one after the other, and the end sign, which belongs to the last."""
    begin = [tokenizer.bos_token_id] if _begins(tokenizer) else []
    ids = list(begin)
    trained = [False] * len(begin)
    for turn in conversation.turns:
        found = _encode(tokenizer, turn.content, plain=True)
        ids += found
        trained += [turn.trained] * len(found)
    if tokenizer.eos_token_id is not None:
        ids.append(tokenizer.eos_token_id)
        trained.append(bool(conversation.turns) and conversation.turns[-1].trained)
    return Tokens(ids, trained)


def _begins(tokenizer: Any) -> bool:
    """Whether the tokenizer puts its begin sign before a text."""
    found = tokenizer("a")["input_ids"]
    return tokenizer.bos_token_id is not None and bool(found) and found[0] == tokenizer.bos_token_id


def _encode(tokenizer: Any, text: str, plain: bool = False) -> list[int]:
    """Ids without any that the tokenizer would add; ``plain``: signs of the template are text."""
    more = {"split_special_tokens": True} if plain else {}
    found: list[int] = tokenizer(text, add_special_tokens=False, **more)["input_ids"]
    return found


def _rendered(tokenizer: Any, turns: Sequence[Turn], ask: bool = False) -> str:
    messages = [{"role": turn.role, "content": turn.content} for turn in turns]
    try:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=ask))
    except Exception as error:  # whatever a template raises: roles that it does not know, or their order
        why = " ".join(str(error).split())[:200]
        raise UserError(
            f"The model's chat template refuses the roles {', '.join(turn.role for turn in turns[:6])}: {why}.",
            "It makes the model's input of a conversation.",
            "Use roles and an order that it knows, or another model.",
        ) from error


def _usual(conversation: Conversation) -> bool:
    """Whether the assistant's turns are trained, and no others."""
    return all(turn.trained == (turn.role == "assistant") for turn in conversation.turns)


def _marked(tokenizer: Any, conversation: Conversation) -> Tokens:
    """By the template's own marks around what the assistant says."""
    messages = [{"role": turn.role, "content": turn.content} for turn in conversation.turns]
    found = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    return Tokens(list(found["input_ids"]), [bool(one) for one in found["assistant_masks"]])


def _spans(tokenizer: Any, turns: Sequence[Turn]) -> tuple[str, list[tuple[int, int]]]:
    """The rendered conversation, and from where to where its trained turns are."""
    whole = _rendered(tokenizer, turns)
    found = []
    for place, turn in enumerate(turns):
        if not turn.trained:
            continue
        before = _rendered(tokenizer, turns[:place], True) if place else ""
        upto = whole if place + 1 == len(turns) else _rendered(tokenizer, turns[: place + 1])
        if whole.startswith(before) and whole.startswith(upto) and len(before) <= len(upto):
            found.append((len(before), len(upto)))
        elif (start := whole.rfind(turn.content)) >= 0:  # a template that looks at later turns
            found.append((start, start + len(turn.content)))
    return whole, found


def _cut(tokenizer: Any, whole: str, spans: Sequence[tuple[int, int]]) -> Tokens:
    """Tokens of a rendered text; trained are those that begin within a span."""
    found = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
    starts = [start for start, _ in found["offset_mapping"]]
    return Tokens(list(found["input_ids"]), [any(a <= start < b for a, b in spans) for start in starts])


def _has_signs(tokenizer: Any, conversation: Conversation) -> bool:
    """Whether a turn's text holds what the tokenizer would take for a control token."""
    signs = [one for one in tokenizer.all_special_tokens if one]
    return any(sign in turn.content for turn in conversation.turns for sign in signs)


def _hidden(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    return tuple(Turn(turn.role, KEPT.format(place), turn.trained) for place, turn in enumerate(turns))


def _pieces(rendered: str, turns: Sequence[Turn]) -> list[tuple[str, Turn | None]]:
    """The rendered text cut at the turns' contents, each with its turn; the template's own parts have none."""
    found: list[tuple[str, Turn | None]] = []
    for place, turn in enumerate(turns):
        before, sign, after = rendered.partition(KEPT.format(place))
        if sign:
            found += [(before, None), (turn.content, turn)]
            rendered = after
    return [*found, (rendered, None)]


def _in_pieces(tokenizer: Any, conversation: Conversation) -> Tokens:
    """The template's own signs as control tokens, and those in the turns' texts as text."""
    turns = conversation.turns
    whole, spans = _spans(tokenizer, _hidden(turns))
    ids: list[int] = []
    trained: list[bool] = []
    place = 0
    for text, turn in _pieces(whole, turns):
        if turn is None:
            part = _cut(tokenizer, text, [(start - place, stop - place) for start, stop in spans])
            place += len(text)
        else:
            plain = _encode(tokenizer, text, plain=True)
            part = Tokens(plain, [turn.trained] * len(plain))
            place += len(KEPT.format(turns.index(turn)))
        ids += part.ids
        trained += part.trained
    return Tokens(ids, trained)

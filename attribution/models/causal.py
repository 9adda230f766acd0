"""A language model of the library transformers: frozen first layers, trained last ones, and a head."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from attribution.datasets.chat.conversation import Conversation, Turn
from attribution.errors import UserError
from attribution.models.features import inputs_of
from attribution.models.head import plainly, said
from attribution.models.language import LanguageModel, chances
from attribution.models.trunk import EXACT_BYTES, TOKENS, Trunk, key_of, together, trunk_in
from attribution.progress import Progress

READ = 256  # rows that are read at a time
TOGETHER = 16  # prompts that are answered together
CLOSE = 1e-2  # how well a head's logits must be the network's own, of their largest


class CausalModel(LanguageModel):
    """``network`` is the library's model (or peft's around it) with the weights that are to be trained marked so.

    The layers before the first trained weight run without gradients and in evaluation mode, whatever the mode is; with
    a ``trunk`` (``keep_in``) their outputs are looked up by a row's tokens. Frozen heads are asked chunk by chunk
    (``models.head``). ``UserError`` for a network whose logits are not its head's of its last states.
    """

    datablame_base = True  # the folder's: checkpoints need not hold the frozen weights (``models.base_kept``)

    def __init__(self, network: nn.Module, tokenizer: Any = None, base: str = "") -> None:
        super().__init__()
        self.network = network
        self.tokenizer = tokenizer
        self.base = base
        self.trunk: Trunk | None = None
        own = inner(network)
        self._owner, self._place = container(own)
        layers = getattr(own.get_submodule(self._owner), self._place)
        self.cut = next((k for k, layer in enumerate(layers) if _trained(layer)), 0)
        if _trained(own.get_input_embeddings()):
            self.cut = 0
        self._check()
        self.register_load_state_dict_pre_hook(_apart)

    def __deepcopy__(self, memo: dict[int, Any]) -> "CausalModel":
        for shared in (self.tokenizer, self.trunk):
            memo[id(shared)] = shared
        for weight in self.parameters():
            if not weight.requires_grad:
                memo[id(weight)] = nn.Parameter(weight.data, requires_grad=False)
        made = self.__class__.__new__(self.__class__)
        memo[id(self)] = made
        made.__dict__.update({name: copy.deepcopy(value, memo) for name, value in self.__dict__.items()})
        return made

    def train(self, mode: bool = True) -> "CausalModel":
        super().train(mode)
        if self.cut:  # chance (dropout) in what is frozen, the sum of embeddings included, would be kept
            inner(self.network).get_decoder().eval()
            for layer in self._layers[self.cut :]:
                layer.train(mode)
        return self

    @property
    def _layers(self) -> nn.ModuleList:
        found: nn.ModuleList = getattr(inner(self.network).get_submodule(self._owner), self._place)
        return found

    @contextmanager
    def _with_layers(self, layers: list[nn.Module]) -> Iterator[Any]:
        """Inside, the decoder runs these layers instead of its own."""
        own = inner(self.network)
        holder = own.get_submodule(self._owner)
        kept = holder._modules[self._place]
        holder._modules[self._place] = nn.ModuleList(layers)
        try:
            yield own.get_decoder()
        finally:
            holder._modules[self._place] = kept

    def hidden(self, ids: Tensor, there: Tensor) -> Tensor:
        """See ``LanguageModel.hidden``; without gradients rows of about one length go together, ``TOKENS`` tokens at a
        time."""
        lengths = there.sum(1).tolist()
        if torch.is_grad_enabled() or ids.numel() <= TOKENS:
            return self._hidden(ids, there)
        found: Tensor | None = None
        for places in together(lengths):
            longest = max(1, lengths[places[-1]])
            some = self._hidden(ids[places, :longest], there[places, :longest])
            found = some.new_zeros(*ids.shape, some.shape[-1]) if found is None else found
            found[places, :longest] = some
        assert found is not None
        return found

    def _hidden(self, ids: Tensor, there: Tensor) -> Tensor:
        if not self.cut:
            return _states(inner(self.network).get_decoder()(input_ids=ids, use_cache=False))
        trunk = None if self._dtype == torch.float64 else self.trunk
        given = trunk.states(self, ids, there) if trunk else self.frozen(ids)
        given = torch.where(there[..., None], given.to(self._dtype), 0.0)  # (b, t, d), by the batch itself
        layers = list(self._layers)
        passing = [_Given(given, self._tupled, layer) for layer in layers[: self.cut]]
        with self._with_layers([*passing, *layers[self.cut :]]) as decoder:
            return _states(decoder(inputs_embeds=given, use_cache=False))

    @torch.no_grad()
    def frozen(self, ids: Tensor) -> Tensor:
        """What the first trained layer is given ``(b, t, d)``: one pass through those before it."""
        layers = list(self._layers)
        tap = _Tap(self._tupled)
        with self._with_layers([*layers[: self.cut], tap]) as decoder:
            decoder(input_ids=ids, use_cache=False)
        assert tap.seen is not None
        return tap.seen

    def frozen_weights(self) -> Iterator[Tensor]:
        """Those that ``frozen`` computes with, and few more."""
        above = {id(weight) for layer in self._layers[self.cut :] for weight in layer.parameters()}
        for weight in inner(self.network).get_decoder().parameters():
            if id(weight) not in above and not weight.requires_grad:
                yield weight

    @property
    def told(self) -> str:
        """What the network is by its config."""
        found: str = inner(self.network).config.to_json_string()
        return found

    def keep_in(self, dataset: Any) -> None:
        """From now on look up the frozen layers' outputs in a project's data folder (``models.trunk``)."""
        if not self.cut:
            return
        own = inner(self.network)
        keys: dict[int, str] = own.__dict__.setdefault("datablame_keys", {})  # shared by copies of the same weights
        if self.cut not in keys:
            keys[self.cut] = key_of(self)
        width = int(own.get_input_embeddings().weight.shape[1])
        size_bytes = 4 * width * len(dataset.imported) * inputs_of(self).shape_of(dataset.info)[-1]
        self.trunk = trunk_in(Path(dataset.folder), keys[self.cut], width, size_bytes <= EXACT_BYTES)

    def prepare(self, dataset: Any, rows: Any, progress: Progress) -> None:
        """Keep the frozen layers' outputs of these rows with the project, before they are trained on or asked about."""
        self.keep_in(dataset)
        if self.trunk is None or not len(rows):
            return
        wanted = []
        for start in range(0, len(rows), READ):
            x = dataset.tensor(rows[start : start + READ], "cpu", inputs_of(self)).numpy()
            wanted += [one[0, : int((one[1] >= 0).sum())] for one in x]
        self.trunk.fill(self, wanted, progress)

    @property
    def _dtype(self) -> torch.dtype:
        return next(self._layers[-1].parameters()).dtype

    @property
    def _head(self) -> nn.Linear:
        found: nn.Linear = inner(self.network).get_output_embeddings()
        return found

    def logits(self, hidden: Tensor) -> Tensor:
        found: Tensor = self._head(hidden)
        return found

    def answers(self, hidden: Tensor, ids: Tensor, kinds: Tensor) -> Tensor:
        """See ``LanguageModel.answers``; only trained positions are asked for logits."""
        wanted = kinds[:, 1:] == 1  # (b, t - 1)
        row = torch.where(kinds >= 0, ids, -1).cpu().numpy()
        chance = torch.as_tensor(chances(row)[:, :-1], device=ids.device)  # (b, t - 1)
        if _trained(self._head):
            return self._open_head(hidden, ids, wanted, chance)
        rows, places = torch.nonzero(wanted, as_tuple=True)
        states = hidden[:, :-1][rows, places]  # (n, d)
        found = said(states, self._head.weight, self._head.bias, ids[rows, places + 1], chance[rows, places])
        told = torch.stack([found.gold, found.drawn, torch.ones_like(found.gold), found.likeliest], -1)
        return told.new_zeros(*ids.shape, 4).index_put((rows, places + 1), told)

    def _open_head(self, hidden: Tensor, ids: Tensor, wanted: Tensor, chance: Tensor) -> Tensor:
        """The same where the head is trained: each row's trained positions side by side, so that samples stay first."""
        many = max(1, int(wanted.sum(1).max()))
        order = (~wanted).to(torch.int8).argsort(dim=1, stable=True)[:, :many]  # (b, m)
        counts = wanted.gather(1, order).to(hidden.dtype)
        states = hidden[:, :-1].gather(1, order[..., None].expand(-1, -1, hidden.shape[-1]))
        found = plainly(self.logits(states), ids[:, 1:].gather(1, order), chance.gather(1, order))
        told = torch.stack([found.gold * counts, found.drawn * counts, counts, found.likeliest * counts], -1)
        there = (order + 1)[..., None].expand(-1, -1, 4)
        return told.new_zeros(*ids.shape, 4).scatter(1, there, told)

    @torch.no_grad()
    def generate(self, prompts: Sequence[Conversation | str], max_new_tokens: int = 32, seed: int = 0) -> list[str]:
        """The likeliest answer to each prompt, by the folder's chat template, up to its end sign; ``seed`` is not used:
        nothing is drawn. About one pass a token, ``TOGETHER`` prompts of about one length at a time."""
        from attribution.transforms.template import asked

        rows = [asked(self.tokenizer, _conversation(prompt)) for prompt in prompts]
        found = [""] * len(rows)
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        mode = self.training
        self.eval()
        try:
            for start in range(0, len(order), TOGETHER):
                places = order[start : start + TOGETHER]
                answers = self._continued([rows[k] for k in places], max_new_tokens)
                for place, tokens in zip(places, answers, strict=True):
                    found[place] = self.tokenizer.decode(tokens, skip_special_tokens=True).strip()
        finally:
            self.train(mode)
        return found

    def _continued(self, rows: list[list[int]], count: int) -> list[list[int]]:
        """The likeliest tokens after each row."""
        longest = max(map(len, rows))
        device = self._head.weight.device
        ids = torch.zeros(len(rows), longest, dtype=torch.int64, device=device)
        mask = torch.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, longest - len(row) :] = torch.tensor(row, device=device)
            mask[place, longest - len(row) :] = 1
        own = inner(self.network)
        ends = _ends(own, self.tokenizer)
        more = {"eos_token_id": ends, "pad_token_id": ends[0]} if ends else {"pad_token_id": 0}
        found = own.generate(ids, attention_mask=mask, max_new_tokens=count, do_sample=False, use_cache=True, **more)
        said_tokens: list[list[int]] = found[:, longest:].tolist()
        return [row[: next((k for k, one in enumerate(row) if one in ends), len(row))] for row in said_tokens]

    @torch.no_grad()
    def _check(self) -> None:
        """Find out what layers return; ``UserError`` where logits are not the head's of the last states."""
        own = inner(self.network)
        seen: list[Any] = []
        hook = self._layers[-1].register_forward_hook(lambda module, args, output: seen.append(output))
        mode = own.training
        own.eval()
        try:
            ids = torch.arange(3, device=self._head.weight.device)[None] % self._head.weight.shape[0]
            whole = own(input_ids=ids, use_cache=False).logits
            states = _states(own.get_decoder()(input_ids=ids, use_cache=False))
        finally:
            hook.remove()
            own.train(mode)
            self.train(self.training)
        self._tupled = isinstance(seen[0], tuple)
        if (self.logits(states) - whole).abs().max() > CLOSE * whole.abs().max():
            raise UserError(
                f"A {own.config.model_type} network changes what its head says (by a cap or a scale).",
                "Log probabilities are taken of the head's own numbers.",
                "Write a function that returns it as a LanguageModel: --model FILE.py:FUNCTION.",
            )


class _Given(nn.Module):
    """Stands for layers that ran before: gives what they gave."""

    def __init__(self, states: Tensor, tupled: bool, layer: nn.Module) -> None:
        super().__init__()
        self.given = (states, tupled)
        self.attention_type = getattr(layer, "attention_type", "")  # by which some decoders choose a mask

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        states, tupled = self.given
        return (states,) if tupled else states


class _Tap(nn.Module):
    """Keeps what it is given."""

    def __init__(self, tupled: bool) -> None:
        super().__init__()
        self.tupled = tupled
        self.seen: Tensor | None = None

    def forward(self, states: Tensor, *args: Any, **kwargs: Any) -> Any:
        self.seen = states
        return (states,) if self.tupled else states


def _apart(model: Any, state: dict[str, Any], prefix: str, *rest: Any) -> None:
    """Give frozen weights memory of their own before other values are loaded: it is shared by all copies."""
    for name, weight in model.named_parameters():
        value = state.get(prefix + name)
        if not weight.requires_grad and value is not None and not torch.equal(value.to(weight), weight):
            weight.data = weight.data.clone()
            vars(inner(model.network)).pop("datablame_keys", None)
            model.trunk = None


def inner(network: nn.Module) -> Any:
    """The library's own model, without peft's around it."""
    wrapping: Any = network
    return wrapping.get_base_model() if hasattr(network, "get_base_model") else network


def container(network: Any) -> tuple[str, str]:
    """Where the list of layers is: the module that holds it, and its name there."""
    count = int(getattr(network.config.get_text_config(), "num_hidden_layers", 0))
    found = [
        (sum(weight.numel() for weight in one.parameters()), name)
        for name, one in network.named_modules()
        if isinstance(one, nn.ModuleList) and len(one) == count
    ]
    if not found:
        raise UserError(
            f"The layers of a {network.config.model_type} network are not found.",
            "Its last ones are what is trained.",
            "Write a function that returns it as a LanguageModel: --model FILE.py:FUNCTION.",
        )
    owner, _, place = max(found)[1].rpartition(".")
    return owner, place


def _trained(module: nn.Module) -> bool:
    return any(weight.requires_grad for weight in module.parameters())


def _states(returned: Any) -> Tensor:
    found: Tensor = returned.last_hidden_state if hasattr(returned, "last_hidden_state") else returned[0]
    return found


def _ends(network: Any, tokenizer: Any) -> list[int]:
    """The tokens that end an answer."""
    told = [getattr(network.generation_config, "eos_token_id", None), tokenizer.eos_token_id]
    flat = [one for each in told for one in (each if isinstance(each, list) else [each])]
    return sorted({int(one) for one in flat if one is not None})


def _conversation(prompt: Conversation | str) -> Conversation:
    return Conversation((Turn("user", prompt),)) if isinstance(prompt, str) else prompt

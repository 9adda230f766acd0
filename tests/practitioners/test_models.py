"""Networks of the real libraries, taken as their users have them: logits to the last bit, gradients as autograd's."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from attribution.datasets.dataset import DatasetInfo
from attribution.errors import UserError
from attribution.gradients.engine import GradientEngine
from attribution.models.build import build_model
from attribution.models.checkpoints import load_checkpoint, read_state, save_checkpoint
from attribution.models.series import listed
from attribution.models.sources import source_of
from attribution.project.project import Project
from attribution.settings.configs import DataConfig, ModelConfig, ScoreConfig

IMAGE = DatasetInfo("i", "image", ("cat", "dog", "owl"), (3, 32, 32), {}, "")
TEXT = DatasetInfo("t", "tabular", ("bad", "good"), (3, 12), {}, "")
SMALL = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 32,
}


def bert(folder: Path, names=("bad", "good"), kind="BertForSequenceClassification", **more) -> nn.Module:
    """A small random BERT, saved as its user would."""
    import transformers

    torch.manual_seed(3)
    config = transformers.BertConfig(**SMALL, id2label=dict(enumerate(names)), **more)
    model = getattr(transformers, kind)(config).eval()
    model.save_pretrained(folder)
    return model


def tokens(n: int = 5) -> torch.Tensor:
    """Word ids, mask and types as one tensor (n, 3, 12); the last word of every second text is padding."""
    torch.manual_seed(4)
    ids, mask = torch.randint(3, 50, (n, 12)), torch.ones(n, 12, dtype=torch.int64)
    mask[::2, 8:] = 0
    return torch.stack([ids * mask, mask, torch.zeros_like(ids)], 1)


def by_name(x: torch.Tensor) -> dict[str, torch.Tensor]:
    return dict(zip(("input_ids", "attention_mask", "token_type_ids"), x.unbind(1), strict=True))


def exact(network: nn.Module, x: torch.Tensor, classes: int) -> None:
    """5 x 5 ``ip`` pairs are autograd's, to 1e-4 of the largest."""
    y = torch.arange(len(x)) % classes
    trained = [value for value in network.parameters() if value.requires_grad]

    def slope(row: int) -> torch.Tensor:
        found = torch.autograd.grad(
            cross_entropy(network(x[row, None]), y[row, None]), trained, allow_unused=True, materialize_grads=True
        )
        return torch.cat([one.flatten() for one in found])

    wanted = torch.stack([slope(row) for row in range(len(x))])
    wanted = wanted @ wanted.T
    engine = GradientEngine(network.eval())
    gradients = torch.cat([one.flatten(1) for one in engine.gradients(x, y).values()], 1)
    assert float((gradients @ gradients.T - wanted).abs().max() / wanted.abs().max()) < 1e-4


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("torchvision:resnet18", ()), ("timm:resnet10t", ()), ("timm:vit_tiny_patch16_224", ("img_size=32", "depth=2"))],
)
def test_a_library_network_takes_the_users_weights(tmp_path, name, arguments):
    import timm
    import torchvision

    given = {"img_size": 32, "depth": 2} if arguments else {}
    make = torchvision.models.get_model if name.startswith("torchvision") else timm.create_model
    torch.manual_seed(1)
    theirs = make(name.partition(":")[2], num_classes=3, **given).eval()
    torch.save(
        {"state_dict": {f"module.{key}": value for key, value in theirs.state_dict().items()}}, tmp_path / "w.pt"
    )
    network = build_model(ModelConfig(name, arguments=arguments), IMAGE, 0).eval()
    assert "module." in load_checkpoint(network, tmp_path / "w.pt")[0]
    x = torch.randn(5, 3, 32, 32)
    assert torch.equal(network(x), theirs(x))
    exact(network, x, 3)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("torchvision:resnet19", (), "resnet18"),
        ("torchvision:resnet18", ("weights=DEFAULT",), "not on this machine.*get_model"),
        ("torchvision:resnet18", ("weights=BEST",), "no weights 'BEST'.*IMAGENET1K_V1, DEFAULT"),
        ("timm:resnet10x", (), "timm has no network"),
        ("timm:resnet10t", ("pretrained=true",), "not on this machine"),
        ("timm:resnet10t", ("depth=3",), "cannot be made.*depth"),
        ("hf:nothing", (), "holds no config.json"),
    ],
)
def test_what_a_library_does_not_have_is_refused_in_words(name, arguments, said):
    with pytest.raises(UserError, match=said):
        build_model(ModelConfig(name, arguments=arguments), IMAGE, 0)


def test_a_hugging_face_folder_gives_its_own_logits_and_order_of_classes(tmp_path):
    theirs = bert(tmp_path, ("good", "bad"))
    network = build_model(ModelConfig(f"hf:{tmp_path}"), TEXT, 0).eval()
    x = tokens()
    wanted = theirs(**by_name(x)).logits[:, [1, 0]]
    assert torch.equal(network(x), wanted)
    load_checkpoint(network, tmp_path)
    assert torch.equal(network(x), wanted)
    exact(network, x, 2)


@pytest.mark.parametrize("kind", ["DistilBert", "Roberta", "Electra", "GPT2"])
def test_texts_are_handed_to_other_networks_by_name_too(tmp_path, kind):
    import transformers

    own = {
        "DistilBert": {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 24, "vocab_size": 50},
        "GPT2": {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 32, "vocab_size": 50},
    }
    config = getattr(transformers, f"{kind}Config")(**own.get(kind, SMALL), pad_token_id=0)
    theirs = transformers.AutoModelForSequenceClassification.from_config(config).eval()
    theirs.save_pretrained(tmp_path)
    network = build_model(ModelConfig(f"hf:{tmp_path}"), TEXT, 0).eval()
    x = tokens()[:, : 2 if kind == "DistilBert" else 3]
    names = dict(zip(network.datablame_fields, x.unbind(1), strict=False))
    assert torch.equal(network(x), theirs(**names).logits)
    exact(network, x, 2)


def test_a_bare_encoder_is_a_beginning_with_a_new_head(tmp_path):
    theirs = bert(tmp_path, kind="BertModel")
    first, second = (build_model(ModelConfig(f"hf:{tmp_path}"), TEXT, seed) for seed in (0, 1))
    assert torch.equal(first.bert.embeddings.word_embeddings.weight, theirs.embeddings.word_embeddings.weight)
    assert not torch.equal(first.classifier.weight, second.classifier.weight)
    fresh = build_model(ModelConfig(f"hf:{tmp_path}", arguments=("pretrained=false",)), TEXT, 0)
    assert not torch.equal(fresh.bert.embeddings.word_embeddings.weight, theirs.embeddings.word_embeddings.weight)


def test_a_name_of_the_hub_is_known_where_it_was_fetched_before(tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    kept = tmp_path / "models--someone--bert"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("abc")
    theirs = bert(kept / "snapshots" / "abc")
    source, rest = source_of("hf:someone/bert")
    network = build_model(ModelConfig(f"hf:{source.placed(rest)}"), TEXT, 0).eval()
    assert torch.equal(network(tokens()), theirs(**by_name(tokens())).logits)
    with pytest.raises(UserError, match="known when it was fetched before"):
        build_model(ModelConfig("hf:someone/other"), TEXT, 0)


def test_sharded_weights_of_a_folder_are_read_whole(tmp_path):
    theirs = bert(tmp_path)
    theirs.save_pretrained(tmp_path / "parts", max_shard_size="20KB")
    assert len(list((tmp_path / "parts").glob("model-*.safetensors"))) > 1
    network = build_model(ModelConfig(f"hf:{tmp_path}", arguments=("pretrained=false",)), TEXT, 0).eval()
    load_checkpoint(network, tmp_path / "parts")
    assert torch.equal(network(tokens()), theirs(**by_name(tokens())).logits)


def adapter(folder: Path) -> nn.Module:
    """LoRA on a BERT, with weights that are not its first ones, saved beside its base."""
    import peft

    base = bert(folder / "base")
    made = peft.get_peft_model(base, peft.LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query", "value"]))
    torch.manual_seed(9)
    for value in made.parameters():
        if value.requires_grad:
            nn.init.normal_(value, std=0.2)
    made.peft_config["default"].base_model_name_or_path = str(folder / "base")
    made.save_pretrained(folder / "adapter")
    return made.eval()


def test_an_adapter_folder_is_a_network_whose_few_weights_are_trained(tmp_path):
    theirs = adapter(tmp_path)
    name = f"hf:{tmp_path / 'adapter'}"
    network = build_model(ModelConfig(name), TEXT, 0).eval()
    x = tokens()
    wanted = theirs(**by_name(x)).logits
    assert torch.equal(network(x), wanted)
    trained = [key for key, value in network.named_parameters() if value.requires_grad]
    assert trained
    assert all("lora_" in key or "modules_to_save" in key for key in trained)
    exact(network, x, 2)
    merged = build_model(ModelConfig(name, arguments=("merge=true",)), TEXT, 0).eval()
    assert torch.allclose(merged(x), wanted, atol=1e-6)
    assert not any("lora_" in key for key in merged.state_dict())


def test_an_adapter_folder_is_a_checkpoint_of_a_network_with_adapters(tmp_path):
    theirs = adapter(tmp_path)
    wanted = theirs(**by_name(tokens())).logits.detach()
    for value in theirs.parameters():
        if value.requires_grad:
            nn.init.zeros_(value)
    assert "an adapter" in load_checkpoint(theirs, tmp_path / "adapter")[0]
    assert torch.equal(theirs(**by_name(tokens())).logits, wanted)
    with pytest.raises(UserError, match=r"the model has none.*hf:FOLDER"):
        load_checkpoint(bert(tmp_path / "other"), tmp_path / "adapter")


def test_saved_checkpoints_of_an_adapter_hold_what_differs_from_its_base(tmp_path):
    theirs = adapter(tmp_path)
    config = ModelConfig(f"hf:{tmp_path / 'adapter'}")
    info = replace(TEXT, classes=("good", "bad"))  # in another order than the folder's: the network is wrapped
    wanted = theirs(**by_name(tokens())).logits.detach()
    for told, order in ((TEXT, [0, 1]), (info, [1, 0])):
        save_checkpoint(build_model(config, told, 0), tmp_path / "w.safetensors")
        assert not any("word_embeddings" in name for name in read_state(tmp_path / "w.safetensors"))
        network = build_model(config, told, 1).eval()
        for value in network.parameters():
            if value.requires_grad:
                nn.init.zeros_(value)
        load_checkpoint(network, tmp_path / "w.safetensors")
        assert torch.equal(network(tokens()), wanted[:, order])
    other = transformers_model(tmp_path / "base")
    nn.init.zeros_(other.bert.pooler.dense.weight)
    other.save_pretrained(tmp_path / "base")
    with pytest.raises(UserError, match="its base is another"):
        load_checkpoint(build_model(config, TEXT, 0), tmp_path / "w.safetensors")


def transformers_model(folder: Path) -> nn.Module:
    import transformers

    return transformers.AutoModelForSequenceClassification.from_pretrained(folder)


def test_an_adapter_of_a_base_that_is_not_here_says_how_to_name_it(tmp_path):
    theirs = adapter(tmp_path)
    config = tmp_path / "adapter" / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": "someone/base"}))
    with pytest.raises(UserError, match=r"'someone/base', which is no folder here.*--arguments base=FOLDER"):
        build_model(ModelConfig(f"hf:{tmp_path / 'adapter'}"), TEXT, 0)
    named = ModelConfig(f"hf:{tmp_path / 'adapter'}", arguments=(f"base={tmp_path / 'base'}",))
    assert torch.equal(build_model(named, TEXT, 0).eval()(tokens()), theirs(**by_name(tokens())).logits)


class Texts(torch.utils.data.Dataset):
    """What a Trainer is fed with."""

    def __len__(self) -> int:
        return 24

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        return {name: value[0] for name, value in by_name(tokens(24)[row, None]).items()} | {
            "labels": torch.tensor(row % 2)
        }


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """The folder that a Trainer leaves after three epochs."""
    import transformers

    folder = tmp_path_factory.mktemp("trainer")
    model = bert(folder / "base")
    arguments = transformers.TrainingArguments(
        str(folder / "run"),
        num_train_epochs=3,
        per_device_train_batch_size=8,
        learning_rate=1e-3,
        save_strategy="epoch",
        logging_steps=1,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    transformers.Trainer(model, arguments, train_dataset=Texts()).train()
    return folder


def test_the_folder_of_a_trainer_gives_its_checkpoints_in_order_with_their_rates(run):
    found = listed(ModelConfig(f"hf:{run / 'base'}", checkpoints=(str(run / "run"),)))
    assert [Path(path).name for path in found.checkpoints] == ["checkpoint-3", "checkpoint-6", "checkpoint-9"]
    assert found.checkpoint_lr[0] > found.checkpoint_lr[1] > found.checkpoint_lr[2] > 0
    assert found.checkpoint_lr[0] < 1e-3


def numbers(folder: Path, rows: int = 40) -> Path:
    """A table of word ids, as an archive."""
    x = tokens(rows)[:, 0].numpy()
    np.savez(folder / "ids.npz", X=x, y=np.where(x[:, 0] % 2, "good", "bad"))
    return folder / "ids.npz"


def test_a_trainers_folder_becomes_a_run_that_tracin_weighs_by_its_rates(run, tmp_path):
    model = ModelConfig(f"hf:{run / 'base'}", checkpoints=(str(run / "run"),), inputs="tokens")
    project = Project.create("trainer", str(numbers(tmp_path)), model, expect_accuracy=0.01)
    assert any("3 checkpoints, oldest first: checkpoint-3" in line for line in project.first_look["said"])
    made = project.train()
    rates = [weight for _, weight in made.checkpoints]
    assert rates == sorted(rates, reverse=True)
    assert made.config["weight_unit"] == "rate"


def test_a_lightning_checkpoint_with_hyper_parameters_and_a_metric(tmp_path):
    import lightning
    from torch.utils.data import DataLoader, TensorDataset

    class Module(lightning.LightningModule):
        def __init__(self, lr: float) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.model = nn.Sequential(nn.Linear(4, 3))
            self.criterion = nn.CrossEntropyLoss(weight=torch.ones(3))

        def training_step(self, batch, index):
            return self.criterion(self.model(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), self.hparams["lr"])

    module = Module(lr=0.1)
    trainer = lightning.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        default_root_dir=tmp_path,
    )  # fmt: skip
    data = TensorDataset(torch.randn(16, 4), torch.arange(16) % 3)
    trainer.fit(module, DataLoader(data, batch_size=8))
    (file,) = tmp_path.rglob("*.ckpt")
    network = nn.Sequential(nn.Linear(4, 3))
    said = load_checkpoint(network, file)
    assert "left out: criterion.weight" in said[-1]
    assert torch.equal(network[0].weight, module.model[0].weight)


def test_a_pictures_folder_and_an_object_from_python(tmp_path):
    import transformers

    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24, image_size=32, patch_size=8,
        id2label={0: "cat", 1: "dog", 2: "owl"},
    )  # fmt: skip
    torch.manual_seed(0)
    theirs = transformers.ViTForImageClassification(config).eval()
    theirs.save_pretrained(tmp_path)
    x = torch.randn(5, 3, 32, 32)
    network = build_model(ModelConfig(f"hf:{tmp_path}"), IMAGE, 0).eval()
    assert torch.equal(network(x), theirs(x).logits)
    exact(network, x, 3)
    from attribution.models.sources.given import hand_over

    given = build_model(ModelConfig(hand_over(theirs)), IMAGE, 0).eval()
    assert torch.equal(given(x), theirs(x).logits)


WORDS = {"good": ["fine", "great", "lovely", "bright"], "bad": ["dull", "awful", "boring", "weak"]}
OTHER = ["the", "film", "plot", "is", "and", "acting", "music", "really", "a", "bit"]


def reviews(n: int = 160) -> tuple[list[str], list[str]]:
    """Short texts whose words give their label away, but for a few."""
    chance = np.random.default_rng(1)
    labels = [("good", "bad")[row % 2] for row in range(n)]
    texts = []
    for row, label in enumerate(labels):
        told = WORDS[label if row % 9 else ("bad" if label == "good" else "good")]
        words = [*chance.choice(OTHER, int(chance.integers(4, 12))), *chance.choice(told, 2)]
        texts.append(" ".join(chance.permutation(words)))
    return texts, labels


def word_pieces(folder: Path):
    """A tokenizer of these words, as BERT has one, saved in the folder."""
    import tokenizers
    import transformers

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *sorted({*OTHER, *WORDS["good"], *WORDS["bad"]} - {"really"})]
    vocabulary += ["re", "##ally"]
    made = tokenizers.Tokenizer(
        tokenizers.models.WordPiece({word: place for place, word in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    found = transformers.PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=24, **special)
    found.save_pretrained(folder)
    return found


@pytest.fixture(scope="module")
def fine_tuned(tmp_path_factory):
    """A BERT with its tokenizer that its user trained on the reviews; its class order is not that of the names."""
    folder = tmp_path_factory.mktemp("bert")
    tokenizer, model = word_pieces(folder), bert(folder, ("good", "bad"))
    texts, labels = reviews()
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    y = torch.tensor([("good", "bad").index(label) for label in labels])
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(12):
        optimizer.zero_grad()
        model(**batch, labels=y).loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    return folder, model.eval(), tokenizer


def table_of(texts, labels, folder: Path) -> Path:
    import pandas as pd

    split = ["train"] * 100 + ["test"] * (len(texts) - 100)
    frame = pd.DataFrame({"text": texts, "label": labels, "split": split})
    frame.to_csv(folder / "reviews.csv", index=False)
    return folder / "reviews.csv"


def test_a_bert_with_its_tokenizer_keeps_its_accuracy_and_its_scores_are_autograds(fine_tuned, tmp_path):
    folder, theirs, tokenizer = fine_tuned
    texts, labels = reviews()
    data = DataConfig(path=str(table_of(texts, labels, tmp_path)), text="text", split="split")
    project = Project.create("reviews", data, f"hf:{folder}")
    run = project.train()
    assert run.loaded
    y = torch.tensor([("good", "bad").index(label) for label in labels])
    with torch.no_grad():
        logits = theirs(**tokenizer(texts, padding=True, return_tensors="pt")).logits
    accuracy = float((logits.argmax(1) == y).float()[100:].mean())
    assert accuracy > 0.7
    assert round(run.config["final"]["test"]["accuracy"], 4) == round(accuracy, 4)

    def slope(row: int) -> torch.Tensor:
        one = tokenizer([texts[row]], return_tensors="pt")
        found = torch.autograd.grad(cross_entropy(theirs(**one).logits, y[row, None]), list(theirs.parameters()))
        return torch.cat([value.flatten() for value in found])

    queries = project.dataset.rows("test")[:5]
    names = ",".join(project.dataset.ids[queries])
    score = project.score(ScoreConfig(estimator="ip", queries=names))
    rows, matrix = score.matrix()
    found = matrix[[int(np.flatnonzero(rows == row)[0]) for row in range(5)]]
    wanted = torch.stack([slope(row) for row in range(5)]) @ torch.stack([slope(row) for row in queries]).T
    assert np.abs(found - wanted.numpy()).max() / wanted.abs().max() < 1e-4


def test_texts_without_the_tokenizer_are_refused_and_with_its_folder_taken(fine_tuned, tmp_path):
    folder, theirs, tokenizer = fine_tuned
    theirs.save_pretrained(tmp_path / "checkpoint")
    data = DataConfig(path=str(table_of(*reviews(), tmp_path)), text="text", split="split")
    with pytest.raises(UserError, match=r"holds no tokenizer.*--transform hf:FOLDER.*tokenizer.save_pretrained"):
        Project.create("reviews", data, f"hf:{tmp_path / 'checkpoint'}")
    named = ModelConfig(f"hf:{tmp_path / 'checkpoint'}", transform=f"hf:{folder}")
    assert Project.create("named", data, named).first_look["measured"]["accuracy"] > 0.7
    tokenizer.save_pretrained(str(tmp_path / "checkpoint"))
    assert Project.create("saved", data, f"hf:{tmp_path / 'checkpoint'}").first_look["measured"]["accuracy"] > 0.7


def test_retraining_begins_with_the_folders_weights_and_its_usual_recipe(fine_tuned, tmp_path):
    folder, _, _ = fine_tuned
    data = DataConfig(path=str(table_of(*reviews(), tmp_path)), text="text", split="split")
    project = Project.create("reviews", data, f"hf:{folder}", {"epochs": 1})
    assert (project.train_config.lr, project.train_config.optimizer) == (5e-5, "adamw")
    assert any("Trainings start from the folder's weights" in line for line in project.first_look["said"])
    project.train()
    project.train_here()
    run = project.train(project.train_config)
    assert not run.loaded
    assert run.config["final"]["test"]["accuracy"] > 0.7


def test_a_project_on_an_adapter_asks_its_few_weights_and_says_so(fine_tuned, tmp_path):
    import peft

    folder, theirs, _ = fine_tuned
    base = transformers_model(folder)
    made = peft.get_peft_model(base, peft.LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query", "value"]))
    made.peft_config["default"].base_model_name_or_path = str(folder)
    made.save_pretrained(tmp_path / "adapter")
    data = DataConfig(path=str(table_of(*reviews(), tmp_path)), text="text", split="split")
    project = Project.create("adapted", data, f"hf:{tmp_path / 'adapter'}", {"epochs": 2})
    assert any("An adapter on its base" in line for line in project.first_look["said"])
    run = project.train()
    assert run.loaded
    sizes = {name: value.numel() for name, value in made.named_parameters()}
    trained = sum(value.numel() for value in made.parameters() if value.requires_grad)
    assert run.config["parameters"] == trained < sum(sizes.values()) / 4
    assert sum(value.numel() for value in read_state(run.checkpoints[0][0]).values()) < sum(sizes.values()) / 4
    score = project.score(ScoreConfig(estimator="ip", queries=project.dataset.ids[project.dataset.rows("test")[0]]))
    assert "%" in score.coverage_words
    project.train_here()
    again = project.train(project.train_config)
    network = again.model(dataset=project.dataset)
    assert torch.equal(network.state_dict()[embedding(network)].cpu(), theirs.bert.embeddings.word_embeddings.weight)


def embedding(network: nn.Module) -> str:
    (found,) = [name for name in network.state_dict() if name.endswith("word_embeddings.weight")]
    return found

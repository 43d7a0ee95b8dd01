"""Train the classifier behind the `cifar10-small` feature extractor and write its weights.

    python tools/train_cifar10_small.py PATH/cifar10-jpeg

The folder holds train.parquet and test.parquet in the Hugging Face image layout. The 50,000 training images train it,
with mirrored and shifted copies; the 10,000 test images, never seen, give the accuracy that `docs/metrics.md` states.
About a quarter of an hour on two cores with bfloat16 arithmetic. The order of the images is seeded; the last bits are the
machine's.
"""

import argparse
import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench.harness.metrics.extractors.cifar10_small import CIFAR10_SMALL, WEIGHTS, CIFAR10Small

SEED = 2009
EPOCHS = 24
BATCH = 256
RATE = 0.2  # of SGD with Nesterov's momentum, at its highest: one cycle up and down
MOST_SHIFT = 4


class Trained(CIFAR10Small):
    """The classifier with a batch normalization after every convolution."""

    def __init__(self) -> None:
        super().__init__()
        convolutions = [(name, child) for name, child in self.named_children() if isinstance(child, nn.Conv2d)]
        self.norms = nn.ModuleDict({name: nn.BatchNorm2d(child.out_channels) for name, child in convolutions})

    def activated(self, layer: str, x: Tensor) -> Tensor:
        return torch.relu(self.norms[layer](self.get_submodule(layer)(x)))

    def folded(self) -> CIFAR10Small:
        """Return the same function, in evaluation, without batch normalization."""
        plain = CIFAR10Small()
        state = {key: value for key, value in self.state_dict().items() if not key.startswith("norms.")}
        for name, norm in self.norms.items():
            scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            state[f"{name}.weight"] = state[f"{name}.weight"] * scale.view(-1, 1, 1, 1)
            state[f"{name}.bias"] = norm.bias + (state[f"{name}.bias"] - norm.running_mean) * scale
        plain.load_state_dict(state)
        return plain


def read(path: Path) -> tuple[Tensor, Tensor]:
    table = pq.read_table(path)
    images = [np.array(Image.open(io.BytesIO(cell["bytes"]))) for cell in table["image"].to_pylist()]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(), torch.tensor(table["label"].to_pylist())


def augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror half of the images and shift each by up to MOST_SHIFT pixels, the gap filled by reflection."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
    padded = F.pad(images.float(), [MOST_SHIFT] * 4, mode="reflect")
    rows, columns = torch.randint(2 * MOST_SHIFT + 1, (2, len(images)), generator=generator)
    span = torch.arange(images.shape[2])
    index = torch.arange(len(images)).view(-1, 1, 1)
    cut = padded.permute(0, 2, 3, 1)[index, (rows[:, None] + span)[:, :, None], (columns[:, None] + span)[:, None, :]]
    return cut.permute(0, 3, 1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    images, labels = read(folder / "train.parquet")
    test_images, test_labels = read(folder / "test.parquet")
    generator = torch.Generator().manual_seed(SEED)
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = Trained()
    model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9, weight_decay=5e-4, nesterov=True)
    steps = -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=EPOCHS * steps, pct_start=0.2)
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for batch in torch.randperm(len(images), generator=generator).split(BATCH):
            x = augmented(images[batch], generator).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                loss = F.cross_entropy(model(x), labels[batch], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(batch)
        print(f"epoch {epoch} of {EPOCHS}: loss {total / len(images):.4f}", flush=True)

    model.eval()
    # Stored in half precision, and measured as stored.
    stored = {key: value.half().contiguous() for key, value in model.folded().state_dict().items()}
    plain = CIFAR10Small()
    plain.load_state_dict(stored)
    with torch.no_grad():
        right = torch.cat([plain(part).argmax(1) for part in test_images.split(500)]) == test_labels
    torch.save(stored, WEIGHTS)
    print(f"test accuracy {right.float().mean():.4f} ({int(right.sum())} of {len(right)})")
    print(f"wrote {WEIGHTS.name} of {CIFAR10_SMALL}, {WEIGHTS.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

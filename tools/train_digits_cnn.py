"""Train the classifier behind the `digits-cnn` feature extractor and write its weights.

    python tools/train_digits_cnn.py

Four fifths of scikit-learn's digits train it, with a little noise; the last fifth, never seen, gives the
accuracy that `docs/metrics.md` states. Deterministic on one thread: the same file comes out every time.
"""

import torch
from torch import nn

from ganbench.harness.data.digits import Digits
from ganbench.harness.data.digits_cnn import WEIGHTS, DigitsCNN
from ganbench.harness.data.store import Store

SEED = 1998
EPOCHS = 60
NOISE = 16.0  # of 255: keeps the features from resting on single grey levels
BATCH = 64


def main() -> None:
    from sklearn.datasets import load_digits

    torch.set_num_threads(1)
    images = Digits().load(Store.find()).examples
    labels = torch.from_numpy(load_digits().target)
    generator = torch.Generator().manual_seed(SEED)
    order = torch.randperm(len(images), generator=generator)
    test, train = order[: len(images) // 5], order[len(images) // 5 :]

    model = DigitsCNN()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                fan_in = parameter[0].numel()
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * (2 / fan_in) ** 0.5)
            else:
                parameter.zero_()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        shuffled = train[torch.randperm(len(train), generator=generator)]
        for batch in shuffled.split(BATCH):
            noise = torch.randn(images[batch].shape, generator=generator) * NOISE
            x = (images[batch] + noise).clamp(0, 255)
            loss = nn.functional.cross_entropy(model(x), labels[batch], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()

    with torch.no_grad():
        right = model(images[test]).argmax(1) == labels[test]
    torch.save(model.state_dict(), WEIGHTS)
    print(f"test accuracy {right.float().mean():.4f} ({int(right.sum())} of {len(test)})")
    print(f"wrote {WEIGHTS.relative_to(WEIGHTS.parents[3])}, {WEIGHTS.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

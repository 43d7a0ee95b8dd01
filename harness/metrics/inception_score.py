"""The Inception Score, with torch-fidelity's shuffle and splits, so that both give the same number.

It is written out because importing torch-fidelity also imports torchvision and PyTorch's compiler: seconds of every process
of a sweep whose extractor needs neither. A test compares it with torch-fidelity's.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from torch import Tensor

SPLITS = 10
SHUFFLE_SEED = 2020
"""torch-fidelity's default ``rng_seed``."""


def inception_score(logits: Tensor) -> float:
    """Return exp E KL(p(y|x) | p(y)), the mean over ten splits (Salimans et al. 2016, section 4).

    Args:
        logits: Of generated samples, [N, K]; NaN where N < 10.

    Returns:
        From 1 to K; higher is better.
    """
    count = len(logits)
    logits = logits[np.random.RandomState(SHUFFLE_SEED).permutation(count)].double()
    p, log_p = logits.softmax(dim=1), logits.log_softmax(dim=1)
    bounds = [split * count // SPLITS for split in range(SPLITS + 1)]
    scores = []
    for start, end in pairwise(bounds):
        marginal = p[start:end].mean(dim=0, keepdim=True).log()
        scores.append((p[start:end] * (log_p[start:end] - marginal)).sum(dim=1).mean().exp().item())
    return float(np.mean(scores))

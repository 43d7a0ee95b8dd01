"""State is the trial's: nothing goes from layer to layer or trial to trial, and a saved state is all there is."""

from __future__ import annotations

import inspect
import io
import itertools
import sys
from types import ModuleType

from ganbench.harness.conformance.outcome import Failed
from ganbench.harness.conformance.subject import Subject, same, start
from ganbench.harness.normalizer import Normalizer
from ganbench.harness.normalizer.composition import parts_of

_COUNT = itertools.count()


def keeps_layers_apart(subject: Subject) -> None:
    """What a layer's weights become does not depend on which other weights of its shape were seen before."""
    from dataclasses import replace

    for network in subject.networks:
        # Each order sees a module that was imported anew, so that what a plugin hides there is hidden from the other.
        alone, after = (replace(network, normalizer=_anew(subject.normalizer)) for _ in range(2))
        expected = alone.effective(*start(alone, seed=21))
        for scale, seed in ((3.0, 11), (0.1, 12)):
            after.effective(*start(after, scale, seed))
        found = after.effective(*start(after, seed=21))
        for layer in expected[0]:
            if not same({layer: expected[0][layer]}, {layer: found[0][layer]}):
                raise Failed(
                    f"the weight of layer {layer!r} came out otherwise after another layer of its shape was seen; keep"
                    " nothing outside the state, for every layer and every trial of a process calls the same plugin"
                )
        if not same(expected[1], found[1]):
            raise Failed(
                "a state came out otherwise after another layer of its shape was seen; keep nothing outside it"
            )


def _anew(normalizer: Normalizer) -> Normalizer:
    """Return the normalizer from a module that was run again; the same one where its class cannot be found so."""
    parts = parts_of(normalizer)
    made = [_part_anew(part) for part in parts]
    return made[0] if parts == (normalizer,) else normalizer.model_copy(update={"parts": tuple(made)})


def _part_anew(part: Normalizer) -> Normalizer:
    module = sys.modules.get(type(part).__module__)
    if module is None or "." in type(part).__qualname__:
        return part
    text = getattr(module, "__plugin_source__", None)
    try:
        text = text if text is not None else inspect.getsource(module)
    except (OSError, TypeError):
        return part
    fresh = ModuleType(f"{module.__name__}_anew{next(_COUNT)}")
    fresh.__file__, fresh.__package__ = module.__file__, module.__package__
    sys.modules[fresh.__name__] = fresh  # pydantic resolves annotations through sys.modules
    try:
        exec(compile(text, str(module.__file__), "exec"), fresh.__dict__)  # noqa: S102  it was run before, to be checked
        made: Normalizer = getattr(fresh, type(part).__qualname__)(**part.model_dump(by_alias=True))
        return made
    finally:
        del sys.modules[fresh.__name__]


def is_restored(subject: Subject) -> None:
    """A training that is saved, read back and continued goes on to the same bits."""
    import torch

    undisturbed = subject.training(subject.cell)
    for _ in range(2):
        undisturbed.advance(observe=False)
    buffer = io.BytesIO()
    torch.save(undisturbed.snapshot(), buffer)
    buffer.seek(0)
    try:
        kept = torch.load(buffer, weights_only=True)
    except Exception as error:
        raise Failed(
            f"the state cannot be read back ({type(error).__name__}); keep tensors in it", "init_state"
        ) from error
    restored = subject.training(subject.cell)
    restored.restore(kept)
    for _ in range(2):
        undisturbed.advance(observe=False)
        restored.advance(observe=False)
    for who in ("discriminator", "generator"):
        a, b = (getattr(training.state, who).to_plain() for training in (undisturbed, restored))
        for what, words in (("norm", "state"), ("params", "parameters")):
            if not same(a[what], b[what]):
                raise Failed(
                    f"the {who}'s {words} differ two steps after a training was restored; keep all in the state"
                )

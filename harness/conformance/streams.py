"""Seeds are compared in pairs, so a normalizer must not move what is drawn for the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganbench.harness.conformance.outcome import Failed
from ganbench.harness.conformance.subject import Subject

if TYPE_CHECKING:
    import torch

    from ganbench.harness.models.network import Network
    from ganbench.harness.normalizer.layers import Layer


def leaves_shared_streams(subject: Subject) -> None:
    """Initial weights and the first batch are those under ``none``, but for weights that it draws itself."""
    import torch

    for network in subject.networks:
        _draws_or_leaves(network)
    own, none = (subject.training(cell) for cell in (subject.cell, subject.without(subject.cell)))
    found, expected = own.draw(1), none.draw(1)
    if not (torch.equal(found.real, expected.real) and torch.equal(found.latents, expected.latents)):
        raise Failed("the first batch is not that under 'none'; draw only from the generators that hooks are given")

    def compare(who: str, mine: Network, its: dict[str, Layer]) -> None:
        for name, layer in its.items():
            if name not in mine.weighted or mine.normalizer.initialize(mine.layers[name], _generator()) is not None:
                continue
            a, b = (getattr(training.state, who).params[name]["weight"] for training in (own, none))
            if not torch.equal(a[:, : b.shape[1]] if layer.kind == "linear" else a, b):
                raise Failed(
                    f"the {who}'s layer {name!r} starts from other raw weights than under 'none'; init_params and"
                    " init_state draw from the generator that they are given",
                    "init_state",
                )

    compare("generator", own.generator, none.generator.weighted)
    compare("discriminator", own.discriminator, none.discriminator.weighted)


def _draws_or_leaves(network: Network) -> None:
    for name, layer in network.weighted.items():
        generator = _generator()
        before = generator.get_state()
        if network.normalizer.initialize(layer, generator) is None and not bool(
            (generator.get_state() == before).all()
        ):
            raise Failed(
                f"initialize drew for layer {name!r} and returned None, so that all weights after it differ from those"
                " under 'none'; return what is drawn, or do not draw",
                "initialize",
            )


def _generator() -> torch.Generator:
    import torch

    return torch.Generator().manual_seed(8)

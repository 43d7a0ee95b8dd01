"""When a training counts as unstable, in sentences: the definition's thresholds, as its detectors apply them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ganbench.harness.stability import METHOD_ERROR, Definition
from ganbench.harness.stability.definition import LOSSES, Learning, given
from ganbench.harness.stability.verdict import NEEDS
from ganbench.reports.formatting import listing, mode, percent


def rules(definition: Definition) -> dict[str, str]:
    """Return what each failure mode means, by its name, in the order of the tables."""
    return {name: _RULES[name](definition) for name in (*definition.modes, METHOD_ERROR)}


def _diverged(definition: Definition) -> str:
    absent = definition.diverged.uncomputed_evaluation == "absent"
    rest = " An evaluation that could not be computed is left out." if absent else " So it is if an evaluation was not."
    return f"a loss, a logit, a gradient norm or a sample was not finite.{rest}"


def _exploding(definition: Definition) -> str:
    limits = definition.exploding_gradient
    return (
        f"the discriminator's gradient norm stayed above {limits.factor:g} times what it was early in training, or above"
        f" {limits.absolute:g}; or a singular value of a weight grew {limits.sigma_factor:g} times."
    )


def _vanishing(definition: Definition) -> str:
    limits = definition.vanishing_gradient
    text = (
        f"for {percent(limits.share)} of the steps the generator's gradient norm was below {limits.factor:g} times what it"
        f" was early in training, or below {limits.absolute:g}"
    )
    if limits.input_gradient is not None:
        text += (
            f"; or the discriminator's gradient at generated samples was below {limits.input_gradient:g} for as long"
        )
    return f"{text}."


def _collapse(definition: Definition) -> str:
    limits = given(definition.mode_collapse)
    text = (
        f"{_tail(limits.tail, limits.tail_least)} one of these holds. Where the modes are known: fewer than"
        f" {percent(limits.coverage)} of them are captured, or the fullest has more than {limits.largest_ratio:g} times its"
        f" share. On images: samples are less than {limits.diversity:g} times as varied as the data"
    )
    if limits.recall is not None and limits.data_coverage is not None:
        text += (
            f"; or recall is below {limits.recall:g} or coverage below {limits.data_coverage:g}, which are asked of"
            " Inception's features only: these limits are not known for other features"
        )
    return f"{text}."


def _late(definition: Definition) -> str:
    limits = given(definition.late_deterioration)
    best = "the best evaluation" if limits.best_of == 1 else f"the best median of {limits.best_of} evaluations"
    text = (
        f"{_tail(limits.tail, limits.tail_least)} quality is worse than {best}: a Frechet distance {limits.ratio:g} times"
        f" higher, an Inception Score {percent(limits.score_drop)} lower"
    )
    if limits.share_ratio is not None:
        text += f", a share of good samples {limits.share_ratio:g} times lower"
    if limits.noise is not None:
        text += f"; and by more than {limits.noise:g} times the changes from one evaluation to the next"
    return f"{text}."


def _never(definition: Definition) -> str:
    limits = given(definition.never_converged)
    return (
        f"no evaluation within the planned steps had a Frechet distance below {limits.of_untrained:g} times the untrained"
        f" generator's, or a share of good samples of {percent(limits.share)}. That is dated to the last step; more steps"
        " might have mended it."
    )


def _lost(definition: Definition) -> str:
    limits = given(definition.loss)
    return (
        f"it had learnt, and the last evaluations, at least {limits.tail_least} and {percent(limits.tail_share)} of those"
        f" after that, are {limits.factor:g} times worse than those before them, and by more than their noise."
    )


def _lost_modes(definition: Definition) -> str:
    limits = given(definition.loss)
    return (
        f"likewise; or, of the evaluations after it had learnt, {percent(limits.tail_share)} and at least"
        f" {limits.tail_least} have no more than {percent(limits.modes_share)} of the modes."
    )


def _bar(learning: Learning) -> str:
    return (
        f"a Frechet distance is below {learning.of_reference:g} times that of a generator that gives one sample only, or,"
        f" where the modes are known, {percent(learning.share)} of the samples are good and {percent(learning.coverage)} of"
        " the modes captured"
    )


@dataclass(frozen=True)
class Meaning:
    """What an outcome means.

    Attributes:
        outcome: The outcome, in words.
        means: What happened in such a trial.
        evidence: What must have been seen.
    """

    outcome: str
    means: str
    evidence: str


MEANINGS = ("outcome", "means", "evidence that it needs")
"""Heads of the table of outcomes."""


def meanings(definition: Definition) -> list[Meaning]:
    """Return what the outcomes mean and which evidence each needs; none for a definition that knows two of them only."""
    if definition.evidence is None:
        return []
    learning, limits, evidence = given(definition.learning), given(definition.loss), definition.evidence
    broke, losses = (
        listing([mode(name) for name in names], "or")
        for names in (definition.detectors, [name for name in definition.modes if name in LOSSES])
    )
    watched = f"{evidence.after_learning} evaluations after it had learnt"
    return [
        Meaning(
            "stable",
            f"It learnt, and kept what it had. It has learnt once {_bar(learning)}: that is the bar.",
            f"At least {watched}, one of them after {percent(evidence.until)} of the budget; and if there"
            f" was a loss at the end, it was by less than a factor of {limits.counts:g} (upper bound, one-sided,"
            f" {percent(evidence.bound)}).",
        ),
        Meaning(
            "unstable",
            f"It broke ({broke}), or lost what it had ({losses}).",
            f"To break is seen at once. For a loss, at least {watched}, of which {limits.prefix_least} before the loss and"
            f" {limits.tail_least} after it.",
        ),
        Meaning(
            "not learnt",
            f"It never reached the bar within its budget, and would not in {_budgets(learning.ahead)} more at the pace that"
            " it had. It did not fail, and is counted in a column of its own.",
            f"At least {learning.least_trained} evaluations, one of them after {percent(evidence.until)} of the budget.",
        ),
        Meaning(
            "undecided",
            "Too little was seen, or it was still improving when its budget ended. It is in no rate. Claims hold with all"
            " such trials counted as failed, and with all counted as stable.",
            f"What would decide: {'; '.join(NEEDS.values())}.",
        ),
        Meaning(mode(METHOD_ERROR), f"{_sentence(_method_error(definition))} It counts as failed.", "None."),
    ]


def _budgets(many: float) -> str:
    return "as many steps" if many == 1 else f"{many:g} times as many steps"


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def _method_error(definition: Definition) -> str:
    return "the method could not run: it raised an error, or needed more memory than its suite declares."


def _tail(share: float, least: int) -> str:
    return f"at the end (the median of the last {percent(share)} of all evaluations, at least {least})"


_RULES: dict[str, Callable[[Definition], str]] = {
    "diverged": _diverged,
    "exploding_gradient": _exploding,
    "vanishing_gradient": _vanishing,
    "mode_collapse": _collapse,
    "late_deterioration": _late,
    "never_converged": _never,
    **dict.fromkeys(LOSSES, _lost),
    "lost_modes": _lost_modes,
    METHOD_ERROR: _method_error,
}


def in_words(definition: Definition) -> list[str]:
    """Return a sentence for each failure mode; those that are lost in one way have one together.

    What a method error is stands among the outcomes, where there are such.
    """
    same: dict[str, list[str]] = {}
    for name, words in rules(definition).items():
        if name == METHOD_ERROR and definition.evidence is not None:
            continue
        same.setdefault(words, []).append(mode(name))
    return [f"{', '.join(names)}: {words}" for words, names in same.items()]

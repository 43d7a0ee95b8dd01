"""How the numbers were measured: what somebody needs who wants to believe them, or to repeat them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganbench.harness.stability import AddedDetector
from ganbench.harness.statistics import ALPHA, detectable_rate, settings_needed
from ganbench.harness.statistics.intervals import EXACT_BELOW
from ganbench.harness.statistics.power import POWER
from ganbench.reports.board import Board
from ganbench.reports.departures import departures
from ganbench.reports.evidence import Evidence
from ganbench.reports.formatting import count, listing, mode, percent, short
from ganbench.reports.wording.levels import apart_words, seeds_each
from ganbench.reports.wording.rules import in_words

MISSING_LINES = 30
SUMMARY = 200


@dataclass(frozen=True)
class Fact:
    """One thing to know.

    Attributes:
        term: What it is about.
        lines: The sentences.
        code: Whether the lines are commands or hashes.
    """

    term: str
    lines: tuple[str, ...]
    code: bool = False


SENSITIVITY = (
    "Not every threshold is calibrated on something; `ganbench sensitivity` on the ledger says how outcomes, order and"
    " claims depend on each of them, and on the budget."
)


def facts(evidence: Evidence, board: Board) -> list[Fact]:
    """Return everything of the box "How this was measured"; nothing in it depends on where and when it was made."""
    plan = evidence.plan
    cells = count(len(board.cells), "cell")
    normalizers = count(len(evidence.normalizers), "normalizer")
    suites = plan.get("suites", [plan])  # several, where the page is made from ledgers of several
    ran = dict.fromkeys(suite.get("command") or f"ganbench run {suite['suite']}" for suite in suites)
    found = [
        Fact("Suite" if len(suites) == 1 else "Suites", tuple(
            f"{suite['suite']}, version {suite['version']}, hash {suite['hash']}, random streams from {suite['seed']}"
            for suite in suites
        )),
        Fact("Trials", (
            f"{cells} ({count(len(evidence.groups), 'setting')}, {normalizers}), {_seeds(evidence)} each:"
            f" {evidence.committed} committed of {evidence.planned} planned.",
            "A seed has the same data order, latents and initial weights under every normalizer of a setting, and others"
            " in every other setting.",
            "A trial lost with its machine runs again; a failed one never does.",
        )),
        Fact("Departures from the published protocol", tuple(
            dict.fromkeys(note for suite in suites for note in departures(suite.get("text", "")))
        )),
        Fact("Not in the order", _apart(evidence, board)),
        Fact(f"Unstable, definition {evidence.definition.version}", (
            "A trial is unstable if a detector finds something, or if the method could not run (method error)."
            " One trial can fail in several ways:"
            if evidence.decides_all
            else "A trial is unstable if it broke or lost what it had. One trial can fail in several ways:",
            *in_words(evidence.definition),
            "All of it is asked at logged steps and at evaluations, so the first failure is dated to one of those.",
            *(() if evidence.decides_all else (SENSITIVITY,)),
        )),
        Fact("Statistics", (*_statistics(evidence), *_undecided(evidence), *_looks(evidence))),
        Fact("What these seeds can tell apart", _detectable(evidence, board)),
        Fact("Software and devices", _software(evidence)),
        Fact("Nodes set aside", _unfit(evidence)),
        Fact("Missing trials", _missing(board)),
        Fact("Detectors that had nothing to look at", _blind(evidence)),
        Fact("Warnings, which make no failure", _warnings(evidence)),
        Fact("Judged anew", _relabelled(evidence)),
        Fact("Changed plugins", tuple(
            f"The source of {kind} {name} changed between trials while its version stayed the same."
            for kind, name in evidence.sources
        )),
        Fact("Forgotten", _forgotten(evidence)),
        Fact("Left out", tuple(
            f"{count(trials, 'trial')} of {name}, version {version}: the suite names another version; they are in no row."
            for name, version, trials in evidence.left_out
        )),
        Fact("Ledger", (f"sha256 {evidence.hash()} over {count(evidence.committed, 'trial')}",), code=True),
        Fact("Made by", (*ran, " ".join(["ganbench report", *["RESULTS_FOLDER"] * len(suites)])), code=True),
    ]  # fmt: skip
    return [fact for fact in found if fact.lines]


def _seeds(evidence: Evidence) -> str:
    return seeds_each(evidence) if evidence.sequential is None else evidence.sequential.words()


def _apart(evidence: Evidence, board: Board) -> tuple[str, ...]:
    """Say who is in no order, and over which settings the order is."""
    where = board.standing
    if not where.apart and len(where.settings) == len(evidence.groups):
        return ()
    if not where.settings:
        return ("There is no order yet, for there is no trial.",)
    ran, all_ = len(where.settings), count(len(evidence.groups), "setting")
    over = f"the {ran} of {all_}" if ran < len(evidence.groups) else "the one setting" if ran == 1 else f"all {all_}"
    lines = [f"The order is over {over} in which all of its normalizers have trials."]
    return (*lines, *(f"{row.normalizer}: {apart_words(row, board, len(evidence.groups))}" for row in board.apart))


def _software(evidence: Evidence) -> tuple[str, ...]:
    lines = [f"{words} ({count(trials, 'trial')})" for words, trials in evidence.software]
    twice = sum(trials for _, trials in evidence.software) - evidence.committed
    return (*lines, f"{count(twice, 'trial')} more than there are: several ledgers hold them") if twice else (*lines,)


def _statistics(evidence: Evidence) -> tuple[str, ...]:
    all_ = evidence.decides_all
    confidence, both = f"{100 * (1 - ALPHA):.0f} %", f"{100 * (1 - 2 * ALPHA):.0f} %"
    return (
        "Intervals of the rows (Bonferroni): Clopper & Pearson's. In these"
        " settings: that of as many trials as would have the variance of the mean over them. On settings like these: that"
        f" of as many trials as there are settings. Of a cell: {confidence} for it alone, Wilson's; Clopper & Pearson's"
        f" below {EXACT_BELOW} trials.",
        "In these settings: McNemar's exact test on pairs of trials that differ in the normalizer only, pooled over"
        " settings, whose trials are independent because random streams differ between them. Two-sided, corrected by Holm"
        " over all pairs of normalizers.",
        "On settings like these: the exact sign-flip test, with settings as blocks, of the difference in how many trials"
        " failed, corrected likewise. It supposes that the settings were drawn from the population that is spoken of. A"
        " claim needs both tests.",
        "Ranks: from one more than the number of normalizers significantly better, to the number of normalizers less"
        " those significantly worse; who is so in a circle is level. The intervals of all ranks hold together with"
        f" {confidence if all_ else both} confidence"
        + ("" if all_ else ", as two families of tests are in them")
        + " (in the manner of Mogstad et al. 2024).",
        "Tiers: the largest sets of normalizers of which ranks separate no two.",
        "Against the baseline: the difference over the pairs of both, with Newcombe's interval for paired rates. Those of"
        f" all pairs hold together with {confidence} confidence (Bonferroni). A setting is won by whoever failed less often"
        " in it.",
        "How many seeds it would take: about, by Connor's approximation (1987), if discordant pairs went on as they came.",
        "Quality: the last evaluation, its median over all trials, where a failed trial is worse than any number.",
        f"{'Stable steps' if all_ else 'Steps before a failure'}: the share of its steps before a trial first failed,"
        " 100 % if it never did and none if the method could not run; the restricted mean of Kaplan & Meier's curve"
        + (
            ", as no trial ends early for another reason."
            if all_
            else ", in which an undecided trial ends with its log."
        ),
        "Time per step: without evaluations and without each process's first step; of each cell the median over trials, of"
        " normalizers the geometric mean of the ratios within settings. Other work on the machine is in it.",
    )


def _undecided(evidence: Evidence) -> tuple[str, ...]:
    """Say how undecided trials, and those that did not learn, are counted."""
    if evidence.decides_all:
        return ()
    return (
        "Rates, their intervals and the numbers of pairs are those of decided trials; one that did not learn is decided,"
        " and did not fail. Bounds: the rate with all undecided trials counted as stable, and as failed.",
        "Of the p-values with undecided trials of both as failed, and as stable, the larger one counts; 1 where they, or"
        " decided pairs alone, disagree on the direction.",
        "How often trainings do not learn is compared by the same test, corrected by Holm over all pairs as a family of its"
        " own. Who fails less often but learns significantly less often is not called more stable.",
        "Order: of equal rates the one that learns more often is above. To learn significantly more often separates two"
        " normalizers in ranks and tiers, too, unless the other one fails significantly less often.",
    )


RATE = 0.5
"""Failure rate of the less stable of two normalizers, in the example of what can be told apart."""


def _detectable(evidence: Evidence, board: Board) -> tuple[str, ...]:
    """Say which difference the two that share the fewest decided trials could show."""
    many, settings = len(board.rows), len(board.standing.settings)
    if many < 2 or evidence.sequential is not None:
        return ()
    names, comparisons = {row.normalizer for row in board.rows}, len(board.pairs)
    pairs = min(pair.shared for pair in board.pairs if {pair.first, pair.second} <= names)
    kind = "pair of trials" if evidence.decides_all else "pair of decided trials"
    fewest = f"{pairs} {kind if pairs == 1 else kind.replace('pair', 'pairs')}"
    needed = settings_needed(comparisons)
    return (
        f"In these settings, among {count(comparisons, 'comparison')}, with {fewest}, the fewest that two share: from one"
        f" that fails in {percent(RATE)} of trainings, {_told_apart(pairs, comparisons)}",
        f"On settings like these: at least {count(needed, 'setting')} are needed for any claim among"
        f" {count(comparisons, 'pair')}; there are {settings}."
        + (" `ganbench power` says how settings and seeds share out." if settings >= needed else ""),
    )


def _told_apart(pairs: int, comparisons: int) -> str:
    best, worst = (detectable_rate(RATE, pairs, nested=nested, alpha=ALPHA / comparisons) for nested in (True, False))
    chance = f"with {percent(POWER)} power"
    if best is None:
        return f"not even a normalizer that never fails is told apart {chance}."
    nested = "if it fails only where the other fails too"
    if worst is None:
        return f"a normalizer that fails in {percent(best)} at most is told apart {chance} {nested}, otherwise none is."
    return f"a normalizer that fails in {percent(worst)} at most is told apart {chance}; in {percent(best)} {nested}."


def _looks(evidence: Evidence) -> tuple[str, ...]:
    """Say what seeds that came one after the other change."""
    sequential = evidence.sequential
    if sequential is None:
        return ()
    if sequential.test is None:
        return ("Seeds were added by the width of intervals, never by the outcome of a test.",)
    return (
        f"Seeds were added while comparisons were open. So not McNemar's test decides them but the {sequential.test} test,"
        " which allows for all the looks (harness/statistics/sequential.py).",
    )


def _missing(board: Board) -> tuple[str, ...]:
    lines = [
        f"{cell.group.title}, {cell.normalizer}: {cell.count.missing}" for cell in board.cells if cell.count.missing
    ]
    more = len(lines) - MISSING_LINES
    return (*lines[:MISSING_LINES], f"and in {count(more, 'more cell')}") if more > 0 else tuple(lines)


def _blind(evidence: Evidence) -> tuple[str, ...]:
    blind = Counter(name for results in evidence.results.values() for result in results.values()
                    for name in result.verdict.blind)  # fmt: skip
    lines = [f"{mode(name)} in {count(blind[name], 'trial')}" for name in evidence.modes if blind[name]]
    return (listing(lines),) if lines else ()


def _warnings(evidence: Evidence) -> tuple[str, ...]:
    verdicts = [result.verdict for results in evidence.results.values() for result in results.values()]
    warned = Counter(item.mode for verdict in verdicts for item in verdict.warnings)
    added: dict[str, list[AddedDetector]] = {}
    for verdict in verdicts:
        for by in verdict.added:
            added.setdefault(by.label, []).append(by)
    others = {name for added_verdicts in added.values() for name in (added_verdicts[0].label, added_verdicts[0].broken)}
    own = sorted(warned.keys() - others)
    lines = [listing([f"{mode(name)} in {count(warned[name], 'trial')}" for name in own])] if own else []
    return (*lines, *(_added(added[label], warned) for label in sorted(added)))


def _added(added_verdicts: Sequence[AddedDetector], warned: Mapping[str, int]) -> str:
    """Say what a detector found that somebody added, of how many trials, and where it saw nothing."""
    by = added_verdicts[0]
    broken = warned.get(by.broken, 0)
    blind = sum(not look.seen for look in added_verdicts) - broken
    found = f"in {warned.get(by.label, 0)} of {count(len(added_verdicts), 'trial')}"
    said = f"{mode(by.label)} (a detector beside the definition) {found}"
    said += f", with nothing to look at in {blind}" if blind else ""
    said += f", and it could not look in {broken}" if broken else ""
    return f"{said}: {short(by.summary, SUMMARY)}" if by.summary else said


def _forgotten(evidence: Evidence) -> tuple[str, ...]:
    """Say which trials were taken out of the ledger, when and why."""
    gone = Counter((line["when"], line["why"], line["normalizer"]) for line in evidence.plan.get("forgotten", ()))
    acts: dict[tuple[str, str], list[str]] = {}
    for (when, why, normalizer), trials in sorted(gone.items()):
        acts.setdefault((when, why), []).append(f"{trials} of {normalizer}")
    return tuple(
        f"{when}: trials were taken out of the ledger ({listing(some)}), because: {short(why, SUMMARY)}"
        for (when, why), some in acts.items()
    )


def _unfit(evidence: Evidence) -> tuple[str, ...]:
    """Say how many nodes were given no trials for a while, and why; their names are nobody's business here."""
    reasons: dict[str, list[str]] = {}
    for node, reason in evidence.plan.get("unfit", ()):
        reasons.setdefault(node, []).append(reason)
    return tuple(
        f"A node got no trials for a while{f', {len(found)} times' if len(found) > 1 else ''}; what failed there ran again:"
        f" {short(found[-1], SUMMARY)}"
        for found in reasons.values()
    )


def _relabelled(evidence: Evidence) -> tuple[str, ...]:
    many = evidence.relabelled
    return (
        (f"{count(many, 'trial')} from the stored trace, by this definition instead of an earlier one",) if many else ()
    )

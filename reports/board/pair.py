"""Two normalizers on the trials that they share, in numbers; ``comparisons`` computes them."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench.harness.statistics import ALPHA, RiskDifference, risk_difference


@dataclass(frozen=True)
class Tested:
    """What the tests say of two normalizers.

    Attributes:
        more: The one that has more (failures, or trials that did not learn), whichever way the undecided trials are
            counted, and if they are left out; empty where the two are level or that depends on the undecided.
        ways: Of all pairs, in how many only that one has it and in how many only the other: with the undecided trials of
            both counted as having it, and as not having it.
        p: McNemar's exact test, pooled over settings: the larger one of both ways to count the undecided, and 1 where
            they disagree on the direction.
        holm_p: The same, corrected for all pairs of normalizers.
        settings: How many settings they share.
        settings_p: The sign-flip test with settings as blocks, likewise.
        settings_holm_p: The same, corrected for all pairs.
        test: The test of sequential seeds that decides in place of McNemar's, which does not allow for its looks; or None.
        separated: After how many seeds that test found that they differ; None where it did not.
        turns: Whether planned trials that are missing could take the claim back, on the level on which it is made, if the
            settings of the order stay what they are. They may be missing because of what would have become of them.
    """

    more: str
    ways: tuple[tuple[int, int], ...]
    p: float
    holm_p: float
    settings: int
    settings_p: float
    settings_holm_p: float
    test: str | None = None
    separated: int | None = None
    turns: bool = False

    @property
    def here(self) -> bool:
        """Whether the two are separated in these settings, among all pairs."""
        return self.holm_p <= ALPHA if self.test is None else self.separated is not None

    @property
    def elsewhere(self) -> bool:
        """Whether they are separated on settings like these, too."""
        return self.here and self.settings_holm_p <= ALPHA


@dataclass(frozen=True)
class Pair:
    """Two normalizers on the trials that they share: of two in one order, those of the order's settings.

    Attributes:
        first: Label; of two in one order the one with the lower rate.
        second: Label of the other.
        shared: Pairs of decided trials with the same seed and everything else equal.
        undecided: Further pairs, of which at least one trial is undecided.
        only_first: Of the shared pairs, those in which only the first failed.
        only_second: Those in which only the second failed.
        both: Those in which both failed.
        unlearnt_first: Of the shared pairs, those in which only the first did not learn.
        unlearnt_second: Those in which only the second did not learn.
        failing: What the tests say of how often they fail.
        learning: What they say of how often they do not learn.
        needed: Discordant pairs, all one way, that could separate the two in these settings.
        enough: About how many pairs would, if discordant ones went on as they came; may be infinite.
        groups_first: In how many settings the first failed more often.
        groups_second: In how many the second did.
        groups_level: In how many both failed equally often.
        chain: Where ranks separate the two by claims with others alone: these, from the one above to the one below, each
            above the next.
        circle: Where what is said of the two has no place in ranks or order: each of these failed significantly less often
            than the next, or learns significantly more often, and the last one than the first.
    """

    first: str
    second: str
    shared: int
    undecided: int
    only_first: int
    only_second: int
    both: int
    unlearnt_first: int
    unlearnt_second: int
    failing: Tested
    learning: Tested
    needed: int
    enough: float
    groups_first: int
    groups_second: int
    groups_level: int
    chain: tuple[str, ...] = ()
    circle: tuple[str, ...] = ()

    @property
    def significant(self) -> bool:
        """Whether one is more stable in these settings: it fails less often, and does not learn less often."""
        return self.failing.here and not self.mixed

    @property
    def elsewhere(self) -> bool:
        """Whether one is more stable on settings like these."""
        return self.failing.elsewhere and not self.mixed

    @property
    def mixed(self) -> bool:
        """Whether the one that fails significantly less often learns significantly less often, too."""
        return self.failing.here and self.learns_less == self.better

    @property
    def learns_less(self) -> str:
        """The one that learns significantly less often; empty where none does."""
        return self.learning.more if self.learning.here else ""

    @property
    def learns_more(self) -> str:
        """The other one of such a pair; empty where there is none."""
        return {"": "", self.first: self.second, self.second: self.first}[self.learns_less]

    @property
    def apart(self) -> tuple[str, str] | None:
        """Which of the two is above the other: it fails less often, or learns more often, and nothing speaks against it.

        None where the two are not separated, or one is better in the one and the other in the other.
        """
        lower = {self.learns_less} if self.learns_less else set()
        lower |= {self.worse} if self.failing.here else set()
        if len(lower) != 1:
            return None
        (below,) = lower
        return (self.second if below == self.first else self.first), below

    @property
    def contradicted(self) -> bool:
        """Whether ranks, or the order, say otherwise than what is claimed of the two."""
        return bool(self.circle) or (self.mixed and self.chain[:1] == (self.learns_less,))

    @property
    def rates(self) -> tuple[float, float]:
        """The rates of the first and of the second over the shared pairs; nan without any."""
        both = [self.both + alone for alone in (self.only_first, self.only_second)]
        first, second = (failed / self.shared if self.shared else float("nan") for failed in both)
        return first, second

    def difference(self, alpha: float = ALPHA) -> RiskDifference:
        """Return the first one's rate less the second one's, over the shared pairs.

        The test decides: where it does not separate the two, the interval is widened to contain 0, and otherwise cut there.

        Args:
            alpha: One minus the confidence of its interval.
        """
        neither = self.shared - self.both - self.only_first - self.only_second
        found = risk_difference(self.both, self.only_first, self.only_second, neither, alpha)
        return found.as_tested(separated=self.failing.here)

    @property
    def better(self) -> str:
        """The one that fails less often; the first where that is open."""
        return self.second if self.failing.more == self.first else self.first

    @property
    def worse(self) -> str:
        """The other one."""
        return self.first if self.failing.more == self.first else self.second

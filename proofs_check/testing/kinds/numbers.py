"""Functions of tables that return a number for each prompt."""

from typing import Any, ClassVar

from proofs_check.paths import tempered
from proofs_check.testing.cases import Case, Options
from proofs_check.testing.kinds.kind import (
    Function,
    Kind,
    Part,
    Route,
    each,
    lifted,
    model_log_probs,
    model_logits,
    on_tables,
    ways,
)
from proofs_check.toolkit import Toolkit, expectation

__all__ = ["Entropy", "Kl", "LogPartition", "divergence"]


class Number(Kind):
    """A function of tables that returns a number for each prompt."""

    what: ClassVar[str]

    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        return [Part(self.what, "prompts", [o.adapter.read_numbers(case.space, on_tables(o, function, case))])]


class LogPartition(Number):
    """f(rewards) → number."""

    name = "log-partition"
    what = "log-partition"
    statement = "A = log Σ_y exp(R(y)/τ), R(y) = Σ_t r(s_t, y_t)"
    views = ("rewards",)

    def routes(self, o: Options) -> dict[str, Route]:
        def answer(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
            levels, tau = lifted(kit, case), case.temperature
            if way == "log_partition":
                found = kit.log_partition(case.space, levels, tau)
            else:
                found = kit.system.power(kit.soft_bellman(case.space, levels, tau)[1][0], 1.0 / tau)
            return [Part(self.what, "prompts", [found])]

        return each(("log_partition", "soft_bellman"), answer)


class Entropy(Number):
    """f(logits) → number."""

    name = "entropy"
    what = "entropy"
    statement = "H = -Σ_y p(y) log p(y), over whole responses, in nats"

    def routes(self, o: Options) -> dict[str, Route]:
        def answer(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
            if way == "log_partition":
                scaled = tempered(kit, lifted(kit, case), case.temperature)
                log_probs = model_log_probs(kit, o, case, "ebm_log_probs")
                mean = expectation(kit, log_probs, kit.log(kit.response_rewards(case.space, scaled)))
                log_partition = kit.log(kit.log_partition(case.space, lifted(kit, case), case.temperature))
                return [Part(self.what, "prompts", [log_partition - mean])]
            if way not in ("ebm_log_probs", "arm_log_probs"):
                return [Part(self.what, "prompts", [kit.entropy(case.space, model_logits(kit, o, case, way))])]
            log_probs = model_log_probs(kit, o, case, way)
            return [Part(self.what, "prompts", [-expectation(kit, log_probs, kit.log(log_probs))])]

        own = ("entropy", "arm_log_probs") if o.view == "logits" else ("entropy", "arm_log_probs", "log_partition")
        return each(ways(o, *own), answer)


class Kl(Number):
    """f(logits of p, logits of q) → number."""

    name = "kl"
    what = "KL(p‖q)"
    statement = "KL(p‖q) = Σ_y p(y) log(p(y)/q(y)), over whole responses, in nats; inf where only q forbids"
    views = ("logits",)
    parameters = frozenset()
    inputs = 2

    def routes(self, o: Options) -> dict[str, Route]:
        return each(("kl",), divergence)


def divergence(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
    """Return KL(p‖q)."""
    assert case.other is not None
    others = [kit.lift(level) for level in case.other.levels]
    return [Part("KL(p‖q)", "prompts", [kit.kl(case.space, lifted(kit, case), others)])]

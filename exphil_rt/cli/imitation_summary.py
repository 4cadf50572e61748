"""What an imitation came to, as tables for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from exphil_rt.cli.output import duration, show, table

if TYPE_CHECKING:
    from exphil_rt.training.imitation_result import Outcome

ENDED: Final = {
    "epochs": "",
    "patience": ", stopped early: no better on held-out games",
    "seconds": ", its time was over",
    "interrupted": ", interrupted",
    "diverged": ", stopped: the loss diverged",
}


def show_outcome(outcome: Outcome) -> None:
    """Print the report card, the scores beside the tables, and where the policy lies."""
    if outcome.report_card is not None:
        import msgspec

        from exphil_rt.cli.eval_play import show_card
        from exphil_rt.rollout.closed_loop import ReportCard

        show_card(msgspec.convert(outcome.report_card, ReportCard))
        show()
    result, ref = outcome.result, outcome.policy
    plural = "" if len(result.epochs) == 1 else "s"
    best = f"mean of the last {result.averaged}" if result.averaged else f"epoch {result.best_epoch}"
    show(
        f"{len(result.epochs)} epoch{plural} in {duration(result.seconds)} ({result.frames_per_second:,.0f} frames/s, "
        f"{result.waited:.1%} of it waiting for data), best: {best}{ENDED[result.ended]}"
    )
    show()
    rows = [
        (name, f"{s.nll:.3f}", f"{s.nll_changed:.3f}", f"{s.accuracy:.1%}", f"{s.accuracy_changed:.1%}")
        for name, s in ((ref, result.score), ("P(a | previous a)", result.previous), ("P(a)", result.marginal))
    ]
    show(table(("held out", "NLL", "changed", "accuracy", "changed"), rows, right="NLL changed accuracy"))
    show()
    score = result.score
    heads = [
        (head, f"{score.head_nll[n]:.3f}", f"{score.head_nll_changed[n]:.3f}",
         f"{score.head_accuracy[n]:.1%}", f"{score.head_accuracy_changed[n]:.1%}")
        for n, head in enumerate(outcome.heads)
    ]  # fmt: skip
    show(table(("head", "NLL", "changed", "accuracy", "changed"), heads, right="NLL changed accuracy"))
    show("(NLL in nats a frame; changed: frames whose action differs from the one before)")
    if result.score.nll >= result.previous.nll:
        show("It predicts no better than a table of what followed what: give it more games.")
    show()
    show(f"policy: {ref}  {outcome.path}")
    show(f"next: exphil-rt self-play --policy {ref.partition('@')[0]}")

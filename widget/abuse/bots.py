"""Defence against programs that fill in forms: when a form needs a proof of work, and why a submission is held back.

A submission that looks like a program's is never refused: a person's browser may fill in a hidden field by itself, or
be unable to do the proof. Such a submission is stored and waits for the operator.
"""

import math
from collections.abc import Mapping
from typing import Any

from widget.abuse.proof_of_work import Proofs
from widget.abuse.rate_limits import Rates
from widget.config.products import Product

TRAP = "website"
"""A field that people do not see and that programs tend to fill in (`templates/_trap.html`)."""
_MOST_TIMES = 8
"""The most that a surge multiplies the cost by: more would take a slow phone half a minute."""
_STOCKPILED = 900.0
"""Seconds before a surge. Forms issued earlier may have been stockpiled for it."""


class BotDefence:
    """Decides for all products. Times are Unix seconds."""

    def __init__(self, proofs: Proofs, rates: Rates) -> None:
        self._proofs = proofs
        self._rates = rates

    def asks_for_proof(self, product: Product, made_at: float) -> bool:
        """Whether a form issued at `made_at` needs a proof of work.

        A form issued shortly before a surge needs none, because its page was not told about it.
        """
        if product.proof != "surge":
            return product.proof == "always"
        since = self._rates.surge_since(product.slug)
        return since is not None and not 0 < since - made_at <= _STOCKPILED

    def challenge(self, product: Product, submission_id: str, now: float) -> dict[str, Any]:
        """The challenge for one form. Its cost doubles each time that the surge does, up to a bound."""
        doublings = int(math.log2(self._rates.surge_height(product.slug)))
        return self._proofs.challenge(submission_id, now, times=min(2**doublings, _MOST_TIMES))

    def why_held(self, product: Product, fields: Mapping[str, str], submission_id: str, made_at: float) -> str | None:
        """Why a submission is held for the operator: `trap`, `proof_missing` or `proof_wrong`. None if it is not."""
        if fields.get(TRAP):
            return "trap"
        if not self.asks_for_proof(product, made_at):
            return None
        solution = fields.get("proof", "")
        if self._proofs.holds(solution, submission_id):
            return None
        return "proof_wrong" if solution else "proof_missing"

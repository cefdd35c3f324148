"""Programs that fill in forms: when a form has to bring a proof of work, and why a submission is held back.

A submission that looks like a program's is never refused, for a person may use a browser that fills in a field it
should not, or that cannot do the work. It is stored, and waits for the operator.
"""

from collections.abc import Mapping
from typing import Any

from widget.abuse.proof_of_work import Proofs
from widget.abuse.rate_limits import Rates
from widget.config.products import Product

TRAP = "website"
"""The field that people do not see, and that programs like to fill in (`templates/_trap.html`)."""
_STOCKPILED = 900.0
"""Seconds before a surge. A form handed out earlier than that may have been stockpiled for it."""


class BotDefence:
    """Decides for all products. Times are Unix seconds."""

    def __init__(self, proofs: Proofs, rates: Rates) -> None:
        self._proofs = proofs
        self._rates = rates

    def asks_for_proof(self, product: Product, made_at: float) -> bool:
        """Whether a form that was handed out at `made_at` has to bring a proof of work.

        A form that was handed out shortly before a surge could not know of it.
        """
        if product.proof != "surge":
            return product.proof == "always"
        since = self._rates.surge_since(product.slug)
        return since is not None and not 0 < since - made_at <= _STOCKPILED

    def challenge(self, submission_id: str, now: float) -> dict[str, Any]:
        """The work to do for one form."""
        return self._proofs.challenge(submission_id, now)

    def why_held(self, product: Product, fields: Mapping[str, str], submission_id: str, made_at: float) -> str | None:
        """Why a submission waits for the operator: `trap`, `proof_missing` or `proof_wrong`. None: it does not."""
        if fields.get(TRAP):
            return "trap"
        if not self.asks_for_proof(product, made_at):
            return None
        solution = fields.get("proof", "")
        if self._proofs.holds(solution, submission_id):
            return None
        return "proof_wrong" if solution else "proof_missing"

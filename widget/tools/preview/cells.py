"""The cells of the gallery: each state with its name, and whether the server or the form's script produces it."""

from dataclasses import dataclass

from widget.config.products import Product
from widget.pages.samples import STATES, State

RENDERED = {state.name: state for state in STATES}


@dataclass(frozen=True, slots=True)
class Cell:
    """A state in the gallery. `does` is what `static/preview/state.js` does to the page of `of`."""

    name: str
    title: str
    of: str
    does: str = ""

    @property
    def state(self) -> State:
        """The state that is rendered."""
        return RENDERED[self.of]


CELLS = (
    Cell("idle", "Idle", "idle"),
    Cell("filled", "Filled", "filled", "filled"),
    Cell("editing", "Editing a picture", "filled", "editing"),
    Cell("error", "Errors", "errors"),
    Cell("sending", "Sending", "filled", "sending"),
    Cell("offline", "Offline", "filled", "offline"),
    Cell("waiting", "Too many at once", "waiting"),
    Cell("refused", "Refused by Insider Connect", "refused"),
    Cell("vouched", "Vouched for", "vouched"),
    Cell("thanks-delivered", "Thanks, delivered", "thanks-delivered"),
    Cell("thanks-accepted", "Thanks, accepted", "thanks-accepted"),
    Cell("receipt-delivered", "Receipt, delivered", "receipt-delivered"),
    Cell("receipt-accepted", "Receipt, accepted", "receipt-accepted"),
    Cell("receipt-refused", "Receipt, refused", "receipt-refused"),
    Cell("receipt-expired", "Receipt, expired", "receipt-expired"),
    Cell("problem", "Page not set up", "problem"),
    Cell("not-found", "Not found", "problem"),
)


def cells_of(product: Product) -> tuple[Cell, ...]:
    """The cells that a product can have: somebody vouched for, or a picture edited, only where that happens."""
    takes_pictures = product.fields.takes_files and {"jpeg", "png"} & set(product.fields.file_kinds)
    missing = set() if product.identity else {"vouched"}
    if product.edit == "off" or not takes_pictures:
        missing.add("editing")
    return tuple(cell for cell in CELLS if cell.name not in missing)

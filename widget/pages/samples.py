"""Every state that a page can be in without script, rendered for previews and checks.

A sample is what a person might have written: friendly words to look at, or hostile ones that have to stay text. Others
decide what to look for in a page.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from widget.config.products import Product
from widget.errors import Fault
from widget.i18n.messages import Words
from widget.pages.pages import Pages
from widget.pages.state import PLAIN, File, FormState, Looks, ReceiptState, ThanksState
from widget.submissions.identity import Person

MARK = "<i data-unescaped>"
"""Part of every text of the hostile sample. Unescaped, it would be an element."""
_AT = datetime(2026, 5, 12, 9, 41, tzinfo=UTC)
_RECEIPT = "/receipt/sample"
_UNTOUCHED = FormState("sample-token")
_CHALLENGE = {"parameters": {"algorithm": "PBKDF2/SHA-256", "data": {"submission": "sample"}}, "signature": "sample"}


@dataclass(frozen=True, slots=True)
class Sample:
    """What a person wrote, and what others say about it."""

    description: str
    email: str
    name: str
    files: tuple[str, ...]
    reason: str
    context: str


FRIENDLY = Sample(
    description="The new order page is so much faster, thank you. On my phone the totals jump when I scroll.",
    email="mara@northwind.example",
    name="Mara Lindqvist",
    files=("checkout.png", "order-1187.pdf"),
    reason="The file is protected by a password",
    context='{"address": "https://app.example.com/orders", "version": "3.1"}',
)
HOSTILE = Sample(
    description=f"\"{MARK}' {{{{ 7 * 7 }}}} & the rest",
    email=f'"{MARK}"@example.com',
    name=f"Mara {MARK}",
    files=(f"{MARK}.png", f'"{MARK}.pdf'),
    reason=f"Not this: {MARK}",
    context='{"page": "\\"<i data-unescaped>"}',
)


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that a rendering needs."""

    pages: Pages
    product: Product
    words: Words
    sample: Sample = FRIENDLY
    looks: Looks = PLAIN

    @property
    def values(self) -> Mapping[str, str]:
        """The fields, filled in as far as the product asks for them."""
        asked = self.product.fields
        values = {
            "description": self.sample.description if asked.description != "hidden" else "",
            "submittedByEmail": self.sample.email,
            "sentimentRating": "true" if asked.sentiment != "hidden" else "",
            "contactConsent": "true" if asked.consent != "hidden" else "",
        }
        values["chips"] = "\n".join(ticked(self.product, self.words.lang))
        return {**values, "context": self.sample.context} if self.product.context != "off" else values

    def form(self, state: FormState = _UNTOUCHED) -> str:
        """The form."""
        return self.pages.form(self.product, self.words, state, self.looks)

    def filled(self, **more: Any) -> FormState:
        """The state of a form whose fields are filled in."""
        return replace(_UNTOUCHED, **{"values": self.values, **more})

    @property
    def attachments(self) -> tuple[File, ...]:
        """The files: the first was attached, the second was not."""
        names = self.sample.files[: self.product.fields.most_files]
        states = [("attached", ""), ("refused", self.sample.reason)]
        return tuple(File(name, *state) for name, state in zip(names, states, strict=False))


def ticked(product: Product, lang: str) -> tuple[str, ...]:
    """The chips that are ticked in a filled-in form."""
    return product.chips_in(lang)[0][:2]


def _idle(scene: Scene) -> str:
    return scene.form()


def _filled(scene: Scene) -> str:
    return scene.form(scene.filled())


def faults(product: Product, sample: Sample) -> tuple[Fault, ...]:
    """A fault in every field that the product asks for. For the friendly sample, only faults that people do meet."""
    asked, friendly = product.fields, sample is FRIENDLY
    found = []
    if asked.sentiment != "hidden" and not friendly:
        found.append(Fault("required" if asked.sentiment == "required" else "invalid", "sentimentRating"))
    if asked.description != "hidden":
        found.append(Fault("too_long", "description"))
    if asked.takes_files:
        found.append(Fault("file_type", "files", position=0, params={"name": sample.files[0]}))
    if product.email not in ("hidden", "read-only"):
        found.append(Fault("invalid", "submittedByEmail"))
    if not friendly and asked.consent != "hidden":
        found.append(Fault("invalid", "contactConsent"))
    return tuple(found)


def _errors(scene: Scene) -> str:
    return scene.form(scene.filled(faults=faults(scene.product, scene.sample)))


def _refused(scene: Scene) -> str:
    return scene.form(scene.filled(faults=[Fault("refused_upstream", params={"reason": scene.sample.reason})]))


def _waiting(scene: Scene) -> str:
    return scene.form(scene.filled(faults=[Fault("rate_limited", params={"n": 42})], retry_after=42.0))


def _proof(scene: Scene) -> str:
    return scene.form(scene.filled(challenge=_CHALLENGE))


def _vouched(scene: Scene) -> str:
    person = Person(scene.sample.email, scene.sample.name)
    return scene.form(scene.filled(values={**scene.values, "identity": "sample.identity.token"}, person=person))


def _thanks(status: str) -> Callable[[Scene], str]:
    def render(scene: Scene) -> str:
        number = 1187 if status == "delivered" else None
        state = ThanksState(status, _RECEIPT, number, _AT, scene.attachments)
        return scene.pages.thanks(scene.product, scene.words, state, scene.looks)

    return render


def _receipt(status: str) -> Callable[[Scene], str]:
    def render(scene: Scene) -> str:
        state = ReceiptState(
            status,
            accepted_at=_AT,
            delivered_at=_AT if status == "delivered" else None,
            ended_at=_AT if status in ("delivered", "refused") else None,
            feedback_id=1187 if status == "delivered" else None,
            attachments=scene.attachments if status != "expired" else (),
        )
        return scene.pages.receipt(scene.product, scene.words, state, scene.looks.theme)

    return render


def _problem(scene: Scene) -> str:
    return scene.pages.problem(
        scene.words,
        Fault("origin_not_allowed"),
        scene.product,
        looks=scene.looks,
        open_url=f"/form/{scene.product.slug}",
    )


@dataclass(frozen=True, slots=True)
class State:
    """A state, the template that shows it, and how to render it."""

    name: str
    template: str
    render: Callable[[Scene], str]


STATES = (
    State("idle", "form.html", _idle),
    State("filled", "form.html", _filled),
    State("errors", "form.html", _errors),
    State("refused", "form.html", _refused),
    State("waiting", "form.html", _waiting),
    State("proof", "form.html", _proof),
    State("vouched", "form.html", _vouched),
    State("thanks-delivered", "thanks.html", _thanks("delivered")),
    State("thanks-accepted", "thanks.html", _thanks("accepted")),
    State("receipt-delivered", "receipt.html", _receipt("delivered")),
    State("receipt-accepted", "receipt.html", _receipt("accepted")),
    State("receipt-refused", "receipt.html", _receipt("refused")),
    State("receipt-expired", "receipt.html", _receipt("expired")),
    State("problem", "problem.html", _problem),
)


def states_of(product: Product) -> tuple[State, ...]:
    """The states that a product's pages can be in. Nobody is vouched for unless the product verifies identities."""
    never = {"vouched": product.identity is None, "proof": product.proof == "never"}
    return tuple(state for state in STATES if not never.get(state.name))

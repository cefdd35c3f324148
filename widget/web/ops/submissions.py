"""GET and POST /ops/submissions: lists, search, one submission, and what an operator may do with them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from widget.errors import TokenInvalid
from widget.ops.words import duration, moment, one_line, size
from widget.outbox.entries import Entry, Wanted, Whole
from widget.outbox.operator import Operator
from widget.outbox.tables import LEFT_STATES
from widget.pages.addresses import public
from widget.submissions.tokens import receipt_in
from widget.web.operator_token import client_of, refused
from widget.web.ops.access import Visit, for_operators, go_to, too_many
from widget.web.service import service_of

PAGE = 50
"""Submissions on a page, and at most in one change."""
SHOWS: Mapping[str, tuple[str, Wanted]] = {
    "refused": ("Refused", Wanted(states=("refused",), erased=False)),
    "unknown": ("Unknown", Wanted(states=("unknown",), erased=False)),
    "held": ("Held back", Wanted(held=True)),
    "waiting": ("Waiting", Wanted(states=("queued", "sending"), held=False)),
    "discarded": ("Discarded", Wanted(states=("discarded",), erased=False)),
    "expired": ("Expired", Wanted(states=LEFT_STATES, erased=True)),
    "all": ("All", Wanted()),
}
"""The lists: the heading of each, and the rows in it."""
ACTIONS = {"retry": "Retry now", "release": "Release", "discard": "Discard", "erase": "Erase"}
_ASKED_FIRST = {
    "discard": "They are given up and their files are removed at once. Until their text is erased you can retry them.",
    "erase": "Text, e-mail address and files are erased for good, and what still waits is given up.",
}
_DONE = {
    "retry": ("outbox.put_back", "will be tried at once"),
    "release": ("outbox.put_back", "released"),
    "discard": ("outbox.discarded", "discarded"),
    "erase": ("outbox.erased", "erased"),
}


def _operator(visit: Visit) -> Operator:
    outbox = service_of(visit.request).outbox
    outbox.check_open()
    return Operator(outbox.backend)


async def _show_list(visit: Visit) -> Response:
    query = visit.request.query_params
    show = query.get("show", "refused") if query.get("show") in SHOWS else "refused"
    text = query.get("q", "").strip()
    operator = _operator(visit)
    if text:
        ids = await _named(visit, operator, text)
        throttle, key = service_of(visit.request).throttle, f"search {client_of(visit.request)}"
        verdict = await throttle.judge(key, is_right=bool(ids))
        if verdict != "right":
            refused(visit.request, "nothing_found" if verdict == "wrong" else verdict)
        if verdict == "too_many":
            return too_many(visit.request, "searches that found nothing")
        if len(ids) == 1:
            return go_to(f"/ops/submissions/{ids[0]}")
        entries: Sequence[Entry] = await operator.find(Wanted(ids=tuple(ids)), limit=PAGE) if ids else ()
        return _listed(visit, "all", "", entries, q=text, title="Found" if ids else "Nothing found")
    wanted, product = SHOWS[show][1], query.get("product", "")
    if product in service_of(visit.request).settings.products:
        wanted = replace(wanted, products=(product,))
    after = await operator.whole(query["after"]) if "after" in query else None
    entries = await operator.find(wanted, after=after.entry if after else None, limit=PAGE + 1)
    return _listed(visit, show, product, entries, title=f"{SHOWS[show][0]} submissions")


def _listed(visit: Visit, show: str, product: str, entries: Sequence[Entry], *, title: str, q: str = "") -> Response:
    more = ""
    if len(entries) > PAGE:
        entries = entries[:PAGE]
        more = public("/ops/submissions?") + urlencode({"show": show, "product": product, "after": entries[-1].id})
    return visit.page(
        "submissions",
        title=title,
        place="submissions",
        q=q,
        show=show,
        product=product,
        products=list(service_of(visit.request).settings.products),
        shows={name: words for name, (words, _) in SHOWS.items()},
        rows=[_row(entry) for entry in entries],
        actions=_actions_of(show),
        more=more,
        page_size=PAGE,
        done=_last_change(visit.request.query_params),
    )


def _last_change(query: Mapping[str, str]) -> str:
    """A sentence about the change before this page, from the counts in its address."""
    if query.get("did") not in _DONE:
        return ""
    done, left = (query.get(name, "0") for name in ("done", "left"))
    if not (done.isascii() and done.isdigit() and left.isascii() and left.isdigit()):
        return ""
    rest = f" {left} left as they were: their state does not allow it, or they are gone." if left != "0" else ""
    return f"{done} {_DONE[query['did']][1]}.{rest}"


def _actions_of(show: str) -> Mapping[str, str]:
    """What may be done with the rows of a list. Nothing is left to do with those that are erased."""
    if show == "expired":
        return {}
    return {name: words for name, words in ACTIONS.items() if name != ("retry" if show == "held" else "release")}


async def _named(visit: Visit, operator: Operator, text: str) -> Sequence[str]:
    """The ids of the submissions that `text` may stand for: a receipt, its address, an id, its beginning, or a feedback
    id."""
    try:
        return await operator.named(service_of(visit.request).tokens.read_receipt(receipt_in(text))[0])
    except TokenInvalid:
        return await operator.named(text)


async def _act(visit: Visit) -> Response:
    action, ids = visit.first("action"), list(dict.fromkeys(visit.form.get("id", ())))[:PAGE]
    show = visit.first("show") if visit.first("show") in SHOWS else "refused"
    if action not in ACTIONS or not ids:
        text = "Tick the submissions that you mean, then press a button." if not ids else "There is no such action."
        return visit.page("message", 422, title="Nothing was done", text=text, place="submissions")
    if action in _ASKED_FIRST and not visit.first("confirmed"):
        words = f"{ACTIONS[action]} {len(ids)} submission{'s' if len(ids) > 1 else ''}"
        return visit.page(
            "confirm", title=f"{words}?", text=_ASKED_FIRST[action], words=words, action=action, ids=ids, show=show
        )
    done, left = await _change(_operator(visit), action, ids)
    visit.log(_DONE[action][0], submissions=list(done), left=left)
    return go_to(f"/ops/submissions?{urlencode({'show': show, 'did': action, 'done': len(done), 'left': left})}")


async def _change(operator: Operator, action: str, ids: Sequence[str]) -> tuple[Sequence[str], int]:
    """The ids that were changed, and how many were not."""
    if action == "erase":
        erased = await operator.erase(ids)
        return erased.ids, len(erased.left)
    changed = await (operator.discard if action == "discard" else operator.put_back)(ids)
    return changed.done, len(changed.left)


async def _show_one(visit: Visit) -> Response:
    return await _one(visit, with_text=False)


async def _show_text(visit: Visit) -> Response:
    return await _one(visit, with_text=True)


async def _one(visit: Visit, *, with_text: bool) -> Response:
    service = service_of(visit.request)
    whole = await _operator(visit).whole(visit.request.path_params["id"])
    if whole is None:
        refused(visit.request, "nothing_found")
        text = "There is no such submission. It may have been removed after its time."
        return visit.page("message", 404, title="Nothing here", text=text, place="submissions")
    entry = whole.entry
    if with_text:
        visit.log("outbox.text_shown", submission=entry.id)
    held = entry.held_for is not None
    return visit.page(
        "submission",
        title=f"Submission {entry.id[:8]}",
        place="submissions",
        id=entry.id,
        facts=_facts(whole),
        said=_said(whole) if with_text else [],
        text=whole.feedback.description if with_text and whole.feedback else "",
        erased=whole.feedback is None,
        receipt=public(f"/receipt/{service.tokens.receipt(entry.id, entry.product)}"),
        actions={name: words for name, words in ACTIONS.items() if name != ("retry" if held else "release")},
    )


def _row(entry: Entry) -> Mapping[str, Any]:
    """A row without what the person said. The reason leaves out Insider Connect's words, which may repeat it."""
    return {
        "id": entry.id,
        "product": entry.product,
        "state": entry.state,
        "possible_duplicate": entry.possible_duplicate,
        "age": duration(entry.age),
        "attempts": entry.attempts,
        "next": _next(entry),
        "reason": _reason(entry),
    }


def _reason(entry: Entry) -> str:
    if entry.held_for:
        return f"held back: {entry.held_for}"
    return one_line((entry.last_error or "").partition(": ")[0])


def _next(entry: Entry) -> str:
    if entry.erased or entry.state in ("delivered", "discarded", "refused"):
        return "-"
    if entry.due_in is None:
        return "yours to decide"
    return "now" if entry.due_in <= 0 else f"in {duration(entry.due_in)}"


def _facts(whole: Whole) -> Sequence[tuple[str, str]]:
    entry = whole.entry
    files = [f"{each.media_type}, {size(each.size)}, {each.status}" for each in whole.attachments]
    return [
        ("Id", entry.id),
        ("Product", entry.product),
        ("State", entry.state + (" (may have arrived more than once)" if entry.possible_duplicate else "")),
        ("Accepted", f"{moment(entry.accepted_at)}, {duration(entry.age)} ago"),
        ("Ended", moment(entry.ended_at) if entry.ended_at else "-"),
        ("Next attempt", _next(entry)),
        ("Attempts", str(entry.attempts)),
        ("Feedback number", "-" if entry.feedback_id is None else str(entry.feedback_id)),
        ("Reason", _reason(entry) or "-"),
        *((f"File {number}", words) for number, words in enumerate(files, 1)),
    ]


def _said(whole: Whole) -> Sequence[tuple[str, str]]:
    feedback = whole.feedback
    if feedback is None:
        return []
    thumb = {True: "up", False: "down", None: "none"}[feedback.rating]
    return [
        ("E-mail", feedback.email),
        ("Thumb", thumb),
        ("May be contacted", "yes" if feedback.consent else "no"),
        *(("File", one_line(each.name)) for each in whole.attachments),
        *([("Last error", one_line(whole.entry.last_error))] if whole.entry.last_error else []),
    ]


show_list, act = for_operators(_show_list), for_operators(_act)
show_one, show_text = for_operators(_show_one), for_operators(_show_text)

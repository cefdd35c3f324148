"""Checks our own answers as the host page gets them, for changes by a proxy. Pure functions."""

from collections.abc import Iterator, Mapping, Sequence

from widget.config.products import Product
from widget.tools.doctor import csp
from widget.tools.doctor.visits import Failure, Visit, origin_of
from widget.tools.findings import Finding
from widget.web.headers import HEADERS, Kind, of_form

_FIX = "Check what a proxy, a CDN or a firewall in front of the service does to its headers."
_ESSENTIAL = {
    "content-security-policy": "browsers no longer know who may frame the form",
    "cross-origin-embedder-policy": "isolated pages cannot embed the form",
    "cross-origin-resource-policy": "isolated pages cannot load it",
    "access-control-allow-origin": "host pages cannot load the rest of the script",
}


def check_form(answer: Visit | Failure, product: Product | None) -> Iterator[Finding]:
    """The form, as a browser gets it."""
    if isinstance(answer, Failure):
        yield _away(answer)
        return
    if answer.status == 404:
        message = "The service has no such product."
        yield Finding("service.product", message, "Correct data-product, or run `widget new`.", answer.url)
        return
    if answer.status != 200:
        yield Finding("service.status", f"The form is answered {answer.status}.", _FIX, answer.url)
        return
    if answer.asked and answer.url != answer.asked:
        message = f"The form's address redirects to {answer.url}. The host page's policy has to allow that as well."
        yield Finding("service.redirect", message, "Use the address that answers without a redirect.", answer.asked)
    yield from _compared(of_form(product.origins) if product else of_form(()), answer, exact=product is not None)
    if frames := answer.headers.get("x-frame-options", ""):
        message = f"Something adds X-Frame-Options: {frames}."
        yield Finding("service.x_frame_options", message, "Remove it. Our policy replaces it.", answer.url)


def is_copy(loader: Visit | Failure, panel: Visit | Failure) -> bool:
    """Whether the script comes without the service: a tool that makes pages faster put it there."""
    answers = [answer.status for answer in (loader, panel) if isinstance(answer, Visit)]
    return answers == [200, 404]


def check_script(answer: Visit | Failure, kind: Kind) -> Iterator[Finding]:
    """A script that host pages load, with the headers of its kind."""
    if isinstance(answer, Failure):
        yield _away(answer)
    elif answer.status != 200:
        yield Finding("service.status", f"The script is answered {answer.status}.", _FIX, answer.url)
    elif "javascript" not in answer.headers.get("content-type", ""):
        media_type = answer.headers.get("content-type", "nothing")
        message = f"The script comes as {media_type}, so something else answers instead of the service."
        yield Finding("service.type", message, "Does the address lead to this service?", answer.url)
    else:
        yield from _compared(HEADERS[kind], answer, exact=False)


def _away(failure: Failure) -> Finding:
    return Finding(
        "service.away", f"The service does not answer: {failure.reason}.", "Is it running there?", failure.url
    )


def _compared(expected: Mapping[str, str], answer: Visit, *, exact: bool) -> Iterator[Finding]:
    """Each of our headers that is missing or changed."""
    for name, value in expected.items():
        found = answer.headers.get(name.lower(), "")
        so_that = _ESSENTIAL.get(name.lower())
        if not found and so_that:
            yield Finding("service.header_lost", f"{name} is lost on the way: {so_that}.", _FIX, answer.url)
        elif not found:
            yield Finding("service.header_lost", f"{name} is lost on the way.", _FIX, answer.url, "notice")
        elif name == "Content-Security-Policy":
            yield from _policy(value, found, answer, exact)
        elif found.strip() != value and name != "Cache-Control":
            level = "wrong" if so_that else "notice"
            message = f"{name} was {value!r}, but arrives as {found!r}."
            yield Finding("service.header_changed", message, _FIX, answer.url, level)  # type: ignore[arg-type]


def _policy(sent: str, found: str, answer: Visit, exact: bool) -> Iterator[Finding]:
    policies = csp.parse(found)
    if len(policies) > 1:
        message = "A second Content-Security-Policy is added on the way; browsers enforce both."
        yield Finding("service.policy_added", message, _FIX, answer.url)
    if "frame-ancestors" in sent and not any("frame-ancestors" in policy.directives for policy in policies):
        yield Finding("service.policy_changed", "frame-ancestors is lost on the way.", _FIX, answer.url)
    elif exact and policies and policies[0].directives != csp.parse(sent)[0].directives:
        message = "The form's Content-Security-Policy arrives changed."
        fix = f"{_FIX} Or does the service run an older version, or with another widget.toml?"
        yield Finding("service.policy_changed", message, fix, answer.url)


def check_ancestors(form: Visit, ancestors: Sequence[str], product: Product | None) -> Iterator[Finding]:
    """Whether every page around the form may frame it."""
    for ancestor in ancestors:
        page = origin_of(ancestor)
        if (
            product is not None
            and not csp.origin_matches(product.origins, ancestor, form.url)
            and page != origin_of(form.url)
        ):
            message = f"{page} is not among the product's origins ({', '.join(product.origins)})."
            origins = ", ".join(f'"{origin}"' for origin in (*product.origins, page))
            fix = f"Add it in widget.toml: origins = [{origins}], and restart the service."
            yield Finding("origins", message, fix, ancestor)
            continue
        for policy in csp.parse(form.headers.get("content-security-policy", "")):
            sources = policy.directives.get("frame-ancestors")
            if sources is not None and not csp.origin_matches(sources, ancestor, form.url):
                message = f"frame-ancestors of the form ({' '.join(sources)}) does not name {page}."
                fix = "Add it to the product's origins in widget.toml, and restart the service."
                yield Finding("origins", message, fix, ancestor)

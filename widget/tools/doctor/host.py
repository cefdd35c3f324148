"""Checks what a host page does to the form: its tag, policies, isolation and frames. Pure functions."""

import difflib
import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, urljoin, urlsplit

from widget.config.validators import goes_out_plain
from widget.tools.doctor import csp
from widget.tools.doctor.csp import Policy
from widget.tools.doctor.embeds import OPTIONS, WANTED, Embed
from widget.tools.doctor.visits import Visit, origin_of
from widget.tools.findings import Finding, Level
from widget.tools.markup import Element

NEEDED = {
    "allow-scripts": "the form's script does not run",
    "allow-same-origin": "the form counts as another origin than its own service, and no page may frame it",
    "allow-forms": "nothing can be sent without script",
    "allow-popups": "the receipt cannot be opened",
}
"""What a sandbox has to allow, and what fails without it."""
_PINNED = re.compile(r"/embed/[0-9a-f]{12}/embed\.js")
"""The script's address under its version, where a hash belongs."""
_SERIOUS = ("allow-scripts", "allow-same-origin")
_CLIPBOARD = re.compile(r"(?:^|,)\s*clipboard-write\s*=\s*(\([^)]*\)|[^,;\s]+)")
"""Who may write to the clipboard, in `Permissions-Policy`."""


def check_tag(embed: Embed, visit: Visit) -> Iterator[Finding]:
    """The script tag or the frame, as it is written."""
    element = embed.element
    at = f"{visit.url}, line {element.line}" if element else visit.url
    if urlsplit(visit.url).scheme == "https" and goes_out_plain(embed.base):
        message = f"The page is https, and {embed.base} is not: browsers block it as mixed content."
        yield Finding("tag.mixed", message, f"Write https: {embed.base.replace('http:', 'https:', 1)}.", at)
    if element is None or embed.kind != "script":
        yield from _address(element, at) if element else ()
        return
    if not embed.product and not visit.root.first("insider-feedback"):
        message = "The tag names no product, and there is no <insider-feedback>. Nothing shows until a script adds one."
        yield Finding("tag.product", message, 'Add data-product="…".', at, "notice")
    if element.attributes.get("data-test", "false") != "false":  # frameworks write "false" where it is off
        message = "Everything that is sent from this page is stored as a test, and never delivered."
        yield Finding("tag.test", message, "Remove data-test before people use the page.", at, "notice")
    if "integrity" in element and not _PINNED.search(element["src"]):
        message = "integrity allows only one version of the script. After an update, browsers block it."
        yield Finding("tag.integrity", message, "Leave integrity out, or take the tag that widget check prints.", at)
    yield from _options(element.attributes, "data-", at)


def _address(frame: Element, at: str) -> Iterator[Finding]:
    """The address of the form in a plain frame."""
    parts = urlsplit(frame["src"].strip())
    if parts.path.endswith("/"):
        message = "The form's address ends with a slash, and there is nothing at that address."
        yield Finding("tag.slash", message, "Remove the slash.", at)
    asked = {name: value for name, value in parse_qsl(parts.query) if (name, value) != ("mode", "page")}
    yield from _options(asked, "", at)


def check_elements(visit: Visit) -> Iterator[Finding]:
    """The options of every `<insider-feedback>`."""
    for element in visit.root.all("insider-feedback"):
        at = f"{visit.url}, line {element.line}"
        if not element["product"]:
            fix = 'Add product="…" with the product\'s slug.'
            yield Finding("tag.product", "An <insider-feedback> names no product.", fix, at)
        if _holds(element):
            message = "The page goes on inside an <insider-feedback>, where nothing of it shows."
            yield Finding("tag.closed", message, "Close it: <insider-feedback …></insider-feedback>.", at)
        yield from _options(element.attributes, "", at)


def _holds(element: Element) -> bool:
    """Whether it seems to hold the rest of the page: HTML takes no notice of the slash in `<insider-feedback … />`. A
    link for browsers without scripts has something behind the end tag, if only a line break."""
    is_last = element.parent is not None and element.parent.children[-1] is element
    return is_last and any(isinstance(child, Element) for child in element.children)


def _options(given: Mapping[str, str], prefix: str, at: str) -> Iterator[Finding]:
    """Values that an option cannot have, and names that are nearly those of options."""
    for written, value in given.items():
        name = written.removeprefix(prefix)
        if not written.startswith(prefix):
            continue
        if name in OPTIONS:
            if value and not re.fullmatch(OPTIONS[name], value):
                wanted = WANTED.get(name) or OPTIONS[name].replace("|", " or ")
                yield Finding("tag.option", f"{written} cannot be {value!r}.", f"Write {wanted}.", at)
        elif near := difflib.get_close_matches(name, OPTIONS, 1, 0.7):
            yield Finding("tag.option", f"There is no {written}.", f"Write {prefix}{near[0]}.", at)


def check_policies(embed: Embed, visit: Visit) -> Iterator[Finding]:
    """The page's Content-Security-Policy."""
    for policy in visit.policies:
        yield from _policy(policy, embed, visit)


def _policy(policy: Policy, embed: Embed, visit: Visit) -> Iterator[Finding]:
    nonce = embed.element["nonce"] if embed.element else ""
    origin = origin_of(embed.base)
    if embed.kind == "script":
        if not policy.allows(csp.SCRIPT, embed.loader, visit.url, nonce):
            yield _blocked(
                policy, csp.SCRIPT, embed.loader, origin, visit, "the script is blocked, and no button shows"
            )
        elif not policy.allows(csp.SCRIPT, f"{embed.base}/static/embed-panel.js", visit.url, nonce, parsed=False):
            path = f"{embed.base}/static/"
            yield _blocked(policy, csp.SCRIPT, path, origin, visit, "the button shows, and the form never opens")
        if not policy.allows(csp.CONNECT, embed.form, visit.url):
            message = "If the form does not show, connect-src prevents the loader from finding out why."
            fix = f"To find out, add {origin}: {policy.line(csp.CONNECT, origin)}."
            yield Finding("policy.connect", message, fix, visit.url, "notice")
    if embed.product and not policy.allows(csp.FRAME, embed.form, visit.url):
        yield _blocked(policy, csp.FRAME, embed.form, origin, visit, "the form cannot be shown")
    theme = f"{embed.base}/form/{embed.product}/theme.css"
    links = any(urljoin(visit.url, link["href"]).partition("?")[0] == theme for link in visit.root.all("link"))
    if links and not policy.allows(csp.STYLE, theme, visit.url):
        yield _blocked(policy, csp.STYLE, theme, origin, visit, "the button does not get the theme's colours")
    if "sandbox" in policy.directives and policy.enforced:
        yield from _sandbox(set(policy.directives["sandbox"]), "The page's policy has a sandbox", visit.url)
    for source in dict.fromkeys(policy.unknown()):
        message = f"{source!r} in the page's policy is not a valid source, so it allows nothing."
        yield Finding(
            "policy.unknown", message, "Write https://host, https://host:port or 'self'.", visit.url, "notice"
        )


def _blocked(policy: Policy, names: tuple[str, ...], url: str, origin: str, visit: Visit, so_that: str) -> Finding:
    ruling = policy.ruling(names) or names[0]
    code = "policy.frame" if names is csp.FRAME else "policy.style" if names is csp.STYLE else "policy.script"
    sources = " ".join(policy.directives.get(ruling, ())) or "'none'"
    if not policy.enforced:
        message = f"Once it is enforced, {ruling} ({sources}) does not allow {url}: {so_that}."
        return Finding(code, message, f"Before that, add {origin}: {policy.line(names, origin)}.", visit.url, "notice")
    fix = f"Add {origin}: {policy.line(names, origin)}."
    if "'strict-dynamic'" in sources and names is csp.SCRIPT:
        fix = "With 'strict-dynamic', only a nonce helps. Give the script tag the page's nonce."
    return Finding(code, f"{ruling} ({sources}) does not allow {url}: {so_that}.", fix, visit.url)


def check_isolation(form: Visit, loader: Visit | None, visit: Visit) -> Iterator[Finding]:
    """Cross-Origin-Embedder-Policy: an isolated page loads nothing that does not opt in."""
    policy = visit.headers.get("cross-origin-embedder-policy", "").partition(";")[0].strip().lower()
    if policy not in ("require-corp", "credentialless"):
        return
    policy = form.headers.get("cross-origin-embedder-policy", "").partition(";")[0].strip().lower()
    if policy not in ("require-corp", "credentialless"):
        message = f"The page is isolated (COEP: {policy}), but the form comes without that header, so it is blocked."
        yield Finding("isolation.frame", message, "Make sure that no proxy removes our headers.", form.url)
    if policy == "require-corp" and loader is not None and not _for_all(loader):
        message = "The page is isolated, but the script comes without Cross-Origin-Resource-Policy: cross-origin."
        yield Finding("isolation.script", message, "Make sure that no proxy removes our headers.", loader.url)


def _for_all(answer: Visit) -> bool:
    return answer.headers.get("cross-origin-resource-policy", "").strip().lower() == "cross-origin"


def check_permissions(embed: Embed, visit: Visit) -> Iterator[Finding]:
    """Permissions-Policy: copying the receipt's address needs the clipboard."""
    origin = origin_of(embed.base)
    match = _CLIPBOARD.search(visit.headers.get("permissions-policy", ""))
    if match and not {"*", f'"{origin}"'} & {*match[1].strip("()").split()}:
        message = "Permissions-Policy does not allow clipboard-write in the form, so its Copy buttons do nothing."
        yield Finding(
            "permissions.clipboard", message, f'Write clipboard-write=(self "{origin}").', visit.url, "notice"
        )


def check_frame(frame: Element, visit: Visit, what: str) -> Iterator[Finding]:
    """The sandbox of a frame that the form is in, at any depth."""
    if "sandbox" in frame:
        at = f"{visit.url}, line {frame.line}"
        yield from _sandbox(set(frame["sandbox"].lower().split()), f"{what} has a sandbox", at)


def _sandbox(allowed: set[str], where: str, at: str) -> Iterator[Finding]:
    for token, so_that in NEEDED.items():
        if token not in allowed:
            level: Level = "wrong" if token in _SERIOUS else "notice"
            yield Finding("sandbox", f"{where} without {token}: {so_that}.", f"Add {token}.", at, level)

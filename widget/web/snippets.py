"""What a page needs in order to embed the form: the snippet for its stack, its policy, the origins, the script's hash.

Pure: from choices to texts. `docs/embedding.md` says the same in prose.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from widget import __version__
from widget.config.products import Product
from widget.web import pinned

STACKS: Mapping[str, str] = {
    "html": "HTML", "iframe": "iframe, no script", "react": "React", "vue": "Vue", "svelte": "Svelte",
    "angular": "Angular", "npm": "npm, any other",
}  # fmt: skip
"""Each stack and its name."""
_PACKAGE = "insider-feedback-embed"
SERVICE = "https://feedback.example.com"
"""Stands for the service's address where nobody knows it."""
_ADDRESS = re.compile(r"https?://[\w.-]+(:[0-9]{1,5})?(/[\w.~-]+)*/?")


@dataclass(frozen=True, slots=True)
class Choice:
    """How the form is to be embedded. An empty value leaves it to the default. `service` has no slash at its end."""

    product: str
    service: str
    stack: str = "html"
    mode: str = "popover"
    position: str = ""
    theme: str = ""
    lang: str = ""
    launcher: bool = True

    @property
    def options(self) -> dict[str, str]:
        """The options that differ from the defaults, by their attributes' names. What has no effect is left out."""
        floats = self.mode != "inline"
        given = {
            "mode": self.mode if self.mode != "popover" else "",
            "position": self.position if floats else "",
            "theme": self.theme,
            "lang": self.lang,
            "launcher": "false" if floats and not self.launcher else "",
        }
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class Block:
    """A text to copy, and what to do with it."""

    id: str
    title: str
    text: str
    note: str = ""


def service_address(given: str, default: str) -> str:
    """The service's address without a slash at its end; `default` if `given` is none."""
    return (given if _ADDRESS.fullmatch(given) else default).rstrip("/")


def blocks(choice: Choice, product: Product, loader: bytes, origin: str = "") -> Iterator[Block]:
    """Everything to copy. `loader` is `embed.js`; `origin` is that of the page, if it is known."""
    if choice.stack not in ("html", "iframe"):
        note = "To make the file, run npm pack in the folder npm/ of the service's sources."
        yield Block("install", "Install", f"npm install ./{_PACKAGE}-{__version__}.tgz", note)
    yield Block("snippet", STACKS[choice.stack], _SNIPPETS[choice.stack](choice), _where(choice))
    if choice.stack not in ("iframe", "npm") and "launcher" in choice.options:
        what = "the link" if choice.stack == "html" else "an element with the class open-feedback"
        note = f"In a script of the page: pressing {what} then opens the form in place."
        yield Block("attach", "Your own button", _ATTACH, note)
    yield Block("policy", "Content Security Policy", _policy(choice), "Add these sources to the policy of the page.")
    yield Block(
        "origins", "Origins in widget.toml", _origins(product, origin), f"In the table [products.{product.slug}]."
    )
    if choice.stack == "html":
        note = "Optional. The hash holds until the next update of the service; the tag has to change with it."
        yield Block("integrity", "With the hash of the script", _html(choice, loader), note)


def _where(choice: Choice) -> str:
    match choice.stack:
        case "html" if choice.mode == "inline":
            return "The script belongs in the head, the element where you want the form."
        case "html":
            return "Anywhere in the page."
        case "iframe":
            return "Where you want the form. Its height is fixed, and the page receives no events."
    return ""


def _attributes(options: Mapping[str, str], prefix: str = "") -> str:
    return "".join(f' {prefix}{name}="{html.escape(value)}"' for name, value in options.items())


def _html(choice: Choice, loader: bytes | None = None) -> str:
    source = f'src="{choice.service}/embed.js"'
    if loader is not None:
        copy = pinned.copy(loader)
        source = f'src="{choice.service}{pinned.path(copy)}" integrity="{pinned.integrity(copy)}" crossorigin'
    if choice.mode == "inline":
        element = _attributes({"product": choice.product, **choice.options})
        return f"<script {source} async></script>\n<insider-feedback{element}></insider-feedback>"
    tag = f"<script {source} async{_attributes({'product': choice.product, **choice.options}, 'data-')}></script>"
    if "launcher" in choice.options:
        tag += f'\n<a href="{choice.service}/form/{choice.product}" class="open-feedback">Feedback</a>'
    return tag


_ATTACH = "(window.InsiderFeedback ||= []).push(feedback => feedback.attach('.open-feedback'))"


def form_address(choice: Choice) -> str:
    """The address of the form for a plain frame."""
    query = {"mode": "inline", "lang": choice.lang, "theme": choice.theme}
    given = {name: value for name, value in query.items() if value}
    return f"{choice.service}/form/{choice.product}?{urlencode(given)}"


def _iframe(choice: Choice) -> str:
    return (
        f'<iframe src="{html.escape(form_address(choice))}" title="Feedback" loading="lazy"\n'
        '        style="width: 100%; height: 640px; border: 0" allow="clipboard-write; display-capture"></iframe>'
    )


def _props(choice: Choice) -> str:
    return _attributes({"url": choice.service, "product": choice.product, **choice.options})


def _object(choice: Choice) -> str:
    values = {"url": choice.service, "product": choice.product, **choice.options}
    return "{" + ", ".join(f"{name}: {_quoted(value)}" for name, value in values.items()) + "}"


def _quoted(value: str) -> str:
    return "'" + json.dumps(value)[1:-1].replace("'", "\\'") + "'"


def _react(choice: Choice) -> str:
    return (
        f"import {{Feedback}} from '{_PACKAGE}/react'\n\n"
        f"export function FeedbackButton() {{\n  return <Feedback{_props(choice)} />\n}}"
    )


def _vue(choice: Choice) -> str:
    return (
        f"<script setup>\nimport {{Feedback}} from '{_PACKAGE}/vue'\n</script>\n\n"
        f"<template>\n  <Feedback{_props(choice)} />\n</template>"
    )


def _svelte(choice: Choice) -> str:
    return (
        f"<script>\n  import {{feedback}} from '{_PACKAGE}/svelte'\n</script>\n\n"
        f"<insider-feedback use:feedback={{{_object(choice)}}}></insider-feedback>"
    )


def _angular(choice: Choice) -> str:
    element = _attributes({"product": choice.product, **choice.options})
    return (
        "import {afterNextRender, Component, CUSTOM_ELEMENTS_SCHEMA} from '@angular/core'\n"
        f"import {{load}} from '{_PACKAGE}'\n\n"
        "@Component({\n  selector: 'app-feedback',\n  schemas: [CUSTOM_ELEMENTS_SCHEMA],\n"
        f"  template: `<insider-feedback{element}></insider-feedback>`,\n}})\n"
        "export class FeedbackComponent {\n  constructor() {\n"
        f"    afterNextRender(() => load({{url: {_quoted(choice.service)}}}))\n  }}\n}}"
    )


def _npm(choice: Choice) -> str:
    if choice.mode == "inline":
        element = _attributes({"product": choice.product, **choice.options})
        return (
            f"import {{load}} from '{_PACKAGE}'\n\nawait load({{url: {_quoted(choice.service)}}})\n\n"
            f"// in the page:\n// <insider-feedback{element}></insider-feedback>"
        )
    launcher = "" if "launcher" not in choice.options else "\nfeedback.attach('.open-feedback')"
    return f"import {{load}} from '{_PACKAGE}'\n\nconst feedback = await load({_object(choice)}){launcher}"


_SNIPPETS = {
    "html": _html,
    "iframe": _iframe,
    "react": _react,
    "vue": _vue,
    "svelte": _svelte,
    "angular": _angular,
    "npm": _npm,
}


def _policy(choice: Choice) -> str:
    parts = urlsplit(choice.service)
    origin = f"{parts.scheme}://{parts.netloc}"
    script = "" if choice.stack == "iframe" else f"script-src {origin}; "
    return f"Content-Security-Policy: {script}frame-src {origin}"


def _origins(product: Product, origin: str) -> str:
    entries = [*product.origins, *([origin] if origin and origin not in product.origins else [])]
    return f"origins = {json.dumps(entries, ensure_ascii=False)}"

"""Which function answers which address."""

from starlette.routing import Route

from widget.web import form, health, metrics, ops, receipts, static, submit

MONITORING = [
    Route("/healthz", health.alive, methods=["GET"]),
    Route("/readyz", health.ready, methods=["GET"]),
]
"""What a process answers that only delivers."""
ROUTES = [
    Route("/form/{product}", form.show_form, methods=["GET"]),
    Route("/form/{product}", submit.submit, methods=["POST"]),
    Route("/form/{product}/words.json", form.words, methods=["GET"]),
    Route("/form/{product}/theme.css", form.theme, methods=["GET"]),
    Route("/form/{product}/token", form.fresh_token, methods=["GET"]),
    Route("/form/{product}/challenge", form.fresh_challenge, methods=["GET"]),
    Route("/form/{product}/identity", form.check_identity, methods=["GET"]),
    Route("/receipt/{receipt}", receipts.show_receipt, methods=["GET"]),
    Route("/embed.js", static.loader, methods=["GET"]),
    Route("/embed/{version}/embed.js", static.pinned_loader, methods=["GET"]),
    Route("/static/{path:path}", static.static_file, methods=["GET"]),
    *ops.ROUTES,
    Route("/metrics", metrics.metrics, methods=["GET"]),
    *MONITORING,
]

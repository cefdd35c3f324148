"""`/ops`: the operator's pages."""

from starlette.routing import Route

from widget.web.ops import board, embedding, signing, submissions

ROUTES = [
    Route("/ops", board.show, methods=["GET"]),
    Route("/ops/live", board.live, methods=["GET"]),
    Route("/ops/sign-in", signing.sign_in, methods=["POST"]),
    Route("/ops/sign-out", signing.sign_out, methods=["POST"]),
    *embedding.ROUTES,
    Route("/ops/submissions", submissions.show_list, methods=["GET"]),
    Route("/ops/submissions", submissions.act, methods=["POST"]),
    Route("/ops/submissions/{id}", submissions.show_one, methods=["GET"]),
    Route("/ops/submissions/{id}", submissions.show_text, methods=["POST"]),
]

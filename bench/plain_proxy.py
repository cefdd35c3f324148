"""The rival: what a competent developer writes in an hour. It checks little, stores nothing, and makes people wait.

INSIDER_URL=… INSIDER_CLIENT_ID=… INSIDER_CLIENT_SECRET=… python -m bench.plain_proxy PORT
"""

import os
import sys
import time
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

client = httpx.AsyncClient(base_url=os.environ.get("INSIDER_URL", ""), timeout=60, trust_env=False)
token: dict[str, Any] = {"value": "", "until": 0.0}


async def authorization() -> dict[str, str]:
    """The token, from memory while it is valid."""
    if time.monotonic() > token["until"]:
        credentials = {
            "grant_type": "client_credentials",
            "client_id": os.environ["INSIDER_CLIENT_ID"],
            "client_secret": os.environ["INSIDER_CLIENT_SECRET"],
        }
        answer = (await client.post("/connect/token", data=credentials)).raise_for_status().json()
        token.update(value=answer["access_token"], until=time.monotonic() + answer["expires_in"] - 60)
    return {"Authorization": f"Bearer {token['value']}"}


async def submit(request: Request) -> JSONResponse:
    """POST /form/{product}: forwarded to Insider Connect at once."""
    form = await request.form()
    description, email = str(form.get("description", "")), str(form.get("submittedByEmail", ""))
    if "@" not in email or len(description) > 1000:
        return JSONResponse({"error": "Check your input."}, 422)
    feedback = {
        "description": description,
        "submittedByEmail": email,
        "sentimentRating": form.get("sentimentRating") == "true",
        "contactConsent": form.get("contactConsent") == "true",
    }
    created = await client.post("/api/client/feedbacks", json=feedback, headers=await authorization())
    number = created.raise_for_status().json()["data"]
    files = [
        ("files", (file.filename or "file", await file.read(), file.content_type or "application/octet-stream"))
        for file in form.getlist("files")
        if isinstance(file, UploadFile)
    ]
    if files:
        path = f"/api/client/feedbacks/{number}/attachments"
        (await client.post(path, files=files, headers=await authorization())).raise_for_status()
    return JSONResponse({"id": number}, 201)


app = Starlette(routes=[Route("/form/{product}", submit, methods=["POST"])])

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="critical", loop="uvloop", http="httptools", access_log=False)

"""Programs that use the API of an app, with a token."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx2
from flask import Flask
from openai import OpenAI
from openai.types.chat import ChatCompletionUserMessageParam
from werkzeug.test import TestResponse

from webapp.accounts.models import ApiToken
from webapp.api.tokens import new_token
from webapp.database.engines import utc_now, write_session

TEAM = "team"
ASKED: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "Hello"}]


def add_token(
    app: Flask,
    identifier: str,
    profiles: Sequence[str] | None = None,
    expires_in: timedelta | None = None,
) -> str:
    """Store a token of somebody, and return it."""
    token, token_hash = new_token()
    with app.app_context(), write_session() as session:
        row = ApiToken(
            id=uuid.uuid4(),
            identifier=identifier,
            name="test",
            token_hash=token_hash,
            profiles=None if profiles is None else list(profiles),
            expires_at=None if expires_in is None else utc_now() + expires_in,
        )
        session.add(row)
    return token


class Program:
    """A program that has a token, or none."""

    def __init__(self, app: Flask, token: str | None) -> None:
        self.app = app
        self.client = app.test_client()
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.openai = OpenAI(
            base_url="http://localhost/v1",
            api_key=token or "none",
            max_retries=0,
            http_client=httpx2.Client(transport=httpx2.WSGITransport(app=app)),
        )

    def get(self, path: str) -> TestResponse:
        """Ask for something."""
        return self.client.get(f"/v1{path}", headers=self.headers)

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send JSON."""
        sent = {**self.headers, **headers}
        return self.client.post(f"/v1{path}", json=body, headers=sent, buffered=True)

    def complete(self, model: str = TEAM, **body: Any) -> TestResponse:
        """Ask a profile, "Hello" unless something else is given."""
        return self.post("/chat/completions", {"model": model, "messages": ASKED, **body})

    def models(self) -> list[str]:
        """Return the names of the profiles that it may use."""
        return [model["id"] for model in self.get("/models").json["data"]]  # type: ignore[index]


def events_of(body: str) -> list[Any]:
    """Return the data of the events of a stream, as JSON where it is."""
    data = [block.removeprefix("data: ") for block in body.split("\n\n") if block[:5] == "data:"]
    return [each if each == "[DONE]" else json.loads(each) for each in data]

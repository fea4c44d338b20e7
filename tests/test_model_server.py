"""The server of language models that the tests of the examples talk to."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from tests.support.model_server import ModelServer
from tests.support.servers import PATIENCE


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer.started() as server:
        yield server


@pytest.fixture
def client(server: ModelServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="key", base_url=server.url, max_retries=0) as client:
        yield client


def written(client: openai.OpenAI, model: str) -> Iterator[str]:
    with client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Hi"}], stream=True
    ) as stream:
        for chunk in stream:
            yield chunk.choices[0].delta.content or ""


def test_it_answers_in_pieces_and_keeps_what_it_was_asked(
    server: ModelServer, client: openai.OpenAI
) -> None:
    assert "".join(written(client, "good")) == "Once upon a **time**."
    [asked] = server.asked
    assert (asked.model, asked.authorization) == ("good", "Bearer key")
    assert asked.messages == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("400", openai.BadRequestError),
        ("401", openai.AuthenticationError),
        ("404", openai.NotFoundError),
        ("429", openai.RateLimitError),
        ("500", openai.InternalServerError),
        ("503", openai.InternalServerError),
        ("slow", openai.APITimeoutError),
        ("pause", openai.APITimeoutError),
        ("cut", openai.APIConnectionError),
        ("fail-late", openai.APIError),
    ],
)
def test_it_fails_as_it_is_told(
    client: openai.OpenAI, model: str, error: type[openai.APIError]
) -> None:
    # Long enough for one word, on a busy machine too.
    impatient = client.with_options(timeout=2.0) if error is openai.APITimeoutError else client
    with pytest.raises(error) as caught:
        list(written(impatient, model))
    assert type(caught.value) is error


def test_it_may_end_too_early_without_an_error(client: openai.OpenAI) -> None:
    assert "".join(written(client, "end-early")) == "Once "


def test_it_notices_that_a_client_leaves(server: ModelServer, client: openai.OpenAI) -> None:
    pieces = written(client, "drip")
    assert [next(pieces), next(pieces)] == ["", "Once "]
    pieces.close()  # type: ignore[attr-defined]
    assert server.left.wait(PATIENCE)

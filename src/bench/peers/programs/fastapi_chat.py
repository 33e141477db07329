"""A web application that streams a model's answer, as people write one today: FastAPI and boto3."""

import json
import os
from collections.abc import Iterator
from typing import Any

import boto3
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

app = FastAPI()
client = boto3.client("bedrock-runtime")


@app.post("/")
def chat(question: dict[str, str]) -> StreamingResponse:
    """Stream the answer to a question."""
    response = client.invoke_model_with_response_stream(
        modelId=os.environ["MODEL_ID"],
        contentType="application/json",
        body=json.dumps(
            {
                "anthropic_version": "bedrock-2023-05-31",
                "max_tokens": 1024,
                "messages": [{"role": "user", "content": question["prompt"]}],
            }
        ),
    )
    return StreamingResponse(_texts(response["body"]), media_type="text/plain")


def _texts(events: Any) -> Iterator[str]:
    for event in events:
        said = json.loads(event["chunk"]["bytes"])
        if said["type"] == "content_block_delta" and said["delta"]["type"] == "text_delta":
            yield said["delta"]["text"]

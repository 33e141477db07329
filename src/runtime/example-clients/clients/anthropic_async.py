"""Streams from the `anthropic` package in an async generator. Its client keeps its connections on the layer's loop."""

import json
import os

from anthropic import AsyncAnthropicBedrock

from lambda_streaming import streamify_response

client = AsyncAnthropicBedrock(base_url=os.environ.get("AWS_ENDPOINT_URL_BEDROCK_RUNTIME"))


@streamify_response
async def handler(event, context):
    async with client.messages.stream(
        model=os.environ["MODEL_ID"],
        max_tokens=200,
        messages=[{"role": "user", "content": json.loads(event["body"])["prompt"]}],
    ) as stream:
        async for text in stream.text_stream:
            yield text

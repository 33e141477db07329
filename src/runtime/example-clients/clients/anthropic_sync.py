"""Streams from the `anthropic` package in a generator."""

import json
import os

from anthropic import AnthropicBedrock

from lambda_streaming import streamify_response

# On AWS the variable is not set, and the client finds Bedrock by itself. In the sandbox it leads to the stand-in.
client = AnthropicBedrock(base_url=os.environ.get("AWS_ENDPOINT_URL_BEDROCK_RUNTIME"))


@streamify_response
def handler(event, context):
    with client.messages.stream(
        model=os.environ["MODEL_ID"],
        max_tokens=200,
        messages=[{"role": "user", "content": json.loads(event["body"])["prompt"]}],
    ) as stream:
        yield from stream.text_stream

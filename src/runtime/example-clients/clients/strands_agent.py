"""Streams from an agent of `strands-agents`. Each request has an agent of its own: none sees another's words."""

import json
import os

from strands import Agent
from strands.models import BedrockModel

from lambda_streaming import streamify_response

model = BedrockModel(model_id=os.environ["MODEL_ID"], max_tokens=200)


@streamify_response
async def handler(event, context):
    agent = Agent(model=model, callback_handler=None)
    async for part in agent.stream_async(json.loads(event["body"])["prompt"]):
        if "data" in part:
            yield part["data"]

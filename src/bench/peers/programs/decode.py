"""The least that an event of the model costs with botocore: reads answers' event streams and does nothing with them.

Its arguments are prompts. It prints the CPU seconds that each answer took, as a list in JSON.
"""

import json
import os
import sys
import time

import botocore.session

client = botocore.session.get_session().create_client("bedrock-runtime", region_name=os.environ["AWS_REGION"])
seconds = []
for prompt in sys.argv[1:]:
    before = time.process_time()
    body = json.dumps({"messages": [{"role": "user", "content": prompt}]})
    response = client.invoke_model_with_response_stream(modelId=os.environ["MODEL_ID"], body=body)
    for _ in response["body"]:
        pass
    seconds.append(time.process_time() - before)
print(json.dumps(seconds))

// Streams a model's answer as a function in Node.js does today: AWS's SDK, Powertools, AWS's streaming decorator.
import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import { Tracer } from "@aws-lambda-powertools/tracer";
import { BedrockRuntimeClient, InvokeModelWithResponseStreamCommand } from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";

const logger = new Logger();
const metrics = new Metrics({ namespace: "Chat" });
const tracer = new Tracer();
// By default this client speaks HTTP/2. The stand-in for Bedrock speaks HTTP/1.1, as all clients of the benchmark do.
const client = tracer.captureAWSv3Client(new BedrockRuntimeClient({ requestHandler: new NodeHttpHandler() }));
const decoder = new TextDecoder();

export const handler = awslambda.streamifyResponse(async (event, responseStream, context) => {
  logger.addContext(context);
  const { prompt } = JSON.parse(event.body);
  const response = await client.send(
    new InvokeModelWithResponseStreamCommand({
      modelId: process.env.MODEL_ID,
      contentType: "application/json",
      body: JSON.stringify({
        anthropic_version: "bedrock-2023-05-31",
        max_tokens: 1024,
        messages: [{ role: "user", content: prompt }],
      }),
    }),
  );
  const stream = awslambda.HttpResponseStream.from(responseStream, {
    statusCode: 200,
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
  let texts = 0;
  for await (const { chunk } of response.body) {
    const { type, delta } = JSON.parse(decoder.decode(chunk.bytes));
    if (type === "content_block_delta" && delta.type === "text_delta") {
      stream.write(delta.text);
      texts += 1;
    }
  }
  stream.end();
  metrics.addMetric("Texts", MetricUnit.Count, texts);
  metrics.publishStoredMetrics();
  logger.info("response finished", { texts });
});

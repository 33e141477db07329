// The function on AWS's Node.js client: writes as many chunks as the event says.
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";

const CHUNK = Buffer.alloc(100, "x");

export const handler = awslambda.streamifyResponse(async (event, responseStream) => {
  const stream = awslambda.HttpResponseStream.from(responseStream, {
    statusCode: 200,
    headers: { "content-type": "text/plain" },
  });
  for (let number = 0; number < event.chunks; number += 1) {
    // https://nodejs.org/api/stream.html#writablewritechunk-encoding-callback
    if (!stream.write(CHUNK)) await once(stream, "drain");
    // Node sends what was written when the handler waits for something.
    else if (!event.together) await setImmediate();
  }
  stream.end();
});

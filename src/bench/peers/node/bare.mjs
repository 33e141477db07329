// Streams a fixed text: a handler that needs nothing but AWS's streaming decorator.
export const handler = awslambda.streamifyResponse(async (event, responseStream) => {
  const stream = awslambda.HttpResponseStream.from(responseStream, {
    statusCode: 200,
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
  stream.write("text");
  stream.end();
});

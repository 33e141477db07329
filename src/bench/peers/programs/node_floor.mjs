// The least that Node.js can do: asks the Runtime API for an invocation, and does nothing with it.
import { connect } from "node:net";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const api = connect({ host, port });
api.write(`GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: ${host}\r\n\r\n`);

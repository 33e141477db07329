"""How ids look that lead from one page to another."""

import re

# https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids
TRACE_ID = re.compile("1-[0-9a-f]{8}-[0-9a-f]{24}")
# Lambda's id of an invocation.
REQUEST_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

"""The layer beside others: the same answers through it, through AWS's Node.js client, and from an HTTP server."""

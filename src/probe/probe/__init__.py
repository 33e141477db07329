"""The client-side probe: curl makes the requests, this package times what comes back.

What measures and publishes needs the standard library alone, for the stack's scheduled probe has nothing else;
`analysis`, `screen` and `output` are for people's machines, and are loaded when they are needed.
"""

"""The client-side probe: curl makes the requests, this package times what comes back.

Standard library only and Python 3.9, so that it runs from any checkout without an environment of its own.
"""

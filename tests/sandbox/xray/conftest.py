"""Every test here has traces of its own, and a client of an endpoint in front of them."""

from trace_service import client, endpoint, traces

__all__ = ["client", "endpoint", "traces"]

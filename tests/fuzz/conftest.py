"""What the tests of the running sandbox use: `start_sandbox`."""

from sandbox_process import start_sandbox

__all__ = ["start_sandbox"]

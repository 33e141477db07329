"""What the tests of the deployment may use: a sandbox for the built artifacts."""

from sandbox_process import start_sandbox

__all__ = ["start_sandbox"]

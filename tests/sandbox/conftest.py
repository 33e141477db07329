"""What every test here may use: a running sandbox (`sandbox`, `start_sandbox`)."""

from sandbox_process import sandbox, start_sandbox

__all__ = ["sandbox", "start_sandbox"]

"""A function that the sandbox serves: what it is, the environments that run it, and what records them."""

from dataclasses import dataclass

from sandbox.lambda_service.function import FunctionSpec
from sandbox.lambda_service.pool import EnvironmentPool
from sandbox.records.recorder import Recorder


@dataclass(frozen=True)
class ServedFunction:
    """One function with a streaming URL. The Lambda API serves it, too."""

    spec: FunctionSpec
    pool: EnvironmentPool
    recorder: Recorder

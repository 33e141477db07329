"""Starts the runtime in place of the managed runtime's bootstrap.py, with the same module search path.

The paths and their order come from that bootstrap.py, as it is in the python3.11 image.
"""

import gc
import os
import site
import sys


def search_path(layer: str, environment: dict[str, str]) -> list[str]:
    """Returns the directories that the managed runtime puts before the interpreter's own, in order.

    Args:
        layer: the directory that holds this package, `/opt/python` on Lambda.
        environment: the variables; `LAMBDA_TASK_ROOT`, `LAMBDA_RUNTIME_DIR` and `PYTHONPATH` are read. A user who sets
            `PYTHONPATH` chooses all directories but the first.
    """
    task_root = environment["LAMBDA_TASK_ROOT"]
    if environment.get("PYTHONPATH"):
        return [task_root]
    site_packages = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    runtime_dir = environment.get("LAMBDA_RUNTIME_DIR")
    return [
        task_root,
        f"{layer}/{site_packages}",
        layer,
        f"{sys.prefix}/{site_packages}",
        *([runtime_dir] if runtime_dir else []),
    ]


def _import_native_part() -> None:
    """Imports what awslambdaric does not miss until it needs it. On macOS there is none but the sandbox's."""
    try:
        import runtime_client
    except ModuleNotFoundError:
        directory = os.environ.get("LAMBDA_RUNTIME_DIR", "")
        # On Lambda that directory has a native one: of another version, which must not hide that the layer has none.
        if not os.path.exists(os.path.join(directory, "runtime_client.py")):
            raise
        sys.path.append(directory)
        import runtime_client  # noqa: F401


def main() -> None:
    """Runs the function that `_HANDLER` names against the Runtime API at `AWS_LAMBDA_RUNTIME_API`. It never returns."""
    missing = [name for name in ("AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "_HANDLER") if not os.environ.get(name)]
    if missing:
        sys.exit(f"lambda_streaming: {', '.join(missing)} must be set, as Lambda does")

    layer = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    # The interpreter put this file's own directory first, but its modules must not be found by their bare names. The
    # layer goes first for now, so that its runtime interface client is imported and not one that the function brings.
    sys.path[0] = layer
    # Already here: `do_not_collect` is in the package, which imports much before it can be called.
    gc.disable()
    try:
        from lambda_streaming.garbage import collect_again, do_not_collect

        do_not_collect()
        gc.enable()
        _import_native_part()
        from awslambdaric import __main__ as ric
        from awslambdaric import bootstrap
        from awslambdaric.lambda_config import LambdaConfigProvider

        from lambda_streaming.client import StreamingRuntimeClient
    except ModuleNotFoundError as error:
        python = f"Python {sys.version_info.major}.{sys.version_info.minor} on {os.uname().machine}"
        sys.exit(
            f"lambda_streaming: {python} finds no {error.name}: scripts/layer.sh builds a layer that has it, "
            "or install awslambdaric"
        )

    del sys.path[0]
    directories = search_path(layer, dict(os.environ))
    sys.path[:0] = directories
    for directory in directories[1:]:
        if os.path.isdir(directory):  # site.addsitedir adds a missing directory to the path once more
            site.addsitedir(directory)
    if "LAMBDA_RUNTIME_DIR" in os.environ:
        os.environ.setdefault("PYTHONPATH", os.environ["LAMBDA_RUNTIME_DIR"])

    arguments = [os.environ["LAMBDA_TASK_ROOT"], os.environ["_HANDLER"]]
    config = LambdaConfigProvider(arguments)
    if config.is_multi_concurrent:
        collect_again()
        ric.main(arguments)  # Lambda Managed Instances: many invocations at a time, without streaming
    else:
        bootstrap.run(config.handler, StreamingRuntimeClient(config.api_address, config.use_thread_polling))


if __name__ == "__main__":
    main()

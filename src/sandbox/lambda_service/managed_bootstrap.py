"""Stands in for the managed runtime's start-up code, /var/runtime/bootstrap.py: runs the function under awslambdaric.

The function's interpreter runs this file, so it imports nothing of the sandbox. The module search path is that of the
bootstrap.py in the python3.11 image.
"""

import importlib.util
import os
import runpy
import site
import sys


def main() -> None:
    """Run the function that `_HANDLER` names. It never returns."""
    opt, task_root = os.environ.get("SANDBOX_OPT"), os.environ["LAMBDA_TASK_ROOT"]
    directories = []
    # A function that sets PYTHONPATH chooses all directories but its own.
    if opt and not os.environ.get("PYTHONPATH"):
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        directories = [f"{opt}/python/lib/{version}/site-packages", f"{opt}/python"]
    # The interpreter has put this file's own directory first.
    sys.path[:1] = [task_root, *directories]
    for directory in filter(os.path.isdir, directories):
        site.addsitedir(directory)
    sys.path.append(os.environ["LAMBDA_RUNTIME_DIR"])
    if importlib.util.find_spec("awslambdaric") is None:
        sys.exit(
            f"{sys.executable} has no awslambdaric, and no layer of the function has it: add the layer to the "
            "function's Layers, install awslambdaric for this Python, or name another --python"
        )
    sys.argv = ["awslambdaric", os.environ["_HANDLER"]]
    runpy.run_module("awslambdaric", run_name="__main__")


if __name__ == "__main__":
    main()

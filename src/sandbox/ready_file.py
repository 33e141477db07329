"""The ready file: where a running sandbox answers and with which keys, for the tools and tests that call it."""

import contextlib
import json
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.errors import StartError

_PROBE_SECONDS = 1


@dataclass(frozen=True)
class Ready:
    """The content of the ready file; a function's URL and the console's end with a slash, the other addresses don't.

    `function_urls` has the URLs by their functions' logical ids, `function_url` is the first of them.
    """

    function_url: str
    function_urls: Mapping[str, str]
    console_url: str
    aws_endpoint_url: str
    bedrock_url: str
    stack_name: str
    region: str
    access_key_id: str
    secret_access_key: str


def refuse_a_second_sandbox(path: Path) -> None:
    """Make sure that no running sandbox owns the ready file; one that was left behind is nobody's.

    Raises:
        StartError: the URL in the file answers.
    """
    try:
        url = json.loads(path.read_bytes())["function_url"]
        # An unsigned request: whatever a sandbox answers to it, the function does not run.
        with urllib.request.urlopen(f"{url}", timeout=_PROBE_SECONDS):  # noqa: S310 - written by a sandbox
            pass
    except urllib.error.HTTPError:
        pass  # an answer
    except (OSError, ValueError, KeyError, TypeError):
        return
    raise StartError(f"a sandbox is running already at {url} ({path}): stop it, or name another --ready-file")


@contextlib.contextmanager
def ready_file(path: Path, ready: Ready) -> Iterator[None]:
    """Keep the file while the body runs. It appears complete, and only its owner may read it.

    Raises:
        StartError: the file cannot be written.
    """
    content = json.dumps(asdict(ready), indent=2) + "\n"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # mode 0600
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
        Path(temporary).replace(path)
    except OSError as error:
        raise StartError(f"cannot write the ready file {path}: {error.strerror}") from None
    try:
        yield
    finally:
        # Another sandbox may have replaced it in the meantime.
        with contextlib.suppress(OSError):
            if path.read_text() == content:
                path.unlink()

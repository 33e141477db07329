"""A function's code and layers as they are on disk: when they have changed, and where the layers lie as /opt."""

import asyncio
import glob
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from sandbox.banner import print_line
from sandbox.lambda_service.function import FunctionSpec
from sandbox.lambda_service.layers import lay_out
from template.errors import TemplateError

# To look at so many takes less than a millisecond, and each one that a thread looks at may wait for the event loop. To
# look at more takes as long as many chunks of other responses, so that is a thread's work.
_FEW_FILES = 200
# By path: when a file was changed (nanoseconds since 1970) and how many bytes it has.
_Files = Mapping[str, tuple[int, int]]


class Deployed:
    """What an environment that starts now is made of."""

    def __init__(self, spec: FunctionSpec, directory: Path) -> None:
        """Look at the files.

        Args:
            spec: the function.
            directory: layers are laid out in it. Whoever made it removes it.
        """
        self._spec = spec
        self._directory = directory
        self._code = _files([spec.code])
        self._layers = _files(layer.content for layer in spec.layers)
        self._version = 0
        self._opt: Path | None = None

    async def version_now(self) -> int:
        """Look at the files again as `version` does: at many of them on a thread."""
        if len(self._code) + len(self._layers) > _FEW_FILES:
            return await asyncio.to_thread(self.version)
        return self.version()

    def version(self) -> int:
        """Look at the files again, and return a number that changes whenever one of them does."""
        code, layers = _files([self._spec.code]), _files(layer.content for layer in self._spec.layers)
        if layers != self._layers:
            self._opt = None
        if changed := [*_changed(self._code, code), *_changed(self._layers, layers)]:
            self._code, self._layers = code, layers
            self._version += 1
            others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            print_line(f"sandbox: {self._spec.logical_id}: new code in {changed[0]}{others}")
        return self._version

    def opt(self) -> Path | None:
        """Return the directory that is /opt on Lambda, None for a function without layers.

        Raises:
            TemplateError: a layer's zip cannot be used.
            OSError: a layer cannot be laid out.
        """
        if self._opt is None and self._spec.layers:
            # Environments that still run keep the directory that they started with.
            opt = Path(tempfile.mkdtemp(prefix=f"{self._spec.logical_id}-", dir=self._directory)) / "opt"
            try:
                lay_out(self._spec.layers, opt)
            except BaseException:
                shutil.rmtree(opt.parent, ignore_errors=True)
                raise
            self._opt = opt
        return self._opt

    def wrapper(self) -> Path | None:
        """Return where the function's exec wrapper is on this machine, None if it has none.

        Raises:
            TemplateError, OSError: as `opt`; or the wrapper is not there, or not executable.
        """
        if self._spec.wrapper is None:
            return None
        path, opt = PurePosixPath(self._spec.wrapper), self.opt()
        named = f"{self._spec.logical_id}: AWS_LAMBDA_EXEC_WRAPPER={path}"
        if opt is None and path.is_relative_to("/opt"):
            raise TemplateError(f"{named} is in a layer, and the function has none: add the layer to its Layers")
        for mount, place in (("/opt", opt), ("/var/task", self._spec.code)):
            if place and path.is_relative_to(mount):
                found = place / path.relative_to(mount)
                if not found.is_file():
                    layers = ", ".join(f"{layer.logical_id} ({layer.content})" for layer in self._spec.layers)
                    where = f"the code {place}" if place != opt else f"its layers: {layers}"
                    raise TemplateError(f"{named} is not in {where}")
                if not os.access(found, os.X_OK):
                    raise TemplateError(f"{named} is {found.resolve()}, not executable: chmod +x it")
                return found
        raise TemplateError(f"{named} is neither in the code, which is /var/task, nor in a layer, which is in /opt")

    def notices(self) -> list[str]:
        """Check that an environment can start, and return what its developer should know.

        Raises:
            TemplateError: a layer or the exec wrapper cannot be used.
        """
        try:
            wrapper = self.wrapper() if self._spec.wrapper else self.opt()
            script = wrapper.read_bytes() if wrapper and wrapper.is_file() else b""
        except OSError as error:
            raise TemplateError(f"{self._spec.logical_id}: its layers cannot be used: {error}") from None
        if b"/opt/" in script.replace(b"${SANDBOX_OPT:-/opt}", b""):
            return [f"{self._spec.wrapper} names /opt, which is not there: write ${{SANDBOX_OPT:-/opt}} in its place"]
        return []


def _files(roots: Iterable[Path]) -> _Files:
    """Return all files below the roots but those that running code or tools write: caches, logs, hidden files."""
    found = {}
    for root in roots:
        for file in _walk(root) if root.is_dir() else [root]:
            try:
                status = file.stat()
            except OSError:  # gone in the meantime, or a link that leads nowhere
                continue
            found[os.fspath(file)] = (status.st_mtime_ns, status.st_size)
    return found


def _walk(root: Path) -> Iterator[os.DirEntry[str]]:
    folders, linked = [str(root)], set[Path]()
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            inside = {entry.name: entry for entry in entries}
            if "pyvenv.cfg" in inside:
                continue  # a virtual environment
            for name, entry in inside.items():
                if name[0] == "." or name == "__pycache__" or name.endswith((".pyc", ".log")):
                    continue
                if name.startswith("telemetry.duckdb"):
                    continue  # the sandbox's own, if --data is a folder in here
                if not entry.is_dir():
                    yield entry
                elif not entry.is_symlink():
                    folders.append(entry.path)
                elif (target := Path(entry.path).resolve()) not in linked and not root.is_relative_to(target):
                    linked.add(target)  # a link may lead back
                    folders.append(entry.path)


def _changed(before: _Files, now: _Files) -> Iterator[str]:
    """Yield each path that is new, gone or changed."""
    if before == now:
        return
    for path in {**before, **now}:
        old, new = before.get(path), now.get(path)
        if old != new:
            if old and new:
                _forget_compiled(Path(path), old, new)
            yield path


def _forget_compiled(path: Path, old: tuple[int, int], new: tuple[int, int]) -> None:
    """Remove what Python has compiled of a module that it would take for unchanged: it compares whole seconds."""
    second = 1_000_000_000
    if path.suffix == ".py" and (old[0] // second, old[1]) == (new[0] // second, new[1]):
        for compiled in path.parent.glob(f"__pycache__/{glob.escape(path.stem)}.*.pyc"):
            compiled.unlink(missing_ok=True)

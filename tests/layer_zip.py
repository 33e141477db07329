"""The layer's zip: built by scripts/layer.sh once for all tests, and laid out as Lambda lays it out under /opt."""

import hashlib
import shutil
import subprocess
import zipfile
from functools import cache
from pathlib import Path

from tools import REPOSITORY, interpreters, locked

# What decides about the zip: the sources, and the versions of what builds it; besides, the Pythons here.
_INPUTS = ("src/runtime", "scripts/layer.sh", "requirements.lock")


@cache
def layer_zip() -> Path:
    """The zip. It is kept for later runs, as long as nothing that decides about it changes."""
    folder = REPOSITORY / ".cache/layer"
    with locked(folder):
        kept = folder / _hash_of_inputs() / "lambda_streaming.zip"
        if not kept.exists():
            for old in folder.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            kept.parent.mkdir()
            built = kept.with_suffix(".new")
            subprocess.run([REPOSITORY / "scripts/layer.sh", "--output", built], check=True, timeout=300)
            built.rename(kept)
    return kept


def unpack_layer(folder: Path, archive: Path | None = None) -> Path:
    """Unpack the zip, or another, into the folder with the modes that it gives; return its directory `python`."""
    with zipfile.ZipFile(archive or layer_zip()) as layer:
        for entry in layer.infolist():
            Path(layer.extract(entry, folder)).chmod(entry.external_attr >> 16 & 0o777)
    return folder / "python"


def _hash_of_inputs() -> str:
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *_INPUTS]
    names = subprocess.run(listing, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.splitlines()
    digest = hashlib.sha256(repr(interpreters()).encode())
    for path in sorted(REPOSITORY / name for name in names):
        if path.exists():
            digest.update(f"{path} {path.stat().st_mode:o} {path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]

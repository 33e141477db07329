"""Layers laid over each other: zips with their modes, directories, their order, and zips that are refused."""

import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from sandbox.lambda_service.layers import Layer, lay_out
from template.errors import TemplateError


def zipped(path: Path, *entries: tuple[str, str, int]) -> Path:
    """A zip of entries: name, content and mode."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
    return path


def layer(content: Path, place: str = "") -> Layer:
    return Layer("Layer", content, PurePosixPath(place))


def files(opt: Path) -> dict[str, str]:
    return {str(path.relative_to(opt)): path.read_text() for path in opt.rglob("*") if path.is_file()}


def test_a_zips_modes_are_kept(tmp_path: Path) -> None:
    content = zipped(
        tmp_path / "layer.zip",
        ("python/", "", stat.S_IFDIR | 0o755),
        ("python/start", "x", stat.S_IFREG | 0o755),
        ("python/plain.py", "y", stat.S_IFREG | 0o644),
        ("python/private.py", "z", stat.S_IFREG),
        ("from_windows.py", "w", 0),
    )
    opt = tmp_path / "opt"
    lay_out([layer(content)], opt)
    modes = {name: stat.S_IMODE((opt / name).stat().st_mode) for name in files(opt)}
    assert modes["python/start"] == 0o755
    assert modes["python/plain.py"] == 0o644
    # Whatever the modes are, the function can read its files.
    assert all(os.access(opt / name, os.R_OK) for name in modes)


@pytest.mark.parametrize(
    ("name", "mode"),
    [("../escaped", 0o644), ("/escaped", 0o644), ("a/../../escaped", 0o644), ("link", stat.S_IFLNK | 0o777)],
)
def test_no_entry_leads_out_of_the_layer(tmp_path: Path, name: str, mode: int) -> None:
    content = zipped(tmp_path / "layer.zip", (name, "/etc/passwd", mode))
    with pytest.raises(TemplateError, match=rf"the layer Layer: {name} in .*layer\.zip is a link or leads out"):
        lay_out([layer(content)], tmp_path / "deep" / "opt")
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize("spoil", [lambda content: b"", lambda content: b"text", lambda content: content[:-30]])
def test_what_is_no_zip_is_named(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    content = zipped(tmp_path / "layer.zip", ("python/a.py", "a" * 1000, 0o644))
    content.write_bytes(spoil(content.read_bytes()))
    with pytest.raises(TemplateError, match=r"the layer Layer: .*layer\.zip is no zip that can be read"):
        lay_out([layer(content)], tmp_path / "opt")


def test_a_damaged_entry_is_named(tmp_path: Path) -> None:
    content = zipped(tmp_path / "layer.zip", ("python/a.py", "a" * 1000, 0o644))
    content.write_bytes(content.read_bytes().replace(b"aaaa", b"aaab", 1))
    with pytest.raises(TemplateError, match="no zip that can be read: Bad CRC"):
        lay_out([layer(content)], tmp_path / "opt")


def test_later_layers_lie_over_earlier_ones(tmp_path: Path) -> None:
    unbuilt = tmp_path / "unbuilt"
    (unbuilt / "package").mkdir(parents=True)
    (unbuilt / "package" / "a.py").write_text("unbuilt")
    (unbuilt / "package" / "c.py").write_text("unbuilt")
    (unbuilt / "package" / "__pycache__").mkdir()
    (unbuilt / "package" / "__pycache__" / "a.pyc").write_text("compiled")
    entries = (("python/package/a.py", "zip", 0o644), ("python/package/b.py", "zip", 0o644))
    layers = [layer(zipped(tmp_path / "layer.zip", *entries)), layer(unbuilt, "python")]
    both = {"python/package/b.py": "zip", "python/package/c.py": "unbuilt"}
    lay_out(layers, tmp_path / "one")
    assert files(tmp_path / "one") == {"python/package/a.py": "unbuilt", **both}
    lay_out(layers[::-1], tmp_path / "other")
    assert files(tmp_path / "other") == {"python/package/a.py": "zip", **both}


@pytest.mark.parametrize("place", ["", "python"])
def test_a_directory_that_is_alone_is_used_where_it_is(tmp_path: Path, place: str) -> None:
    content = tmp_path / "content"
    content.mkdir()
    lay_out([layer(content, place)], tmp_path / "opt")
    (content / "later.py").write_text("x")
    assert (tmp_path / "opt" / place / "later.py").read_text() == "x"


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    content = zipped(tmp_path / "layer.zip")
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("python/big.py", os.urandom(3000).hex())
    data = bytearray(content.read_bytes())
    data[200:400] = b"\xff" * 200
    content.write_bytes(data)
    with pytest.raises(TemplateError, match="is no zip that can be read"):
        lay_out([layer(content)], tmp_path / "opt")

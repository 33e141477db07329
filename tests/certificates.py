"""A certificate for 127.0.0.1 that signs itself, for a server that a test runs."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest


def self_signed(folder: Path, context: ssl.SSLContext) -> Path:
    """Give the server's context a new certificate; return the file with which a client can trust it."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command makes the certificate for this test, and is not installed")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", "-x509", *curve, *names, *files], check=True, capture_output=True)
    context.load_cert_chain(certificate, key)
    return certificate

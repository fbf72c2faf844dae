"""The certificate authorities that a connection trusts: those of the environment, or else those of the system."""

from __future__ import annotations

import os
import re
import ssl
import sys
from pathlib import Path
from typing import Final

from meshapi_video._errors import MeshVideoError

FILE_VARIABLE: Final = "SSL_CERT_FILE"
FOLDER_VARIABLE: Final = "SSL_CERT_DIR"

_SYSTEM_VERIFIES: Final = sys.platform in {"win32", "darwin"}
"""Whether the operating system verifies certificates itself. Elsewhere, all programs share files, with which OpenSSL
verifies."""
_HASHED_NAME: Final = re.compile(r"[0-9a-f]{8}\.\d+", re.IGNORECASE)
"""The name by which OpenSSL finds a certificate in a folder."""


def default_context() -> ssl.SSLContext:
    """The TLS settings of a client that was given none. Loading certificates takes 20 ms.

    Raises `MeshVideoError` if the certificates cannot be loaded.
    """
    file, folder = os.environ.get(FILE_VARIABLE), os.environ.get(FOLDER_VARIABLE)
    if file:
        try:
            return _context_with(file, None)
        except OSError as error:
            reason = error.strerror or error
            raise MeshVideoError(f"{FILE_VARIABLE} names {file}, which cannot be loaded: {reason}") from error
    if folder:
        # OpenSSL itself reads the folder late, and then trusts nobody.
        if not any(map(_has_certificates, folder.split(os.pathsep))):
            raise MeshVideoError(
                f"{FOLDER_VARIABLE} names {folder}, which has no certificate under the name of its hash: run openssl "
                f"rehash on the folder, or set {FILE_VARIABLE} to a file"
            )
        return _context_with(None, folder)
    try:
        return _system_context()
    except OSError as error:
        raise MeshVideoError(f"the certificate authorities of the system cannot be loaded: {error}") from error


def _system_context() -> ssl.SSLContext:
    if not _SYSTEM_VERIFIES:
        # Not by truststore: it reads the files anew for each connection, which takes 20 ms, and with OpenSSL before 3.4
        # each connection takes longer than the one before.
        paths = ssl.get_default_verify_paths()
        file = paths.openssl_cafile if os.path.isfile(paths.openssl_cafile) else None  # noqa: PTH113 - it may be empty
        folder = paths.openssl_capath if _has_certificates(paths.openssl_capath) else None
        if file or folder:
            return _context_with(file, folder)
    from meshapi_video._transport.system_trust import SystemTrust  # noqa: PLC0415 - not every program uses it

    # If this OpenSSL was built for another system, truststore knows more places. Perhaps there are no certificates.
    return SystemTrust(ssl.PROTOCOL_TLS_CLIENT, with_certifi=not _SYSTEM_VERIFIES)


def _context_with(file: str | None, folder: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=file, capath=folder)
    # Python 3.13 and newer set this flag, and refuse the certificate authorities of many companies, which other
    # programs accept. It does not decide which authorities are trusted.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _has_certificates(folder: str) -> bool:
    try:
        return any(_HASHED_NAME.fullmatch(path.name) for path in Path(folder).iterdir())
    except OSError:
        return False

"""A container registry of a test's own, with one image of one layer."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _documents(layer: bytes) -> tuple[bytes, bytes]:
    """The manifest and the configuration of an image that consists of one tar archive."""
    rootfs = {"type": "layers", "diff_ids": [_digest(layer)]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs, "history": []}).encode()
    parts = [("application/vnd.docker.container.image.v1+json", config), ("application/vnd.docker.image.rootfs.diff.tar", layer)]
    described = [{"mediaType": kind, "size": len(content), "digest": _digest(content)} for kind, content in parts]
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0], "layers": described[1:]}
    return json.dumps(manifest).encode(), config


@contextmanager
def serving(name: str, tag: str, layer: bytes) -> Iterator[str]:
    """The host and port of a registry that has the image `name:tag` and no other."""
    manifest, config = _documents(layer)
    blobs = {_digest(content): content for content in (config, layer)}
    paths = {f"/v2/{name}/manifests/{which}": manifest for which in (tag, _digest(manifest))}
    paths |= {f"/v2/{name}/blobs/{digest}": content for digest, content in blobs.items()}

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = b"{}" if self.path == "/v2/" else paths.get(self.path)
            status = 200
            if content is None:
                status, content = 404, json.dumps({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}).encode()
            self.send_response(status)
            self.send_header("Content-Type", MANIFEST if "/manifests/" in self.path and status == 200 else "application/octet-stream")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Docker-Content-Digest", _digest(content))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815 -- the name is the server's

        def log_message(self, *_given: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()

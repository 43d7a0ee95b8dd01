"""A real S3 server on this machine, and its environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

SECRET = "a-secret-that-nobody-may-see"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextmanager
def s3_server() -> Iterator[str]:
    """Yield the options of addresses at a server with a bucket named ``bucket``."""
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    before = {key: os.environ.get(key) for key in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = f"?endpoint_override={host}:{port}&scheme=http"
    try:
        from pyarrow.fs import FileSystem

        FileSystem.from_uri(f"s3://bucket/{options}&allow_bucket_creation=true")[0].create_dir("bucket")
        yield options
    finally:
        server.stop()
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value

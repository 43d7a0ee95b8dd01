"""What is said of a tracking URI that cannot be one, and of a server that answers and keeps nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from in_process import ganbench_here
from tiny import write_tiny
from tracked import four_trials, make_ledger

from ganbench.harness.tracking import AddressError, Patience, TrackingError, check_uri, sync


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:1", "https://x", "sqlite:///a.db", "postgresql+psycopg://u@h/d", "databricks"]
)
def test_what_can_be_a_tracking_uri_is_none_of_our_business(uri):
    check_uri(uri)


@pytest.mark.parametrize(
    ("uri", "near"), [("htp://bad", "did you mean 'http'?"), ("sqlit:///a.db", "did you mean 'sqlite'?")]
)
def test_a_uri_that_cannot_be_one_is_refused_with_the_nearest_one(uri, near):
    with pytest.raises(AddressError, match="no tracking URI begins with") as raised:
        check_uri(uri)
    assert near in str(raised.value)


def test_a_bad_uri_is_told_before_anything_trains(tmp_path, monkeypatch):
    suite = write_tiny(tmp_path / "tiny.yaml", seeds=1)
    for options, variable in ((("--tracking-uri", "htp://bad"), ""), ((), "htp://bad")):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", variable)
        done = ganbench_here("run", suite, "--results", tmp_path / "out", "--address", "inline", *options)
        assert "no tracking URI begins with 'htp'" in str(done.exception)
        assert not (tmp_path / "out").exists()


class KeepsNothing(BaseHTTPRequestHandler):
    """Answers to everything that it is well, and says nothing, or nonsense."""

    body = b"{}"

    def do_GET(self) -> None:
        body = self.body
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.wfile.write(body)

    do_POST = do_PATCH = do_GET

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def nothing() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), KeepsNothing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    "body",
    [
        b'{"experiment": 3}',
        b'{"experiment": {"experiment_id": []}}',
        b'{"runs": 5}',
        b'{"experiment": {"experiment_id": "1", "lifecycle_stage": 3}}',
        b"[]",
        b"<html>log in</html>",
    ],
)
def test_an_answer_of_another_form_is_one_sentence_and_no_trace(body, nothing, tmp_path, monkeypatch):
    monkeypatch.setattr(KeepsNothing, "body", body)
    ledger = make_ledger(tmp_path / "out", *four_trials())
    with pytest.raises(TrackingError, match="not as a tracking server does|cannot be reached or refused"):
        sync(ledger, nothing, patience=Patience(seconds=1.0))


def test_a_server_that_answers_and_keeps_nothing_is_not_said_to_hold_trials(nothing, tmp_path):
    ledger = make_ledger(tmp_path / "out", *four_trials())
    with pytest.raises(TrackingError, match="does not hold what it was sent|cannot be reached or refused"):
        sync(ledger, nothing, patience=Patience(seconds=1.0))

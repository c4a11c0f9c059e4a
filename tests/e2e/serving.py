"""Start launch.py as a user does, find a browser, and note what a page complains about."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
START_SECONDS = 300
"""A machine that is busy with other work may need minutes to import everything."""


@dataclass
class Server:
    """A running server."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]
    arguments: list[str]

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        self.process.terminate()
        self.process.wait(30)


def chromium() -> str:
    """Path of a Chromium on this machine, or an empty string."""
    named = os.environ.get("ESL_CHROMIUM", "")
    found = [named, shutil.which("chromium"), shutil.which("chromium-browser"), shutil.which("google-chrome")]
    return next((path for path in found if path and Path(path).exists()), "")


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(folder: Path, *arguments: str, port: int = 0) -> Server:
    """Run launch.py in `folder` and wait until it answers."""
    port = port or free_port()
    launch = Path(__file__).resolve().parents[2] / "launch.py"
    command = [sys.executable, str(launch), "--port", str(port), *arguments]
    log = open(folder / "server.log", "ab")  # noqa: SIM115  the process outlives this function
    process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    server = Server(f"http://127.0.0.1:{port}", folder, process, list(arguments))
    for _ in range(START_SECONDS * 5):
        try:
            urllib.request.urlopen(server.url + "/api/v1/stores", timeout=5).close()
        except urllib.error.HTTPError:
            return server  # it answers, if only to ask for a login
        except OSError:
            assert process.poll() is None, (folder / "server.log").read_text()
            time.sleep(0.2)
        else:
            return server
    process.kill()
    raise AssertionError("the server did not answer in time")


@dataclass
class Watched:
    """A page and everything it complained about."""

    page: Page
    faults: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

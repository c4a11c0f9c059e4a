"""Serves app/viewer and a synthetic store, for looking at the viewer alone: `python tests/viewer/fake_server.py 8123`."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import cv2
import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests" / "viewer")]

from fake_answers import queue_answer, rank_answer  # noqa: E402
from fake_world import FakeWorld  # noqa: E402

from esl.classes import CITYSCAPES_19  # noqa: E402

PAGE = """<!doctype html><meta charset="utf-8"><title>viewer</title><style>body{margin:0;background:#000}</style>
<div id="host"></div><script type="module">
import { mount } from '/viewer/main.js';
const params = new URLSearchParams(location.search);
const boot = { apiBase: '/api/v1', sid: params.get('sid') ?? 'abc123', screen: params.get('screen') ?? 'inspect', user: 'ada', ...(params.get('theme') ? { theme: params.get('theme') } : {}) };
const host = document.getElementById('host');
host.addEventListener('esl:open', (e) => { params.set('screen', e.detail.screen); location.search = params; });
mount(host, boot).then(() => { window.mounted = true; }, (e) => { window.mountError = String(e && e.stack || e); });
</script>"""
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}


class FakeState:
    """What the fake routes answer, and what a test may break on purpose."""

    def __init__(self, world: FakeWorld) -> None:
        self.world = world
        self.verdicts: list[dict[str, Any]] = []
        self.recipes: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.fail: set[str] = set()
        self.evil_name = ""

    def info(self) -> dict[str, Any]:
        w = self.world
        images = [
            {
                "i": i,
                "name": f"frankfurt/frankfurt_{i:06d}_leftImg8bit.png",
                "done": True,
                "has_truth": w.truth,
                "valid": [w.height, w.width],
            }
            for i in range(w.num_images)
        ]
        if self.evil_name:
            images[0]["name"] = self.evil_name
        return {
            "sid": "abc123", "name": "cityscapes-train", "dataset": "cityscapes", "split": "train", "class_names": w.names,
            "class_colors": CITYSCAPES_19.colors[: w.num_classes], "map_size": [w.height, w.width], "interpolate": "probs", "precision": "fp32",
            "model": {"name": "deeplab-v2 resnet101", "sha256": "f" * 64}, "num_images": w.num_images, "num_done": w.num_images,
            "has_truth": w.truth, "medians": w.medians, "provisional": False, "map_version": 1, "images": images,
        }  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    state: FakeState
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def answer(self, body: bytes, kind: str = "application/octet-stream", status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def json(self, value: Any, status: int = 200) -> None:
        self.answer(json.dumps(value).encode(), "application/json", status)

    def do_GET(self) -> None:
        url = urlparse(self.path)
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        parts = [p for p in url.path.split("/") if p]
        if not parts:
            return self.answer(PAGE.encode(), "text/html")
        if parts[0] == "viewer":
            path = REPOSITORY / "app" / "viewer" / parts[-1]
            return (
                self.answer(path.read_bytes(), TYPES[path.suffix]) if path.exists() else self.json({"error": "no"}, 404)
            )
        if parts[:2] != ["api", "v1"]:
            return self.json({"error": "Nothing here."}, 404)
        if any(word in self.path for word in self.state.fail):
            return self.json({"error": "The image file is gone from the disk. Put it back and retry."}, 410)
        return self.get_api(parts[2:], query)

    def get_api(self, parts: list[str], query: dict[str, str]) -> None:
        state, world = self.state, self.state.world
        match parts:
            case ["stores"]:
                info = state.info()
                self.json(
                    [{k: info[k] for k in ("sid", "name", "dataset", "split", "num_images", "num_done", "has_truth")}]
                )
            case ["stores", "abc123"]:
                self.json(state.info())
            case ["stores", _, "hist"]:
                self.answer(world.joint.tobytes())
            case ["stores", _, "images", i, "maps"]:
                self.maps(int(i), query["kinds"].split(","))
            case ["stores", _, "images", i, "photo"]:
                self.answer(
                    cv2.imencode(".png", world.image(int(i)).photo[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[
                        1
                    ].tobytes(),
                    "image/png",
                )
            case ["stores", _, "images", i, "thumb"]:
                small = cv2.resize(world.image(int(i)).photo[..., ::-1], (96, 48), interpolation=cv2.INTER_AREA)
                self.answer(cv2.imencode(".jpg", small)[1].tobytes(), "image/jpeg")
            case ["stores", _, "images", i, "probe"]:
                self.probe(int(i), int(query["x"]), int(query["y"]))
            case ["verdicts"]:
                self.json(
                    {"verdicts": [v for v in state.verdicts if v.get("user") == query.get("user", v.get("user"))]}
                )
            case ["recipes"]:
                self.json({"recipes": list(state.recipes.values())})
            case ["recipes", key]:
                self.json(state.recipes[key])
            case ["exports", job]:
                self.json(self.step(job))
            case _:
                self.json({"error": f"No route {self.path}."}, 404)

    def maps(self, i: int, kinds: list[str]) -> None:
        image = self.state.world.image(i)
        arrays = {"pred": image.label, "conf": image.conf, "ent": image.ent, "second": image.second, "gt": image.truth}
        if "gt" in kinds and not self.state.world.truth:
            return self.json({"error": "This image has no ground truth."}, 404)
        return self.answer(b"".join(np.ascontiguousarray(arrays[k]).tobytes() for k in kinds))

    def probe(self, i: int, x: int, y: int) -> None:
        image = self.state.world.image(i)
        rest = np.random.default_rng(x * 7919 + y).dirichlet(np.full(self.state.world.num_classes, 0.3))
        p = image.conf[y, x] / 65535
        probs = rest * (1 - p)
        probs[image.label[y, x]] += p
        self.json({"probs": probs.tolist()})

    def step(self, job: str) -> dict[str, Any]:
        entry = self.state.jobs[job]
        if entry["state"] == "running":
            entry["done"] = min(entry["total"], entry["done"] + 1)
            if entry["done"] == entry["total"]:
                entry.update(state="done", report={"files": 12, "bytes": 34567, "verified": 20, "path": "exports/one"})
        return entry

    def body(self) -> dict[str, Any]:
        return dict(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def do_POST(self) -> None:
        body = self.body()
        parts = [p for p in urlparse(self.path).path.split("/") if p][2:]
        if any(word in self.path for word in self.state.fail):
            return self.json({"error": "The server is busy."}, 503)
        match parts:
            case ["stores", _, "rank"]:
                return self.json(rank_answer(self.state.world, body))
            case ["stores", _, "queue"]:
                return self.json(queue_answer(self.state.world, body))
            case ["verdicts"]:
                self.state.verdicts = [v for v in self.state.verdicts if v["id"] != body["id"]] + [body]
                return self.json({"ok": True, "id": body["id"]})
            case ["exports"]:
                job = f"job{len(self.state.jobs)}"
                self.state.jobs[job] = {"job": job, "state": "running", "done": 0, "total": 6, "note": "writing"}
                if body.get("dry_run"):
                    return self.json(
                        {
                            "dry_run": True,
                            "num_images": 4,
                            "num_files": 12,
                            "num_bytes": 123456,
                            "first": "frankfurt/frankfurt_000000.png",
                        }
                    )
                return self.json({"job": job})
        return self.json({"error": f"No route {self.path}."}, 404)

    def do_PUT(self) -> None:
        body = self.body()
        key = f"{abs(hash(json.dumps(body, sort_keys=True))):016x}"
        self.state.recipes[key] = {
            **body,
            "id": key,
            "name": body.get("name") or body.get("default_name", ""),
            "mask": "",
        }
        self.json(self.state.recipes[key])

    def do_DELETE(self) -> None:
        self.state.jobs[self.path.split("/")[-1]]["state"] = "cancelled"
        self.json({"ok": True})


def start(state: FakeState, port: int = 0) -> ThreadingHTTPServer:
    """Serve in a thread; `server.server_port` tells where."""
    handler = type("Bound", (Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


if __name__ == "__main__":
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 2048
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 40
    running = start(FakeState(FakeWorld(height=size // 2, width=size, num_images=count)), int(sys.argv[1]))
    print(f"http://127.0.0.1:{running.server_port}/", flush=True)
    threading.Event().wait()

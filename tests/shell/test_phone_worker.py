"""What the phone keeps of a journey goes when the node no longer knows who asks."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

WORKER = Path(__file__).resolve().parents[2] / "frontend/src/phone-worker.js"
NODE = shutil.which("node")

STAGE = """
const scope = "https://node.example/journeys/phone/";
const kept = new Map([[scope, "the journey"]]);
const cache = { match: async (key) => kept.get(key), delete: async (key) => kept.delete(key),
  put: async (key, answer) => void kept.set(key, answer) };
globalThis.caches = { open: async () => cache };
globalThis.location = { origin: "https://node.example" };
const heard = {};
globalThis.self = { addEventListener: (name, what) => (heard[name] = what), registration: { scope } };
globalThis.fetch = async () => {
  if (ANSWER === null) throw new TypeError("no network");
  return { ok: false, redirected: false, type: "basic", clone: () => "a new page", ...ANSWER };
};
"""
ASK = """
let answered;
heard.fetch({ request: { method: "GET", url: scope, mode: "navigate" }, respondWith: (what) => (answered = what) });
await answered;
console.log(JSON.stringify([...kept.values()]));
"""


@pytest.mark.skipif(NODE is None, reason="the browser's scripts are tried without a browser where node is")
@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ({"ok": True, "status": 200}, ["a new page"]),
        (None, ["the journey"]),
        ({"type": "opaqueredirect", "status": 0}, []),
        ({"status": 403}, []),
        ({"status": 503}, ["the journey"]),
    ],
)
def test_what_is_kept_goes_with_the_session(answer: dict[str, object] | None, left: list[str]) -> None:
    script = f"const ANSWER = {json.dumps(answer)};\n{STAGE}\n{WORKER.read_text('utf-8')}\n{ASK}"
    command = [str(NODE), "--input-type=module", "-"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=True, timeout=180)
    assert json.loads(done.stdout) == left

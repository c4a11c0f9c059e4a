"""The inspector: one static shell per tab, whose inside is made by the modules under `app/viewer`.

A shell is a `gr.HTML` without any template expression, so Gradio never renders it again and canvases live on; all
it carries is what the viewer needs to start. Strings from files reach the page through the HTTP API only.
"""

import json
from typing import cast

import gradio as gr

from app.routes import API_BASE

SCREENS = (
    ("inspect", "Inspect"),
    ("thresholds", "Thresholds"),
    ("audit", "Audit"),
    ("compare", "Compare"),
    ("train", "Train"),
    ("export", "Export"),
)
WITHOUT_STORE = ("compare", "train")
"""Screens that stand before there is a store."""

# The body of `new Function('element', 'trigger', 'props', ...)`; it runs once per mount. While the server makes its
# first store ready, its progress stands here; then the viewer takes over.
_MOUNT = """
const host = element.querySelector('.esl-shell') || element;
const boot = %(boot)s;
const say = (text) => { const p = document.createElement('p'); p.className = 'esl-wait'; p.textContent = text; host.replaceChildren(p); };
const ask = (path) => fetch(boot.apiBase + path, { credentials: 'same-origin' }).then((r) => r.json());
const ready = async () => {
  for (let failures = 0; element.isConnected;) {
    try {
      if ((await ask('/stores')).length > 0) return;
      const job = (await ask('/jobs')).jobs.find((j) => j.kind === 'extraction' && (j.state === 'running' || j.state === 'queued'));
      if (!job) return;
      say('Getting ready: ' + (job.note || job.kind) + ' \u2026');
      failures = 0;
    } catch (error) {
      if (++failures > 20) throw error;
    }
    await new Promise((go) => setTimeout(go, 300));
  }
};
if (window.eslStore) boot.sid = window.eslStore;
Promise.all([import(%(module)s + '?v=' + %(version)s), boot.free || ready()])
  .then(([viewer]) => viewer.mount(host, boot))
  .catch((error) => say('The viewer did not load: ' + error.message + ' Reload the page.'));
"""

# Tabs are chosen by their buttons; a screen asks for another one by an event that bubbles up to the document.
_HEAD = """<script>
(() => {
  const names = %(names)s;
  const dress = (name) => {
    document.documentElement.classList.toggle('esl-light', name === 'light');
    document.body?.classList.toggle('dark', name !== 'light');
  };
  const stored = () => { try { return localStorage.getItem('esl.theme') || 'dark'; } catch { return 'dark'; } };
  const find = (screen) => [...document.querySelectorAll('#esl-tabs button[role="tab"]')].find((b) => b.textContent.trim() === names[screen]);
  const open = (screen) => find(screen)?.click();
  document.addEventListener('esl:open', (event) => open(event.detail.screen));
  document.addEventListener('esl:store', (event) => { window.eslStore = event.detail.sid; });
  document.addEventListener('esl:theme', (event) => dress(event.detail.theme));
  document.addEventListener('DOMContentLoaded', () => dress(stored()));
  dress(stored());
  const wanted = new URLSearchParams(location.hash.slice(1)).get('tab');
  let tries = 400;
  const wait = setInterval(() => {
    const tab = wanted && names[wanted] ? find(wanted) : find('inspect');
    if (tab) { dress(stored()); if (wanted && wanted !== 'inspect') tab.click(); }
    if (tab || --tries < 0) clearInterval(wait);
  }, 25);
})();
</script>"""


def build(version: str) -> gr.Blocks:
    """The page; `version` changes with the viewer's files, so that a browser never mixes two of them."""
    with gr.Blocks(title="ESL Inspector", fill_width=True) as page, gr.Tabs(elem_id="esl-tabs"):
        for screen, title in SCREENS:
            with gr.Tab(title, id=screen, elem_id=f"esl-tab-{screen}"):
                shell(screen, version)
    return cast(gr.Blocks, page)


def shell(screen: str, version: str) -> gr.HTML:
    """One static shell."""
    boot = {"screen": screen, "apiBase": API_BASE, "free": screen in WITHOUT_STORE}
    script = _MOUNT % {
        "module": json.dumps("/viewer/main.js"), "version": json.dumps(version), "boot": json.dumps(boot),
    }  # fmt: skip
    return gr.HTML(
        value="",
        html_template='<div class="esl-shell"></div>',
        js_on_load=script,
        apply_default_css=False,
        padding=False,
        container=False,
        elem_id=f"esl-screen-{screen}",
    )


def head() -> str:
    """Script for the page's head: tabs by URL and by event."""
    return _HEAD % {"names": json.dumps(dict(SCREENS))}

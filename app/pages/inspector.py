"""The inspector: one static shell per tab, whose inside is made by the modules under `app/viewer`.

A shell is a `gr.HTML` without any template expression, so Gradio never renders it again and canvases live on; all
it carries is what the viewer needs to start. Strings from files reach the page through the HTTP API only.
"""

import json
from typing import cast

import gradio as gr

from app.routes import API_BASE

SCREENS = (("inspect", "Inspect"), ("thresholds", "Thresholds"), ("audit", "Audit"), ("export", "Export"))

# The body of `new Function('element', 'trigger', 'props', ...)`; it runs once per mount.
_MOUNT = """
const host = element.querySelector('.esl-shell') || element;
import(%(module)s + '?v=' + %(version)s)
  .then((viewer) => viewer.mount(host, %(boot)s))
  .catch((error) => { host.textContent = 'The viewer did not load: ' + error.message + ' Reload the page.'; });
"""

# Tabs are chosen by their buttons; a shell asks for another screen by an event that bubbles up to the document.
_TABS_HEAD = """<script>
(() => {
  const names = %(names)s;
  const open = (screen) => {
    const name = names[screen];
    const tab = [...document.querySelectorAll('#esl-tabs button[role="tab"]')].find((b) => b.textContent.trim() === name);
    if (tab) tab.click();
  };
  document.addEventListener('esl:open', (event) => open(event.detail.screen));
  document.addEventListener('esl:theme', (event) => document.body.classList.toggle('dark', event.detail.theme === 'dark'));
  const wanted = new URLSearchParams(location.hash.slice(1)).get('tab');
  if (wanted && names[wanted]) {
    let tries = 200;
    const wait = setInterval(() => {
      if (document.querySelector('#esl-tabs button[role="tab"]')) { clearInterval(wait); open(wanted); }
      if (--tries < 0) clearInterval(wait);
    }, 25);
  }
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
    boot = {"screen": screen, "apiBase": API_BASE}
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
    return _TABS_HEAD % {"names": json.dumps(dict(SCREENS))}

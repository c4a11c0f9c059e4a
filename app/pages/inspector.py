"""The inspector: one static shell per tab, whose inside is made by the modules under `app/viewer`.

A shell is a `gr.HTML` without any template expression, so Gradio never renders it again and canvases live on; all
it carries is what the viewer needs to start. Strings from files reach the page through the HTTP API only.
"""

import json
from typing import cast

import gradio as gr

from app.routes import API_BASE
from app.routes.viewer_files import ViewerSnapshot

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

# The body of `new Function('element', 'trigger', 'props', ...)`; it runs once per mount. Inspect mostly stands before
# that, begun from the page's head, and is moved in. While the server makes its first store ready, its progress stands
# here; then the viewer takes over.
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
const start = async () => {
  const begun = await window.eslBegun;
  if (begun?.host && boot.screen === 'inspect') return host.replaceWith(begun.host), begun.host.classList.remove('esl-early'), begun.host.dispatchEvent(new Event('esl:moved'));
  boot.sid = window.eslStore ?? begun?.sid;
  const [viewer] = await Promise.all([import(%(module)s), boot.sid || boot.free || ready()]);
  return viewer.mount(host, boot);
};
start()
  .catch((error) => say('The viewer did not load: ' + error.message + ' Reload the page.'));
"""

# Tabs are chosen by their buttons; a screen asks for another one by an event that bubbles up to the document.
_HEAD = """%(links)s
<style>.esl-early { position: fixed; inset: 32px 0 0; } html { background: #16181d; } html.esl-light { background: #f4f5f7; }</style>
<script>
// Inspect stands where its shell will be; the shell takes it in when Gradio has made it (or never, and it stands all the same).
// No module script: those run in the page's order, after Gradio's.
window.eslBegun = import(%(module)s).then(async (viewer) => {
  const boot = %(boot)s;
  const { sid, tab } = await viewer.prepare(boot);
  if (!sid || tab !== 'inspect') return { sid };
  const host = Object.assign(document.createElement('div'), { className: 'esl-shell esl-early' });
  (document.body ?? document.documentElement).append(host);
  viewer.mount(host, { ...boot, sid }).catch((error) => { host.textContent = 'The viewer did not load: ' + error.message + ' Reload the page.'; });
  return { sid, host };
}).catch(() => null);
</script>
<script>
(() => {
  // The timer of Gradio's loading screen goes on once a frame after that screen is gone, and has the whole page composed
  // sixty times a second for nothing (Gradio 6): whoever draws from that file now draws once a second.
  const frame = window.requestAnimationFrame.bind(window);
  const isTimer = () => new Error().stack.split('\\n').slice(2, 4).some((line) => line.includes('/statustracker-'));
  window.requestAnimationFrame = (draw) => (isTimer() ? setTimeout(() => frame(draw), 1000) : frame(draw));
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
  // A link that is pasted into this page, as it was pasted: a screen may have written its view over it meanwhile.
  const tabOf = (url) => new URLSearchParams(new URL(url).hash.slice(1)).get('tab');
  window.addEventListener('hashchange', ({ newURL }) => { if (names[tabOf(newURL)]) open(tabOf(newURL)); });
  const wanted = tabOf(location.href);
  let tries = 400;
  const wait = setInterval(() => {
    const tab = wanted && names[wanted] ? find(wanted) : find('inspect');
    if (tab) { dress(stored()); if (wanted && wanted !== 'inspect') tab.click(); }
    if (tab || --tries < 0) clearInterval(wait);
  }, 25);
})();
</script>"""


def build(module: str) -> gr.Blocks:
    """The page; `module` is the URL of the viewer's main module."""
    with gr.Blocks(title="ESL Inspector", fill_width=True) as page, gr.Tabs(elem_id="esl-tabs"):
        for screen, title in SCREENS:
            with gr.Tab(title, id=screen, elem_id=f"esl-tab-{screen}"):
                shell(screen, module)
    return cast(gr.Blocks, page)


def shell(screen: str, module: str) -> gr.HTML:
    """One static shell."""
    script = _MOUNT % {"module": json.dumps(module), "boot": json.dumps(boot_of(screen))}
    return gr.HTML(
        value="",
        html_template='<div class="esl-shell"></div>',
        js_on_load=script,
        apply_default_css=False,
        padding=False,
        container=False,
        elem_id=f"esl-screen-{screen}",
    )


def boot_of(screen: str) -> dict[str, object]:
    """All that a screen needs to start."""
    return {"screen": screen, "apiBase": API_BASE, "free": screen in WITHOUT_STORE}


def head(viewer: ViewerSnapshot) -> str:
    """What the page's head holds: tabs by URL and by event, and Inspect, which does not wait for Gradio.

    Gradio's own front end takes a second or more to mount the shells; the viewer's modules and its first image travel
    meanwhile, and are drawn as soon as they are there.
    """
    links = [f'<link rel="stylesheet" href="{viewer.url(name)}">' for name in viewer.styles]
    links += [
        f'<link rel="modulepreload" href="{viewer.url(name)}">'
        for name in viewer.imported_by("main.js", "inspect-screen.js")
    ]
    return _HEAD % {
        "links": "\n".join(links),
        "module": json.dumps(viewer.url("main.js")),
        "boot": json.dumps(boot_of("inspect")),
        "names": json.dumps(dict(SCREENS)),
    }

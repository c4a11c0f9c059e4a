"""How Gradio's own parts look: local fonts only, so that a machine without a network shows the page whole."""

import gradio as gr

FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "DejaVu Sans Mono", "monospace"]


def theme() -> gr.themes.Base:
    """The page's theme."""
    return gr.themes.Base(
        primary_hue="sky", neutral_hue="slate", font=FONTS, font_mono=MONO, spacing_size="sm", radius_size="sm"
    )


PLAIN_CSS = """
.gradio-container { max-width: 1900px !important; padding: 10px 14px !important; }
.esl-legend { display: flex; flex-wrap: wrap; gap: 4px 14px; font-size: 13px; padding: 2px 2px 6px; }
.esl-legend span { display: inline-flex; align-items: center; gap: 5px; white-space: nowrap; }
.esl-legend i { width: 13px; height: 13px; border-radius: 3px; border: 1px solid rgba(128,128,128,.6); }
.esl-panel img { image-rendering: pixelated; width: 100%; }
"""

INSPECTOR_CSS = """
body { margin: 0; background: #16181d; }
.esl-light body { background: #f4f5f7; }
.gradio-container { padding: 0 !important; max-width: none !important; background: transparent !important; }
.gradio-container main, .gradio-container .main, .gradio-container .wrap, .gradio-container .column, .gradio-container .tabitem {
  padding: 0 !important; gap: 0 !important; border: 0 !important;
}
.gradio-container .html-container:has(.esl-shell) { padding: 0 !important; }
#esl-tabs { gap: 0; }
#esl-tabs .tab-wrapper { padding: 0 8px; height: 32px; margin: 0; }
#esl-tabs .tab-container { height: 32px; }
#esl-tabs button[role="tab"] { padding: 4px 14px; font-size: 13px; }
.esl-wait { font: 14px system-ui, sans-serif; color: #9aa3b2; padding: 40px; text-align: center; }
.gradio-container footer { display: none !important; }
"""

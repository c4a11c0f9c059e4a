// Plotly's front end: fetched from this server when the first figure is drawn, never from elsewhere.

let arriving = null;

export function plotly() {
  arriving ??= new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = new URL('plotly.min.js', import.meta.url).href;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      arriving = null;
      script.remove();
      reject(new Error('Plotly could not be fetched from the server.'));
    };
    document.head.append(script);
  });
  return arriving;
}

/** A file of a figure: on white, whatever the theme of the page. */
export async function downloadFigure({ data, layout }, format, filename, width = 1000) {
  const Plotly = await plotly();
  const sheet = { ...layout, paper_bgcolor: '#fff', plot_bgcolor: '#fff' };
  return Plotly.downloadImage({ data, layout: sheet }, { format, filename, width, height: layout.height ?? 420, scale: format === 'png' ? 2 : 1 });
}

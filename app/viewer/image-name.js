// The name of the image on screen, in the bar above the panes.
import { el, setText } from './dom.js';

export class ImageName {
  constructor(session) {
    this.session = session;
    this.text = el('bdi', { dir: 'ltr' });
    this.root = el('span', { class: 'esl-image-name' }, this.text);
  }

  /** The image whose picture is there; the chosen one where it could not be had. */
  draw() {
    const { image, imageError, index, info, own } = this.session;
    const i = imageError ? index : image?.maps.i;
    const name = (typeof i === 'string' ? own : info.images.find((other) => other.i === i))?.name ?? '';
    const size = image ? `  ·  ${image.maps.W} × ${image.maps.H}` : '';
    setText(this.text, name && `${name.replace(/_leftImg8bit\.[A-Za-z]+$/, '')}${size}`);
    this.root.title = name;
  }
}

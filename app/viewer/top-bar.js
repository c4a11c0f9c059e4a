// The bar above every screen: what is looked at, which numbers are shown, the recipe, blind mode, theme, help.
import { el, iconButton, ICONS, setFlag, setText } from './dom.js';
import { RecipeBar } from './recipes.js';
import { unread } from './scope-numbers.js';

const SCOPES = [['image', 'Image'], ['filter', 'Filter'], ['set', 'Set']];

export class TopBar {
  constructor(session, hooks) {
    this.session = session;
    this.title = el('button', { type: 'button', class: 'esl-title', onclick: hooks.store });
    this.model = el('span', { class: 'esl-muted' });
    this.banner = el('span', { class: 'esl-chip is-amber', hidden: true });
    this.stop = el('button', { type: 'button', class: 'esl-btn is-quiet', hidden: true, title: 'Stop predicting; what is done stays', onclick: () => session.api.cancelJob(session.info.job).catch((error) => hooks.say(error.message)) }, 'Stop');
    this.scopes = SCOPES.map(([id, name]) => el('button', {
      type: 'button', role: 'radio', dataset: { scope: id }, onclick: () => session.setScope(id), title: `Numbers of ${{ image: 'this image', filter: 'the filtered images', set: 'the whole target set' }[id]}`,
    }, name));
    this.blind = el('button', { type: 'button', class: 'esl-btn is-quiet', title: 'Hide ground truth and every number made with it (G)', onclick: () => session.setBlind(!session.blind) }, 'Blind');
    this.recipe = new RecipeBar(session, hooks.say);
    this.root = el('header', { class: 'esl-top' },
      this.title, this.model, this.banner, this.stop, el('span', { class: 'esl-grow' }),
      el('div', { class: 'esl-segments', role: 'radiogroup', 'aria-label': 'Scope of the numbers' }, this.scopes),
      this.recipe.root, this.blind,
      iconButton(ICONS.theme, 'Light or dark theme', hooks.theme),
      el('button', { type: 'button', class: 'esl-iconbtn', title: 'Keyboard (?)', 'aria-label': 'Keyboard help', onclick: hooks.help }, '?'));
  }

  draw() {
    const { session } = this;
    const { info } = session;
    if (!info) return;
    setText(this.title, info.name);
    this.title.title = `Open another store · ${info.name}, ${info.num_images} images at ${info.map_size[1]} × ${info.map_size[0]}`;
    setText(this.model, [info.dataset, info.split].filter(Boolean).join(' · ') + (info.model?.name ? `  ·  ${info.model.name}` : ''));
    const borrowed = session.borrowed ? `medians of ${session.borrowed.name}` : '';
    const banner = [info.provisional ? provisional(info) : borrowed, damaged(info), unread(info)].filter(Boolean).join(' · ');
    setText(this.banner, banner);
    this.banner.title = [info.damage, info.unread].filter(Boolean).join(' ');
    this.banner.hidden = !banner;
    this.stop.hidden = !(info.provisional && info.job);
    for (const button of this.scopes) {
      const on = button.dataset.scope === session.scope;
      setFlag(button, 'is-on', on);
      button.setAttribute('aria-checked', String(on));
    }
    this.blind.hidden = !info.has_truth;
    setFlag(this.blind, 'is-on', session.blind);
    this.blind.setAttribute('aria-pressed', String(session.blind));
    this.recipe.draw();
  }
}

/** How many images no number counts; the reason is the title. */
export function damaged({ num_damaged: count = 0 }) {
  return count ? `${count} damaged image${count > 1 ? 's' : ''} left out` : '';
}

/** What medians are made of while they are not final, and what is going on. */
export function provisional({ num_done: done, num_images: images, num_counted: counted = done, num_damaged: damaged = 0 }) {
  if (counted + damaged >= images) return `medians of ${counted} of ${images} images`; // nothing is left to count
  return `medians provisional ${counted}/${images}${counted + damaged < done ? ' · counting' : ''}`;
}

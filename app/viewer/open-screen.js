import { el } from './dom.js';
export class OpenScreen { constructor() { this.root = el('main', {}, 'open'); this.bindings = []; } }

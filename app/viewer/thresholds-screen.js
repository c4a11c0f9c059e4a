import { el } from './dom.js';
export class ThresholdsScreen { constructor() { this.root = el('main', {}, 'thresholds'); this.bindings = []; } }

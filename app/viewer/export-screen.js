import { el } from './dom.js';
export class ExportScreen { constructor() { this.root = el('main', {}, 'export'); this.bindings = []; } }

import { el } from './dom.js';
export class AuditScreen { constructor() { this.root = el('main', {}, 'audit'); this.bindings = []; } }

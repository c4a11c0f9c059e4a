// Keys of the Audit screen: one verdict a key, J and K through the queue.
import { DECISIONS } from './audit-model.js';

export function auditBindings(screen) {
  const { session } = screen;
  return [
    ...Object.entries(DECISIONS).map(([key, decision]) => ({ keys: [key], name: decision.name, once: true, run: () => screen.judge(key) })),
    { keys: ['j', 'ArrowDown'], name: 'Next arc', run: () => screen.go(screen.at + 1) },
    { keys: ['k', 'ArrowUp'], name: 'Previous arc', run: () => screen.go(screen.at - 1) },
    { keys: ['n'], name: 'Note', run: () => screen.side.note.focus() },
    { keys: ['z', 'Ctrl+z'], name: 'Undo the last verdict', once: true, run: () => screen.undo() },
    { keys: ['g'], name: 'Blind: hide ground truth', run: () => session.setBlind(!session.blind) },
    { keys: ['f'], name: 'Fit the image', run: () => screen.grid.fit() },
    { keys: ['c'], name: 'Back to the arc', run: () => screen.frames.request('view', 'frame') },
    { keys: ['r'], name: 'Retry what failed', run: () => { screen.outbox.retry(); if (screen.item) session.show(screen.item.i, true); } },
    { keys: ['Ctrl+s'], name: 'Save recipe', always: true, run: () => screen.context.top.recipe.store() },
  ];
}

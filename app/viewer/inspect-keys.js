// Keys and commands of the Inspect screen (also in the palette, also clickable).
import { DEFAULT_RULE } from './thresholds.js';
import { KINDS } from './kinds.js';
import { summarise } from './statistics.js';
import { download, tableCsv } from './table-csv.js';
import { snap } from './quantise.js';
import { chooseImage } from './upload.js';

export function inspectBindings(screen) {
  const { session, context } = screen;
  const nudge = (key, step) => () => session.setRule({ [key]: snap(session.rule[key] + step, 0.0005) });
  return [
    { keys: ['.'], name: 'Next image', run: () => screen.list.go(1) },
    { keys: [','], name: 'Previous image', run: () => screen.list.go(-1) },
    ...KINDS.slice(0, 9).map((kind, n) => ({ keys: [String(n + 1)], name: `Active pane: ${kind.name}`, run: () => screen.chooseKind(n) })),
    { keys: ['n'], name: 'Next pane', run: () => screen.nextPane(1) },
    { keys: ['v'], name: '1, 2 or 4 panes', run: () => screen.cycleCount() },
    { keys: ['f'], name: 'Fit the image', run: () => screen.grid.fit() },
    { keys: ['[', ']'], name: 'ν* down, up by 0.005 (Shift 0.001, Alt μ*)', run: (e) => nudge('nuStar', e.key === ']' ? 0.005 : -0.005)() },
    { keys: ['Shift+['], run: nudge('nuStar', -0.001) }, { keys: ['Shift+]'], run: nudge('nuStar', 0.001) },
    { keys: ['Alt+['], run: nudge('muStar', -0.005) }, { keys: ['Alt+]'], run: nudge('muStar', 0.005) },
    { keys: ['0'], name: 'Show all classes', run: () => session.setHidden(new Set()) },
    { keys: ['Space'], name: 'Hold: blink SSL and ESL', run: () => screen.setBlink(true), release: () => screen.setBlink(false) },
    { keys: ['c'], name: 'Curtain: SSL left, ESL right', run: () => screen.toggleCurtain() },
    { keys: ['o'], name: 'Photo through the labels: 0, 35, 65, 95 %', run: () => screen.cycleMix() },
    { keys: ['e'], name: 'Difference by class, right/wrong, cause', run: () => screen.cycleColor() },
    { keys: ['h'], name: 'Active pane: entropy or confidence heat', run: () => screen.grid.setKind(screen.grid.active, screen.grid.active.kind === 'entropy' ? 'confidence' : 'entropy') },
    { keys: ['g'], name: 'Blind: hide ground truth', run: () => session.setBlind(!session.blind) },
    { keys: ['p'], name: 'All class probabilities of the pixel', run: () => screen.toggleProbe() },
    { keys: ['z', 'Ctrl+z'], name: 'Undo thresholds', run: () => session.undo() },
    { keys: ['Ctrl+Shift+z', 'Ctrl+y'], name: 'Redo thresholds', run: () => session.redo() },
    { keys: ['r'], name: 'Retry what failed', run: () => session.show(session.index, true) },
    { keys: ['/'], name: 'Filter the list', run: () => screen.list.search.focus() },
    { keys: ['Ctrl+s'], name: 'Save recipe', always: true, run: () => context.top.recipe.store() },
    { keys: ['Escape'], run: () => { screen.probe.hide(); screen.grid.pin = null; screen.frames.request('cursor'); } },
  ];
}

/** Commands that have no key of their own, for the palette. */
export function inspectCommands(screen) {
  const { session } = screen;
  return [
    ...KINDS.slice(9).map((kind) => ({ name: `Active pane: ${kind.name}`, run: () => screen.grid.setKind(screen.grid.active, kind.id) })),
    ...['image', 'filter', 'set'].map((scope) => ({ name: `Numbers of: ${scope}`, run: () => session.setScope(scope) })),
    ...[0.05, 0.1, 0.15, 0.2, 0.3].map((v) => ({ name: `ν* = ${v}`, run: () => session.setRule({ nuStar: v }) })),
    { name: 'Thresholds of the paper: μ* 0.9, ν* 0.1', run: () => session.setRule({ ...DEFAULT_RULE, muOverrides: {}, nuOverrides: {} }) },
    { name: 'Own image: predict a PNG or JPEG', run: () => chooseImage(session, screen.context.say) },
    { name: 'Class table as CSV', run: () => saveTable(screen) },
    { name: 'Figures: error rate by class and the curves as PNG, SVG, CSV', run: () => screen.figures.open() },
    { name: 'Boundary shares: recompute at these thresholds', run: () => screen.list.recompute() },
    { name: 'Copy link to this view', run: () => navigator.clipboard?.writeText(location.href) },
    ...(session.info?.class_names ?? []).map((name, c) => ({ name: `Show class alone: ${name}`, run: () => screen.table.toggleEye(c, true) })),
  ];
}

/** The table on screen as a file. */
function saveTable(screen) {
  const { session } = screen;
  const { counts } = screen.numbers();
  if (!counts) return;
  const name = `classes-${session.scope}-nu${session.rule.nuStar}-mu${session.rule.muStar}.csv`;
  download(name, tableCsv(summarise(counts, session.numClasses), session.info.class_names, session.thresholds, session.scope, session.showsTruth));
}

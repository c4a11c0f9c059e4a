// The train form without a page: which fields stand in front, what the page can refuse before it asks the server.
import { showDuration, stateOf } from './runs-words.js';

/** Fields that people change, with a short name and a unit; everything else is in the advanced list. */
export const MAIN_FIELDS = Object.freeze([
  { path: 'init_weights', name: 'Start weights', unit: 'a file; empty: random', wide: true },
  { path: 'steps', name: 'Steps', unit: 'updates' },
  { path: 'batch_size', name: 'Batch', unit: 'images' },
  { path: 'source.augment.crop', name: 'Crop', unit: 'height width, px' },
  { path: 'lr', name: 'Learning rate', unit: '' },
  { path: 'method.lambda_adv_main', name: 'λ adv', unit: '' },
  { path: 'method.lambda_sl', name: 'λ SL', unit: '' },
  { path: 'pseudo_labels.criterion', name: 'Criterion', unit: '' },
  { path: 'pseudo_labels.nu_star', name: 'ν*', unit: '0 … 1' },
  { path: 'pseudo_labels.mu_star', name: 'μ*', unit: '0 … 1' },
  { path: 'pseudo_labels.portion', name: 'CBST’s portion', unit: '0 … 1' },
  { path: 'precision', name: 'Precision', unit: '' },
  { path: 'seed', name: 'Seed', unit: '' },
]);
const MAIN = new Set(MAIN_FIELDS.map((f) => f.path));
const HIDDEN = new Set(['preset']);

export const KINDS = Object.freeze([
  { id: 'train', name: 'Train baseline', hint: 'One training from a preset', job: 'train', isScreen: false, prefix: '' },
  { id: 'extract', name: 'Extract pseudo-labels', hint: 'Run a checkpoint over target images; the store opens in the inspector', job: 'extract', isScreen: true, prefix: 'extract' },
  { id: 'self', name: 'Self-train on them', hint: 'Train on the pseudo-labels that the thresholds on screen choose', job: 'train', isScreen: true, prefix: 'self' },
  { id: 'whole', name: 'Whole experiment', hint: 'Baseline, extraction, audit and self-training, round after round', job: 'self-train', isScreen: false, prefix: 'experiment' },
]);

/** Seconds a run of a preset took for a step, from the newest that got anywhere; 0 where there is none. */
export function secondsPerStep(rows, preset, device) {
  const like = rows.filter((r) => r.preset === preset && r.step > 20 && r.updated > r.started && String(r.device ?? '').startsWith(device.split(':')[0]));
  const newest = like.sort((a, b) => b.updated - a.updated)[0];
  return newest ? (newest.rate > 0 ? 1 / newest.rate : (newest.updated - newest.started) / newest.step) : 0;
}

/** The start button, with the time that such a run takes where one is known. */
export function startText(kind, seconds) {
  return `${kind.name}${kind.job === 'train' && seconds > 0 ? ` (about ${showDuration(seconds)})` : ''}`;
}

/** How the run that a form started stands; '' where it has no row: a job that is done, or was removed, has none of its own. */
export function startedState(run, rows) {
  const row = rows.find((r) => r.name === run) ?? rows.find((r) => r.job?.run === run);
  const state = row ? stateOf(row) : '';
  return state && state[0].toUpperCase() + state.slice(1);
}

/** What a button takes from the screen. */
export function screenNote(kind, isBalanced, rule, store) {
  if (isBalanced) return `CBST’s labels of ${store}: this portion of each predicted class, the most confident first.`;
  return `ν* ${rule.nuStar} · μ* ${rule.muStar} of ${store} ${kind.id === 'extract' ? 'become a recipe of the new store, which opens with them.' : 'are saved as a recipe first, with the verdicts as its mask where Audit says so.'}`;
}

/** Whether a setting in front matters to what is started; `value` tells a setting of the preset. */
export function isUsed(path, kind, isBalanced, value) {
  const hasLabels = kind.id === 'whole' || (kind.id === 'train' && value('pseudo_labels.source') !== 'none');
  switch (path) {
    case 'pseudo_labels.portion': return isBalanced && (hasLabels || kind.id === 'self');
    case 'pseudo_labels.criterion': return hasLabels && kind.id !== 'whole';
    case 'pseudo_labels.nu_star':
    case 'pseudo_labels.mu_star': return hasLabels && !isBalanced;
    case 'method.lambda_adv_main': return value('method.discriminator_input') !== 'none';
    case 'method.lambda_sl': return hasLabels || kind.id === 'self';
    default: return true;
  }
}

export function advancedFields(fields) {
  return fields.filter((f) => !MAIN.has(f.path) && !HIDDEN.has(f.path));
}

/** Fields of a search: every word in the name or the help. */
export function searchFields(fields, text) {
  const words = text.toLowerCase().split(/[\s_.]+/).filter(Boolean);
  return fields.filter((f) => {
    const haystack = `${f.path} ${f.path.replace(/[_.]/g, ' ')} ${f.help}`.toLowerCase();
    return words.every((word) => haystack.includes(word));
  });
}

export function showField(field, value = field.value) {
  if (field.kind === 'list') return Array.isArray(value) ? value.join(' ') : String(value);
  if (field.kind === 'mapping') return typeof value === 'string' ? value : JSON.stringify(value);
  return String(value);
}

/** What is wrong with a typed text, or '' ; the server has the last word. */
export function faultOf(field, text) {
  const typed = String(text).trim();
  const numbers = typed.split(/[\s,]+/).filter(Boolean).map(Number);
  switch (field.kind) {
    case 'integer': return /^[+-]?\d+$/.test(typed) ? '' : 'must be a whole number';
    case 'number': return typed !== '' && Number.isFinite(Number(typed)) ? '' : 'must be a finite number';
    case 'list': return numbers.length === field.value.length && numbers.every(Number.isFinite) ? '' : `must be ${field.value.length} numbers, separated by spaces`;
    case 'mapping':
      try {
        const value = JSON.parse(typed || '{}');
        return value !== null && typeof value === 'object' && !Array.isArray(value) ? '' : 'must be a JSON object';
      } catch { return 'must be a JSON object, e.g. {"5": 0.4}'; }
    case 'choice': return field.choices.includes(typed) ? '' : `must be one of ${field.choices.join(', ')}`;
    default: return typed.includes('\0') ? 'must be text' : '';
  }
}

export function countFault(text) {
  return /^\d+$/.test(text.trim()) ? '' : 'must be a whole number';
}

/** A typed text as the JSON that the server takes. */
export function valueOf(field, text) {
  if (field.kind === 'switch') return text === true || text === 'true';
  const typed = String(text).trim();
  if (field.kind === 'mapping') return JSON.parse(typed || '{}');
  return typed;
}

export function nameFault(name) {
  if (/^[A-Za-z0-9][\w.+-]{0,99}$/.test(name)) return '';
  return 'must be a plain folder name: letters, digits, . _ - + ; begin with a letter or digit';
}

/** A name that no run has yet: `demo_advent-2`. */
export function freeName(base, taken) {
  const stem = base.replace(/[^\w.+-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '').slice(0, 80) || 'run';
  if (!taken.has(stem)) return stem;
  for (let k = 2; ; k++) if (!taken.has(`${stem}-${k}`)) return `${stem}-${k}`;
}

/** Values by field as texts where they differ from the preset's: what the server is sent. */
export function changedValues(fields, texts) {
  const values = {};
  for (const field of fields) {
    if (!(field.path in texts) || faultOf(field, texts[field.path])) continue;
    const text = texts[field.path];
    const same = field.kind === 'switch' ? valueOf(field, text) === field.value : String(text).trim() === showField(field);
    if (!same) values[field.path] = valueOf(field, text);
  }
  return values;
}

/** The schedule must not end before the run does: raise it with the steps as long as nobody typed it. */
export function withSchedule(fields, values) {
  const steps = Number(values.steps ?? fields.find((f) => f.path === 'steps')?.value);
  const schedule = fields.find((f) => f.path === 'schedule_steps');
  const base = fields.find((f) => f.path === 'steps');
  if (!schedule || !base || 'schedule_steps' in values || !('steps' in values) || !Number.isInteger(steps) || steps < 1) return values;
  const whole = schedule.value === base.value;
  return whole || steps > schedule.value ? { ...values, schedule_steps: String(steps) } : values;
}

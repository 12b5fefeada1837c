// The permalinks: `#trial-2.node07.run.verify`, `#trial-2.check`, `#trial-2`, `#worker-node07`.
const encoded = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
const linkOf = (i) => {
  const trial = `#trial-${trialOf(i).number}`;
  return isCheck(i) ? `${trial}.check` : `${trial}.${encoded(rowName(steps.worker[i]))}.${phaseOf(i).phase}.${encoded(labelOf(i))}`;
};
const linkOfRow = (row) => `#worker-${encoded(rowName(row))}`;
const linkOfTrial = (trial) => `#trial-${trial.number}`;

let known = null;
// What a link is about: a step, a row, a trial, or nothing.
const target = (hash) => {
  if (!known) {
    known = new Map();
    // Of two with one name, the first has it.
    const add = (name, value) => { if (!known.has(name)) known.set(name, value); };
    for (let i = 0; i < count; i++) add(linkOf(i), { step: i });
    trials.forEach((trial, number) => add(linkOfTrial(trial), { trial: number }));
    workers.forEach((_, row) => add(linkOfRow(row), { row }));
  }
  if (known.has(hash)) return known.get(hash);
  // Browsers and chats write some characters in another way.
  try {
    const parts = decodeURIComponent(hash.slice(1));
    for (const [name, value] of known) if (decodeURIComponent(name.slice(1)) === parts) return value;
  } catch { /* The hash is not a link that this page makes. */ }
  return null;
};

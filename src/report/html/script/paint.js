// Painting: the phases behind, the rows, their names, and the scale above.
let colors = {};
const readColors = () => {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(`--${name}`).trim();
  for (const name of ["card", "line", "soft", "text", "dim", "accent", "on", "failed", "band", "band-other", "skew"]) colors[name] = get(name);
  colors.outcomes = Object.fromEntries(outcomes.map((word) => [word, get(classOf(word)) || get("dim")]));
};
const toneOf = (i) => colors.outcomes[shownAs(i)];

const clipped = (left, top, wide, tall, paint) => {
  context.save();
  context.beginPath(); context.rect(left, top, wide, tall); context.clip();
  paint();
  context.restore();
};
const fit = (text, room) => {
  if (context.measureText(text).width <= room) return text;
  let low = 0, high = text.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(`${text.slice(0, middle)}…`).width <= room) low = middle; else high = middle - 1;
  }
  return low < 4 ? "" : `${text.slice(0, low)}…`;
};

const draw = () => {
  context.fillStyle = colors.card; context.fillRect(0, 0, width, height);
  context.textBaseline = "middle";
  const first = Math.max(0, Math.floor(chart.scrollTop / ROW));
  const last = Math.min(rows.length, Math.ceil((chart.scrollTop + height) / ROW));
  clipped(gutter, HEAD, width - gutter, height - HEAD, () => {
    drawPhases();
    for (let place = first; place < last; place++) drawRow(place);
    for (let place = first; place < last; place++) drawMarks(place);
  });
  clipped(0, HEAD, gutter, height - HEAD, () => {
    for (let place = first; place < last; place++) drawName(place);
  });
  drawHead();
};

const drawName = (place) => {
  const row = rows[place], middle = HEAD + place * ROW - chart.scrollTop + ROW / 2;
  context.fillStyle = colors.line; context.fillRect(0, middle + ROW / 2 - 0.5, gutter, 0.5);
  context.fillStyle = causesOf[row] ? colors.failed : row === CHECK ? colors.dim : colors.text;
  context.font = causesOf[row] ? `650 ${FONT}` : FONT;
  context.fillText(fit(rowName(row), gutter - 16), 10, middle);
  context.font = FONT;
};

// The bands of the phases from `top` to `bottom`. Of many within one pixel, one is painted.
const drawBands = (top, bottom) => {
  let filled = -Infinity;
  phases.forEach((phase, p) => {
    const left = x(phase.start), right = x(phase.end), isNarrow = right - left < 1;
    if (right < gutter || left > width || (isNarrow && left < filled)) return;
    filled = left + Math.max(1, right - left);
    context.fillStyle = p % 2 && !isNarrow ? colors["band-other"] : colors.band;
    context.fillRect(left, top, filled - left, bottom - top);
  });
};

const drawPhases = () => {
  drawBands(HEAD, height);
  phases.forEach((phase) => {
    const left = x(phase.start), right = x(phase.end);
    if (right < gutter || left > width) return;
    if (phase.go === null) return;
    // From the first start to the last: how far apart the workers really started.
    const go = x(phase.go), apart = phase.skew ? x(phase.go + phase.skew[0]) - go : 0;
    if (apart > 1) { context.fillStyle = colors.skew; context.fillRect(go, HEAD, apart, height - HEAD); }
    context.strokeStyle = colors.accent; context.setLineDash([4, 3]);
    for (const barrier of phase.barriers) {
      if (barrier.at === null) continue;
      context.beginPath(); context.moveTo(x(barrier.at), HEAD); context.lineTo(x(barrier.at), height); context.stroke();
    }
    context.setLineDash([]);
  });
};

const drawRow = (place) => {
  const top = HEAD + place * ROW - chart.scrollTop;
  context.fillStyle = colors.line; context.fillRect(gutter, top + ROW - 0.5, width - gutter, 0.5);
  let filled = -Infinity, color = "";
  // What failed is painted last, so that nothing that came close behind it hides it.
  const later = [];
  for (const i of mine[rows[place]]) {
    const at = box(i, place);
    if (at.right < gutter || at.left > width) continue;
    if (BAD.has(steps.outcome[i])) { later.push([i, at]); continue; }
    const tone = toneOf(i);
    // Where many fall on one pixel, one of each colour is drawn.
    if (at.right <= filled && tone === color && i !== selected && !has(i, SPAWN)) continue;
    if (!has(i, SPAWN) && at.right - at.left <= 2.01) { filled = Math.floor(at.left) + 1; color = tone; }
    drawBar(i, at);
  }
  for (const [i, at] of later) drawBar(i, at);
};

const isPale = (i) => has(i, BARRIER | CONSEQUENCE | EXCUSED) && !has(i, CAUSE);
const drawBar = (i, at) => {
  const left = Math.max(at.left, gutter - 5), right = Math.min(at.right, width + 5), wide = right - left, tall = at.bottom - at.top;
  const outline = (by) => {
    context.beginPath();
    if (wide > 6 && tall > 6) context.roundRect(left - by, at.top - by, wide + 2 * by, tall + 2 * by, 3 + by);
    else context.rect(left - by, at.top - by, wide + 2 * by, tall + 2 * by);
  };
  const tone = toneOf(i), pale = isPale(i), isChosen = i === selected || i === focused || i === hovered;
  context.fillStyle = tone;
  if (pale) context.globalAlpha = 0.3;
  // Most bars of a long run are narrow.
  if (wide <= 6) context.fillRect(left, at.top, wide, tall); else { outline(0); context.fill(); }
  if (pale) context.globalAlpha = 1;
  if (has(i, CONSEQUENCE) && pale && wide > 6) { outline(-0.5); context.strokeStyle = tone; context.setLineDash([3, 2]); context.stroke(); context.setLineDash([]); }
  if (isChosen) {
    outline(1);
    context.strokeStyle = i === hovered ? colors.text : colors.accent; context.lineWidth = i === hovered ? 1 : 2.5; context.stroke(); context.lineWidth = 1;
  }
  if (wide <= 34 || tall <= 11) return;
  context.fillStyle = pale ? colors.text : colors.on;
  const from = Math.max(left, gutter) + 7;
  context.fillText(fit(labelOf(i), right - from - (has(i, CAUSE) ? 12 : 5)), from, (at.top + at.bottom) / 2 + 0.5);
};

const drawHead = () => {
  context.fillStyle = colors.card; context.fillRect(0, 0, width, HEAD);
  clipped(gutter, 0, width - gutter, HEAD, () => {
    if (trials.length > 1) drawTrials();
    drawBands(trials.length > 1 ? LINE : 0, HEAD);
    phases.forEach(drawPhaseName);
    drawTicks();
    drawCauseTicks();
  });
  context.fillStyle = colors.line; context.fillRect(0, HEAD - 1, width, 1); context.fillRect(gutter - 0.5, 0, 1, height);
};
const drawTrials = () => {
  const seen = trials.filter((trial) => x(trial.end) >= gutter && x(trial.start) <= width);
  context.fillStyle = colors.line;
  for (const trial of seen) context.fillRect(x(trial.start), 0, 1, HEAD - LINE);
  for (const { trial, name, from } of trialNames(seen)) {
    context.fillStyle = trial.verdict && trial.verdict !== "passed" ? colors.failed : colors.text;
    context.fillText(name, from, LINE / 2 + 1);
  }
};
// Where the numbers of all trials have no room, every second, fifth, tenth and so on has one.
const trialNames = (seen) => {
  if (!seen.length) return [];
  const wide = (name) => context.measureText(name).width;
  const each = (x(seen.at(-1).end) - x(seen[0].start)) / seen.length;
  const raw = Math.max(1, (wide(`${seen.at(-1).number}`) + 9) / Math.max(each, 0.001));
  const power = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= raw);
  let free = 0;
  return seen.flatMap((trial) => {
    const from = Math.max(x(trial.start), gutter) + 5, own = Math.min(x(trial.end), width) - from - 4;
    const room = step === 1 ? own : trial.number % step === 0 ? width - from : 0;
    const name = own > 30 && wide(`Trial ${trial.number}`) <= own ? `Trial ${trial.number}` : `${trial.number}`;
    if (from < free || wide(name) > Math.max(room, name.startsWith("Trial") ? own : 0)) return [];
    free = from + wide(name) + 4;
    return [{ trial, name, from }];
  });
};
const drawPhaseName = (phase) => {
  const top = trials.length > 1 ? LINE : 0, left = Math.max(gutter, x(phase.start)), right = Math.min(width, x(phase.end));
  if (right - left < 24) return;
  const skew = phase.skew && phase.skew[2] > 1 ? `${phase.phase}   start skew ${span(phase.skew[0])} ${uncertainty(phase.skew[1])}` : phase.phase;
  const name = [skew, phase.phase].find((name) => context.measureText(name).width <= right - left - 10);
  context.fillStyle = colors.text;
  if (name) context.fillText(name, left + 5, top + LINE / 2 + 1);
};
const drawTicks = () => {
  const room = Math.max(1, Math.floor((width - gutter) / 90)), raw = (view.to - view.from) / room;
  const power = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= raw);
  context.fillStyle = colors.dim; context.strokeStyle = colors.line;
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
    context.beginPath(); context.moveTo(x(t), HEAD - 6); context.lineTo(x(t), HEAD); context.stroke();
    const text = tick(t, step);
    if (x(t) + 4 + context.measureText(text).width < width) context.fillText(text, x(t) + 4, HEAD - LINE / 2 - 2);
  }
};
const tick = (t, step) => {
  const [unit, name] = step >= 1e9 ? [1e9, "s"] : step >= 1e6 ? (Math.abs(t) >= 1e9 ? [1e9, "s"] : [1e6, "ms"]) : [1e3, "µs"];
  const digits = Math.max(0, Math.ceil(-Math.log10(step / unit) - 1e-9));
  return `${(t / unit).toFixed(digits)} ${name}`;
};

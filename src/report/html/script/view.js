// What part of the run is seen, and where its moments and steps are on the canvas.
const LINE = 18, ROW = 26, SPAWNED = 5, PAD = 3;
const HEAD = LINE * (trials.length > 1 ? 3 : 2) + 6;
const FONT = '12px system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';
// On paper the timeline is so many pixels wide, about as wide as a sheet: its texts are not made smaller.
const PAPER = 720;
const chart = byId("chart"), canvas = chart.querySelector("canvas"), context = canvas.getContext("2d"), spacer = element("div");
const full = { from: -0.01 * data.end, to: 1.01 * data.end };
if (full.to - full.from < 1000) full.to = full.from + 1000;
let view = { ...full }, selected = -1, hovered = -1, focused = -1, gutter = 100, width = 0, height = 0, printing = false, due = 0;

const x = (time) => gutter + (time - view.from) / (view.to - view.from) * (width - gutter);
const timeAt = (px) => view.from + (px - gutter) / (width - gutter) * (view.to - view.from);
const soon = () => { if (!due) due = requestAnimationFrame(() => { due = 0; draw(); }); };

const layout = () => {
  chooseRows();
  const most = HEAD + Math.max(1, rows.length) * ROW + 2;
  width = printing ? PAPER : chart.clientWidth;
  const room = printing ? most : Math.round(Math.min(most, window.innerHeight * 0.68 - 2));
  height = Math.max(HEAD + ROW, Math.min(room, 6000));
  spacer.style.height = `${Math.max(0, most - height)}px`;
  const ratio = printing ? 3 : window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`; canvas.style.height = `${height}px`;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = FONT;
  let widest = 40;
  for (const row of rows.slice(0, 2000)) widest = Math.max(widest, context.measureText(rowName(row)).width);
  gutter = Math.round(Math.min(widest + 24, width * 0.3));
  draw();
};

// Where a step is on the canvas, in the row at this place.
const box = (i, place) => {
  const top = HEAD + place * ROW - chart.scrollTop;
  const left = x(steps.start[i]), right = Math.max(left + 2, x(drawnEnd[i]));
  if (has(i, SPAWN)) return { left, right, top: top + ROW - SPAWNED - 2, bottom: top + ROW - 2 };
  const inner = ROW - SPAWNED - 2 * PAD, part = inner / lanes[i];
  return { left, right, top: top + PAD + lane[i] * part, bottom: top + PAD + (lane[i] + 1) * part - (lanes[i] > 1 ? 1 : 0) };
};

const show = (from, to) => {
  const least = 1000, size = Math.min(Math.max(to - from, least), full.to - full.from);
  let start = (from + to) / 2 - size / 2;
  start = Math.min(Math.max(start, full.from), full.to - size);
  view = { from: start, to: start + size };
  soon();
};
const zoom = (factor, around = (view.from + view.to) / 2) =>
  show(around - (around - view.from) * factor, around + (view.to - around) * factor);
const showAround = (from, to) => show(from - 0.03 * (to - from) - 500, to + 0.03 * (to - from) + 500);

// Brings a step into view, and says the place of its row.
const reveal = (i) => {
  let place = rows.indexOf(steps.worker[i]);
  if (place < 0) { byId("filter").value = ""; byId("bad").checked = false; layout(); place = rows.indexOf(steps.worker[i]); }
  const top = place * ROW;
  if (top < chart.scrollTop || top + ROW > chart.scrollTop + height - HEAD) chart.scrollTop = top - (height - HEAD) / 2;
  if (drawnEnd[i] < view.from || steps.start[i] > view.to) {
    const half = (view.to - view.from) / 2;
    show(steps.start[i] - half, steps.start[i] + half);
  }
  return place;
};

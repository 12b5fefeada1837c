// Marks of a fixed size: at causes, however short their steps are, and for what is not known of a worker's clock.
const MARK = 6.5;
const markPlace = (i, place) => {
  const at = box(i, place);
  return { x: x(drawnEnd[i]), y: (at.top + at.bottom) / 2, r: MARK };
};
const drawMarks = (place) => {
  for (const i of clocks[rows[place]]) drawClock(i, place);
  let last = -Infinity;
  for (const i of mine[rows[place]]) {
    if (!has(i, CAUSE)) continue;
    const at = markPlace(i, place);
    if (at.x < gutter - MARK || at.x > width + MARK || (at.x - last < MARK && i !== selected)) continue;
    last = at.x;
    drawMark(at);
  }
};
const drawMark = ({ x: px, y, r }) => {
  context.beginPath(); context.arc(px, y, r + 1.5, 0, 2 * Math.PI); context.fillStyle = colors.card; context.fill();
  context.beginPath(); context.arc(px, y, r, 0, 2 * Math.PI); context.fillStyle = colors.failed; context.fill();
  const arm = r * 0.42;
  context.strokeStyle = colors.on; context.lineWidth = 1.8; context.lineCap = "round";
  context.beginPath();
  context.moveTo(px - arm, y - arm); context.lineTo(px + arm, y + arm);
  context.moveTo(px + arm, y - arm); context.lineTo(px - arm, y + arm);
  context.stroke();
  context.lineWidth = 1; context.lineCap = "butt";
};
// All bars of the worker's phase may be shifted together by up to this much. Less than a pixel is not drawn.
const drawClock = (i, place) => {
  const off = (steps.error[i] / (view.to - view.from)) * (width - gutter);
  if (off < 1.5) return;
  const start = x(steps.start[i]), middle = HEAD + place * ROW - chart.scrollTop + PAD + (ROW - SPAWNED - 2 * PAD) / 2;
  const whisker = () => {
    context.beginPath();
    context.moveTo(start - off, middle); context.lineTo(start + off, middle);
    for (const end of [start - off, start + off]) { context.moveTo(end, middle - 4); context.lineTo(end, middle + 4); }
    context.stroke();
  };
  context.strokeStyle = colors.card; context.lineWidth = 4; whisker();
  context.strokeStyle = colors.text; context.lineWidth = 1.25; whisker();
  context.lineWidth = 1;
};
// In the scale above, so that a cause in a row that is not seen is seen all the same.
const drawCauseTicks = () => {
  context.fillStyle = colors.failed;
  for (const i of failures) {
    if (!has(i, CAUSE)) continue;
    const px = x(drawnEnd[i]);
    context.beginPath(); context.moveTo(px - 4, HEAD - 8); context.lineTo(px + 4, HEAD - 8); context.lineTo(px, HEAD - 1); context.fill();
  }
};

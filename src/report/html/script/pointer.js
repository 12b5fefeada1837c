// The mouse and fingers on the timeline: what is under them, moving, zooming, choosing.
const at = (event) => {
  const area = canvas.getBoundingClientRect();
  return [event.clientX - area.left, event.clientY - area.top];
};
const placeAt = (py) => py < HEAD ? -1 : Math.floor((py - HEAD + chart.scrollTop) / ROW);
const find = (px, py) => {
  const place = placeAt(py);
  if (px < gutter - MARK || place < 0 || place >= rows.length) return -1;
  let best = -1, distance = 5;
  for (const i of mine[rows[place]]) {
    const its = box(i, place);
    // A mark lies above everything.
    if (has(i, CAUSE)) { const mark = markPlace(i, place); if (Math.hypot(px - mark.x, py - mark.y) <= MARK + 1) return i; }
    if (py < its.top - 2 || py > its.bottom + 2) continue;
    const away = px < its.left ? its.left - px : px > its.right ? px - its.right : 0;
    if (away < distance || (away === 0 && distance === 0)) { best = i; distance = away; }
  }
  return best;
};
const rowNamed = (px, py) => px < gutter ? rows[placeAt(py)] : undefined;
const phaseAt = (px, py) => {
  if (py >= HEAD || px < gutter) return undefined;
  const parts = trials.length > 1 && py < LINE ? trials : phases;
  return parts.find((part) => x(part.start) <= px && px <= x(part.end));
};

let drag = null;
canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  drag = { px: event.clientX, view: { ...view }, moved: false };
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  if (drag && Math.abs(event.clientX - drag.px) > 4) drag.moved = true;
  if (drag && drag.moved) {
    const by = (drag.px - event.clientX) / (width - gutter) * (drag.view.to - drag.view.from);
    show(drag.view.from + by, drag.view.to + by);
    tip.hidden = true;
    return;
  }
  const [px, py] = at(event), i = find(px, py);
  chart.classList.toggle("pointing", i >= 0 || rowNamed(px, py) !== undefined || phaseAt(px, py) !== undefined);
  if (i !== hovered) { hovered = i; soon(); }
  hint(i, event);
});
canvas.addEventListener("pointerleave", () => { hovered = -1; tip.hidden = true; soon(); });
canvas.addEventListener("pointercancel", () => { drag = null; });
canvas.addEventListener("pointerup", (event) => {
  const moved = !drag || drag.moved;
  drag = null;
  if (moved) return;
  const [px, py] = at(event), i = find(px, py), row = rowNamed(px, py), phase = phaseAt(px, py);
  if (i >= 0) go(linkOf(i));
  else if (row !== undefined && row !== CHECK) go(linkOfRow(row));
  else if (phase) showAround(phase.start, phase.end);
});
chart.addEventListener("wheel", (event) => {
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 300))), timeAt(Math.max(gutter, at(event)[0])));
  } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    event.preventDefault();
    const by = (event.deltaX || event.deltaY) / (width - gutter) * (view.to - view.from);
    show(view.from + by, view.to + by);
  }
}, { passive: false });
chart.addEventListener("scroll", soon);

const tip = byId("tip");
const hint = (i, event) => {
  tip.hidden = i < 0;
  if (i < 0) return;
  const command = commandOf(i);
  tip.replaceChildren(
    element("div", "word " + classOf(shownAs(i)), labelOf(i)),
    element("div", "", `${detailOf(i)}, ${span(steps.duration[i])}`),
    element("div", "dim", `${rowName(steps.worker[i])}, ${when(i)}`),
    element("div", "", command.length > 200 ? `${command.slice(0, 200)}…` : command),
    has(i, CONSEQUENCE) ? element("div", "dim", "consequence of a cause") : null,
  );
  const room = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, window.innerWidth - room.width - 8))}px`;
  tip.style.top = `${event.clientY + 18 + room.height > window.innerHeight ? event.clientY - room.height - 10 : event.clientY + 18}px`;
};

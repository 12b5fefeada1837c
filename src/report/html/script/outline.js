// The timeline for screen readers and the keyboard: a link for each step, inside of the canvas. Painted is what has the focus.
const MOST_LINKS = 20000, MOST_IN_VIEW = 3000;
const linkOfStep = new Map(), stepOfLink = new WeakMap();
let current = -1;

const outlineText = (i) => {
  const parts = [`${labelOf(i)}: ${detailOf(i)}`, span(steps.duration[i]), when(i)];
  if (has(i, CAUSE)) parts.push("cause");
  if (has(i, CONSEQUENCE)) parts.push("consequence");
  return parts.join(", ");
};
// All of them, or those that are seen when they are very many.
const outlined = () => {
  if (count <= MOST_LINKS) return mine;
  let left = MOST_IN_VIEW;
  const isSeen = (i) => i === current || (drawnEnd[i] >= view.from && steps.start[i] <= view.to && left-- > 0);
  return mine.map((list, row) => rows.includes(row) ? list.filter(isSeen) : []);
};
const outline = () => {
  linkOfStep.clear();
  const lists = outlined().map((list, row) => {
    if (!list.length) return null;
    const entries = list.map((i) => {
      const made = link(linkOf(i), outlineText(i));
      made.tabIndex = i === current ? 0 : -1;
      linkOfStep.set(i, made); stepOfLink.set(made, i);
      return element("li", "", made);
    });
    const steps = element("ul", "", ...entries);
    steps.setAttribute("aria-label", rowName(row));
    return element("li", "", steps);
  });
  const all = element("ul", "", ...lists);
  all.setAttribute("aria-label", "Steps by worker");
  canvas.replaceChildren(all);
};
const setCurrent = (i) => {
  const before = linkOfStep.get(current);
  if (before) before.tabIndex = -1;
  current = i;
  if (!linkOfStep.has(i)) outline();
  linkOfStep.get(i).tabIndex = 0;
};
const focusStep = (i) => {
  setCurrent(i);
  linkOfStep.get(i).focus({ preventScroll: true });
};

canvas.addEventListener("focusin", (event) => {
  const i = stepOfLink.get(event.target);
  if (i === undefined) return;
  focused = i;
  reveal(i);
  chart.scrollIntoView({ block: "nearest" });
  soon();
});
canvas.addEventListener("focusout", () => { focused = -1; soon(); });

const neighbour = (i, sideways, down) => {
  const row = steps.worker[i];
  if (sideways) return mine[row][mine[row].indexOf(i) + sideways];
  const other = mine[rows[rows.indexOf(row) + down]] || [];
  const away = (other) => Math.abs(steps.start[other] - steps.start[i]);
  return other.reduce((best, one) => best === undefined || away(one) < away(best) ? one : best, undefined);
};
chart.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const sideways = { ArrowLeft: -1, ArrowRight: 1 }[event.key] || 0, down = { ArrowUp: -1, ArrowDown: 1 }[event.key] || 0;
  if (event.key === "+" || event.key === "=") zoom(0.6);
  else if (event.key === "-") zoom(1 / 0.6);
  else if (event.key === "0" || event.key === "Home") show(full.from, full.to);
  else if ((sideways || down) && focused >= 0) {
    const next = neighbour(focused, sideways, down);
    if (next !== undefined) focusStep(next);
  } else return;
  event.preventDefault();
});

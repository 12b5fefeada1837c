// The beginning: the tools and the legend of the timeline, printing, and what tests ask.
const fillJump = () => {
  const jump = byId("jump"), choices = [["Whole run", full.from, full.to]];
  if (trials.length > 1) trials.forEach((trial) => choices.push([`Trial ${trial.number}, ${trial.verdict || "not over"}`, trial.start, trial.end]));
  const wanted = phases.length <= 200 ? phases : [];
  wanted.forEach((phase) => choices.push([(trials.length > 1 ? `Trial ${trials[phase.trial].number}, ` : "") + phase.phase, phase.start, phase.end]));
  choices.forEach(([name], index) => jump.add(new Option(name, index)));
  jump.addEventListener("change", () => {
    const [, from, to] = choices[jump.value];
    if (jump.value === "0") show(from, to); else showAround(from, to);
  });
};
const fillLegend = () => {
  const add = (name, text, title) => {
    const entry = element("li", name, element("i", "", name === "mark" ? "✕" : ""), text);
    if (title) entry.title = title;
    byId("legend").append(entry);
  };
  const all = [...Array(count).keys()];
  if (anyCause) add("mark", "cause");
  const used = new Set(all.map((i) => shownAs(i)));
  outcomes.filter((word) => used.has(word)).forEach((word) => add(classOf(word), word));
  if (all.some((i) => has(i, CONSEQUENCE))) add("pale failed", "consequence");
  if (all.some((i) => has(i, EXCUSED))) add("pale failed", "failed, does not count");
  if (all.some((i) => has(i, BARRIER))) add("pale passed", "waits at a barrier");
  if (phases.some((phase) => phase.barriers.some((barrier) => barrier.at !== null))) add("barrier", "barrier passed");
  if (phases.some((phase) => phase.skew && phase.skew[2] > 1)) add("skew", "from the first start of a phase to the last");
  const errors = clocks.flat().map((i) => steps.error[i]);
  if (errors.length) {
    const most = errors.reduce((a, b) => Math.max(a, b));
    add("clock", `clock of a worker, at most ${uncertainty(most)}`,
      "All bars of this worker may be shifted together by up to this much, relative to those of other workers. Bars of one worker follow each other as its own clock says. It is drawn where it is wider than a pixel.");
  }
};
const print = (now) => {
  printing = now;
  document.documentElement.classList.toggle("print", now);
  document.querySelectorAll("details").forEach((part) => {
    if (now && !part.open) { part.open = true; part.dataset.opened = ""; }
    else if (!now && "opened" in part.dataset) { part.open = false; delete part.dataset.opened; }
  });
  readColors();
  layout();
};
const later = window.requestIdleCallback || ((work) => setTimeout(work, 0));

const start = () => {
  byId("timeline").hidden = false;
  chart.append(spacer);
  canvas.setAttribute("role", "group");
  canvas.setAttribute("aria-label", "Timeline: the arrow keys go from step to step");
  byId("bad-choice").hidden = !failures.length;
  fillJump();
  fillLegend();
  byId("in").addEventListener("click", () => zoom(0.5));
  byId("out").addEventListener("click", () => zoom(2));
  byId("bad").addEventListener("change", () => { chart.scrollTop = 0; layout(); });
  byId("filter").addEventListener("input", () => { chart.scrollTop = 0; layout(); });
  new ResizeObserver(() => { if (chart.clientWidth !== width) layout(); }).observe(chart);
  window.addEventListener("resize", layout);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColors(); draw(); });
  window.addEventListener("beforeprint", () => print(true));
  window.addEventListener("afterprint", () => print(false));
  window.addEventListener("hashchange", route);
  window.addEventListener("popstate", route);
  readColors();
  layout();
  current = failures.length ? failures[0] : 0;
  if (count <= MOST_IN_VIEW) outline(); else later(outline);
  route();
};
if (count > 0) start();

// For whoever looks at the page by program: where the bar, the mark and the clock of a step are.
globalThis.timeline = {
  bars: count,
  drawn: (i) => { const at = box(i, reveal(i)); draw(); return at; },
  mark: (i) => { const at = markPlace(i, reveal(i)), area = canvas.getBoundingClientRect(); draw(); return [area.left + at.x, area.top + at.y]; },
  place: (i) => {
    const at = timeline.drawn(i), area = canvas.getBoundingClientRect();
    return [area.left + (Math.max(at.left, gutter) + Math.min(at.right, width)) / 2, area.top + (at.top + at.bottom) / 2];
  },
  zoomTo: (i) => { showAround(steps.start[i], endOf(i)); draw(); },
  whole: () => { show(full.from, full.to); draw(); },
  trialNames: () => trialNames(trials).map(({ name }) => name),
  link: linkOf,
  find: (hash) => target(hash),
  colorAt: ([px, py]) => {
    const area = canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    return [...context.getImageData(Math.floor((px - area.left) * ratio), Math.floor((py - area.top) * ratio), 1, 1).data];
  },
  // Above its label.
  color: (i) => {
    const [px] = timeline.place(i), area = canvas.getBoundingClientRect();
    return timeline.colorAt([px, area.top + timeline.drawn(i).top + 2]);
  },
};

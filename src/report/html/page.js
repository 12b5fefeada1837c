"use strict";
// The timeline of the report. All texts of others reach the page through `textContent` and `fillText` alone.
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const { outcomes, workers, trials, phases, labels, commands, steps } = data;
  const count = steps.start.length;
  const classOf = (word) => word.replace(/ /g, "-");
  const SEEN = 1, LEAKY = 2, SPAWN = 4, BARRIER = 8, EXCUSED = 16;
  const BAD = new Set(["failed", "timed out", "not started", "lost"].map((word) => outcomes.indexOf(word)));
  if (count === 0) return;

  // --- Words -------------------------------------------------------------------------------------------------------
  const span = (ns) => {
    if (ns < 1e3) return `${Math.round(ns)} ns`;
    if (ns < 1e6) return `${(ns / 1e3).toFixed(1)} µs`;
    if (ns < 1e9) return `${(ns / 1e6).toFixed(3)} ms`;
    if (ns < 6e10) return `${(ns / 1e9).toFixed(3)} s`;
    const seconds = ns / 1e9, minutes = Math.floor(seconds / 60);
    const rest = (seconds % 60).toFixed(1).padStart(4, "0");
    return minutes < 60 ? `${minutes}m${rest}s` : `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, "0")}m${rest}s`;
  };
  const date = (ns) => {
    const us = data.utc_us + Math.round(ns / 1e3), seconds = Math.floor(us / 1e6);
    const whole = new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
    return `${whole}.${String(us - seconds * 1e6).padStart(6, "0")} UTC`;
  };
  const describe = (i) => `${workers[steps.worker[i]]}, ${phaseOf(i).phase} of trial ${trials[phaseOf(i).trial].number}`;
  const phaseOf = (i) => phases[steps.phase[i]];
  const end = (i) => steps.start[i] + steps.duration[i];

  // --- Rows: a worker each; steps that run together share its height --------------------------------------------------
  const mine = workers.map(() => []);
  for (let i = 0; i < count; i++) mine[steps.worker[i]].push(i);
  const lane = new Uint8Array(count), lanes = new Uint8Array(count).fill(1);
  const bad = new Uint8Array(workers.length);
  for (const list of mine) {
    list.sort((a, b) => steps.start[a] - steps.start[b] || a - b);
    let group = [], ends = [], until = -Infinity;
    const close = () => { for (const i of group) lanes[i] = ends.length; group = []; ends = []; until = -Infinity; };
    for (const i of list) {
      if (BAD.has(steps.outcome[i]) && !(steps.flags[i] & EXCUSED)) bad[steps.worker[i]] = 1;
      // What was only seen to end, such as a barrier, may seem to overlap what came after it.
      if (steps.flags[i] & (SPAWN | SEEN)) continue;
      if (steps.start[i] >= until) close();
      let place = ends.findIndex((last) => last <= steps.start[i]);
      if (place < 0) place = ends.length;
      place = Math.min(place, 5);
      ends[place] = end(i); lane[i] = place; group.push(i);
      until = Math.max(until, end(i));
    }
    close();
  }

  // --- The view ----------------------------------------------------------------------------------------------------
  const HEAD = 46, ROW = 24, SPAWNED = 5;
  const chart = byId("chart"), canvas = chart.querySelector("canvas"), context = canvas.getContext("2d"), tip = byId("tip");
  const full = { from: -0.01 * data.end, to: 1.01 * data.end };
  if (full.to - full.from < 1000) full.to = full.from + 1000;
  let view = { ...full }, rows = [], selected = -1, hovered = -1, gutter = 100, width = 0, height = 0, colors = {}, due = 0;
  const spacer = document.createElement("div");
  chart.append(spacer);

  const x = (time) => gutter + (time - view.from) / (view.to - view.from) * (width - gutter);
  const timeAt = (px) => view.from + (px - gutter) / (width - gutter) * (view.to - view.from);

  // That a spawned step is stopped in the end is nothing to look at.
  const STOPPED = outcomes.indexOf("stopped"), SPAWNED_ONE = outcomes.indexOf("spawned");
  const shownAs = (i) => steps.flags[i] & SPAWN && steps.outcome[i] === STOPPED ? SPAWNED_ONE : steps.outcome[i];
  const toneOf = (i) => colors.outcomes[shownAs(i)];
  const readColors = () => {
    const style = getComputedStyle(document.documentElement);
    const get = (name) => style.getPropertyValue(`--${name}`).trim();
    for (const name of ["card", "line", "soft", "text", "dim", "accent", "band", "band-other", "skew"]) colors[name] = get(name);
    colors.outcomes = outcomes.map((word) => get(classOf(word)) || get("dim"));
  };

  const layout = () => {
    const words = byId("filter").value.trim().toLowerCase(), onlyBad = byId("bad").checked;
    rows = [];
    workers.forEach((name, w) => {
      if ((!words || name.toLowerCase().includes(words)) && (!onlyBad || bad[w])) rows.push(w);
    });
    byId("shown").textContent = `${rows.length} of ${workers.length} workers`;
    const most = Math.max(HEAD + ROW, HEAD + rows.length * ROW + 2);
    width = chart.clientWidth;
    const room = printing ? most : Math.round(Math.min(most, window.innerHeight * 0.68 - 2));
    height = Math.max(HEAD + ROW, Math.min(room, 6000));
    spacer.style.height = `${Math.max(0, most - height)}px`;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`; canvas.style.height = `${height}px`;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.font = FONT;
    let widest = 40;
    for (const w of rows.slice(0, 2000)) widest = Math.max(widest, context.measureText(workers[w]).width);
    gutter = Math.round(Math.min(widest + 22, width * 0.3));
    draw();
  };
  const FONT = '12px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
  let printing = false;

  const soon = () => { if (!due) due = requestAnimationFrame(() => { due = 0; draw(); }); };

  const fit = (text, room) => {
    if (context.measureText(text).width <= room) return text;
    let low = 0, high = text.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (context.measureText(`${text.slice(0, middle)}…`).width <= room) low = middle; else high = middle - 1;
    }
    return low < 1 ? "" : `${text.slice(0, low)}…`;
  };

  const box = (i, row) => {
    const top = HEAD + row * ROW - chart.scrollTop;
    const left = x(steps.start[i]), right = Math.max(left + 3, x(end(i)));
    if (steps.flags[i] & SPAWN) return { left, right, top: top + ROW - SPAWNED - 2, bottom: top + ROW - 2 };
    const inner = ROW - SPAWNED - 5, part = inner / lanes[i];
    return { left, right, top: top + 2 + lane[i] * part, bottom: top + 2 + (lane[i] + 1) * part - (lanes[i] > 1 ? 1 : 0) };
  };

  const ticks = () => {
    const room = Math.max(1, Math.floor((width - gutter) / 110)), raw = (view.to - view.from) / room;
    const power = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= raw);
    const found = [];
    for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) found.push(t);
    return [found, step];
  };

  const draw = () => {
    context.fillStyle = colors.card; context.fillRect(0, 0, width, height);
    const first = Math.max(0, Math.floor(chart.scrollTop / ROW));
    const last = Math.min(rows.length, Math.ceil((chart.scrollTop + height) / ROW));
    context.save();
    context.beginPath(); context.rect(gutter, 0, width - gutter, height); context.clip();
    drawPhases();
    for (let row = first; row < last; row++) drawRow(row);
    context.restore();
    context.save();
    context.beginPath(); context.rect(0, HEAD, gutter, height - HEAD); context.clip();
    context.textBaseline = "middle";
    for (let row = first; row < last; row++) {
      const middle = HEAD + row * ROW - chart.scrollTop + ROW / 2;
      context.fillStyle = colors.line; context.fillRect(0, middle + ROW / 2 - 0.5, gutter, 0.5);
      context.fillStyle = bad[rows[row]] ? colors.outcomes[outcomes.indexOf("failed")] : colors.text;
      context.fillText(fit(workers[rows[row]], gutter - 16), 10, middle);
    }
    context.restore();
    drawHead();
  };

  const drawPhases = () => {
    phases.forEach((phase, p) => {
      const left = x(phase.start), right = x(phase.end);
      if (right < gutter || left > width) return;
      context.fillStyle = p % 2 ? colors["band-other"] : colors.band;
      context.fillRect(left, 0, Math.max(1, right - left), height);
      if (phase.go === null) return;
      // From the first start to the last: how far apart the workers really started.
      const go = x(phase.go), apart = phase.skew ? x(phase.go + phase.skew[0]) - go : 0;
      context.fillStyle = colors.skew; context.fillRect(go - 0.5, HEAD, Math.max(1, apart), height - HEAD);
      for (const barrier of phase.barriers) {
        if (barrier.at === null) continue;
        context.strokeStyle = colors.accent; context.setLineDash([4, 3]);
        context.beginPath(); context.moveTo(x(barrier.at), HEAD); context.lineTo(x(barrier.at), height); context.stroke();
        context.setLineDash([]);
      }
    });
  };

  const drawRow = (row) => {
    const top = HEAD + row * ROW - chart.scrollTop;
    context.fillStyle = colors.line; context.fillRect(gutter, top + ROW - 0.5, width - gutter, 0.5);
    context.textBaseline = "middle";
    let filled = -Infinity, color = "";
    // What failed is painted last, so that nothing that came close behind it hides it.
    const late = [];
    for (const i of mine[rows[row]]) {
      const at = box(i, row);
      if (at.right < gutter || at.left > width) continue;
      if (BAD.has(steps.outcome[i])) { late.push([i, at]); continue; }
      const tone = toneOf(i);
      // Where many fall on one pixel, one of each colour is drawn.
      if (at.right <= filled && tone === color && i !== selected && !(steps.flags[i] & SPAWN)) continue;
      if (!(steps.flags[i] & SPAWN) && at.right - at.left <= 3.01) { filled = Math.floor(at.left) + 1; color = tone; }
      drawBar(i, at, tone);
    }
    for (const [i, at] of late) drawBar(i, at, toneOf(i));
  };

  const drawBar = (i, at, tone) => {
    const left = Math.max(at.left, gutter - 5), right = Math.min(at.right, width + 5), wide = right - left, tall = at.bottom - at.top;
    context.beginPath();
    if (wide > 6 && tall > 6) context.roundRect(left, at.top, wide, tall, 3); else context.rect(left, at.top, wide, tall);
    const waits = steps.flags[i] & (BARRIER | SEEN);
    context.globalAlpha = waits ? 0.35 : 1;
    context.fillStyle = tone; context.fill();
    context.globalAlpha = 1;
    if (i === selected || i === hovered) { context.strokeStyle = colors.text; context.lineWidth = i === selected ? 2 : 1; context.stroke(); context.lineWidth = 1; }
    const off = (steps.error[i] / (view.to - view.from)) * (width - gutter);
    if (off > 2 && tall > 6) {
      // What is not known of the player's clock.
      const middle = (at.top + at.bottom) / 2;
      context.strokeStyle = colors.text; context.beginPath();
      context.moveTo(at.left - off, middle); context.lineTo(at.left + off, middle);
      context.moveTo(at.left - off, middle - 3); context.lineTo(at.left - off, middle + 3);
      context.moveTo(at.left + off, middle - 3); context.lineTo(at.left + off, middle + 3);
      context.stroke();
    }
    if (wide > 34 && tall > 11) {
      context.fillStyle = waits ? colors.text : "#fff";
      const from = Math.max(left, gutter) + 6;
      context.fillText(fit((BAD.has(steps.outcome[i]) ? "✕ " : "") + labels[steps.label[i]], right - from - 4), from, (at.top + at.bottom) / 2 + 0.5);
    }
  };

  const drawHead = () => {
    context.fillStyle = colors.card; context.fillRect(0, 0, width, HEAD);
    context.save();
    context.beginPath(); context.rect(gutter, 0, width - gutter, HEAD); context.clip();
    phases.forEach((phase, p) => {
      const left = Math.max(gutter, x(phase.start)), right = Math.min(width, x(phase.end));
      if (right < gutter || left > width) return;
      context.fillStyle = p % 2 ? colors["band-other"] : colors.band; context.fillRect(left, 0, Math.max(1, right - left), HEAD);
      const name = trials.length > 1 ? `${trials[phase.trial].number} ${phase.phase}` : phase.phase;
      const skew = phase.skew && phase.skew[2] > 1 ? `  skew ${span(phase.skew[0])} ± ${span(phase.skew[1])}` : "";
      context.fillStyle = colors.text; context.textBaseline = "middle";
      const room = right - left - 8;
      if (room > 14) context.fillText(context.measureText(name + skew).width <= room ? name + skew : fit(name, room), left + 4, 12);
    });
    const [found, step] = ticks();
    context.fillStyle = colors.dim; context.strokeStyle = colors.line;
    for (const t of found) {
      context.beginPath(); context.moveTo(x(t), HEAD - 7); context.lineTo(x(t), HEAD); context.stroke();
      context.fillText(tick(t, step), x(t) + 3, HEAD - 13);
    }
    context.restore();
    context.fillStyle = colors.line; context.fillRect(0, HEAD - 1, width, 1); context.fillRect(gutter - 0.5, 0, 1, height);
  };
  const tick = (t, step) => {
    const [unit, name] = step >= 1e9 ? [1e9, "s"] : step >= 1e6 ? (Math.abs(t) >= 1e9 ? [1e9, "s"] : [1e6, "ms"]) : [1e3, "µs"];
    const digits = Math.max(0, Math.ceil(-Math.log10(step / unit) - 1e-9));
    return `${(t / unit).toFixed(digits)} ${name}`;
  };

  // --- Moving about ------------------------------------------------------------------------------------------------
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

  const at = (event) => {
    const area = canvas.getBoundingClientRect();
    return [event.clientX - area.left, event.clientY - area.top];
  };
  const find = (px, py) => {
    if (px < gutter || py < HEAD) return -1;
    const row = Math.floor((py - HEAD + chart.scrollTop) / ROW);
    if (row < 0 || row >= rows.length) return -1;
    let best = -1, distance = 5;
    for (const i of mine[rows[row]]) {
      const place = box(i, row);
      if (py < place.top - 2 || py > place.bottom + 2) continue;
      const away = px < place.left ? place.left - px : px > place.right ? px - place.right : 0;
      if (away < distance || (away === 0 && distance === 0)) { best = i; distance = away; }
    }
    return best;
  };

  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
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
    const i = find(...at(event));
    if (i !== hovered) { hovered = i; soon(); }
    hint(i, event);
  });
  canvas.addEventListener("pointerleave", () => { hovered = -1; tip.hidden = true; soon(); });
  canvas.addEventListener("pointerup", (event) => {
    const moved = drag && drag.moved;
    drag = null;
    if (moved) return;
    const [px, py] = at(event), i = find(px, py);
    if (i >= 0) return select(i);
    const phase = py < HEAD && phases.find((phase) => x(phase.start) <= px && px <= x(phase.end));
    if (phase) showAround(phase.start, phase.end);
  });
  canvas.addEventListener("pointercancel", () => { drag = null; });
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
  chart.addEventListener("keydown", (event) => {
    const sideways = { ArrowLeft: -1, ArrowRight: 1 }[event.key], down = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.key === "+" || event.key === "=") zoom(0.6);
    else if (event.key === "-") zoom(1 / 0.6);
    else if (event.key === "0" || event.key === "Home") show(full.from, full.to);
    else if (sideways) {
      const list = mine[selected < 0 ? rows[0] : steps.worker[selected]];
      const next = selected < 0 ? list[0] : list[list.indexOf(selected) + sideways];
      if (next !== undefined) select(next, false);
    } else if (down) {
      const row = selected < 0 ? 0 : rows.indexOf(steps.worker[selected]) + down;
      const time = selected < 0 ? 0 : steps.start[selected];
      const near = (mine[rows[row]] || []).reduce((a, b) => (a === undefined || Math.abs(steps.start[b] - time) < Math.abs(steps.start[a] - time) ? b : a), undefined);
      if (near !== undefined) select(near, false);
    } else return;
    event.preventDefault();
  });

  const hint = (i, event) => {
    tip.hidden = i < 0;
    if (i < 0) return;
    tip.replaceChildren();
    const line = (text, name) => { const node = document.createElement("div"); node.textContent = text; node.className = name; tip.append(node); };
    line(labels[steps.label[i]], "word " + classOf(outcomes[steps.outcome[i]]));
    line(`${data.details[steps.detail[i]]}, ${span(steps.duration[i])}`, "");
    line(describe(i), "dim");
    line(commands[steps.command[i]].slice(0, 300), "small");
    const room = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, window.innerWidth - room.width - 8))}px`;
    tip.style.top = `${event.clientY + 18 + room.height > window.innerHeight ? event.clientY - room.height - 10 : event.clientY + 18}px`;
  };

  // --- One step ----------------------------------------------------------------------------------------------------
  let outputs = null;
  const outputsOf = (i) => {
    // They are the largest part, and parsed when somebody asks for one.
    if (!outputs) {
      outputs = new Map();
      for (const entry of JSON.parse(byId("outputs").textContent)) {
        if (!outputs.has(entry.step)) outputs.set(entry.step, []);
        outputs.get(entry.step).push(entry);
      }
    }
    return outputs.get(i) || [];
  };
  const reveal = (i) => {
    let row = rows.indexOf(steps.worker[i]);
    if (row < 0) { byId("filter").value = ""; byId("bad").checked = false; layout(); row = rows.indexOf(steps.worker[i]); }
    const top = row * ROW;
    if (top < chart.scrollTop || top + ROW > chart.scrollTop + height - HEAD) chart.scrollTop = top - (height - HEAD) / 2;
    if (end(i) < view.from || steps.start[i] > view.to) {
      const half = (view.to - view.from) / 2;
      show(steps.start[i] - half, steps.start[i] + half);
    }
    return row;
  };
  const select = (i, go = true) => {
    selected = i;
    reveal(i);
    const word = outcomes[steps.outcome[i]], phase = phaseOf(i), section = byId("step");
    section.hidden = false;
    section.className = classOf(word);
    byId("step-outcome").textContent = data.details[steps.detail[i]];
    byId("step-name").textContent = `${labels[steps.label[i]]} — ${describe(i)}`;
    byId("step-command").textContent = commands[steps.command[i]];
    const facts = byId("step-facts");
    facts.replaceChildren();
    const fact = (name, value) => {
      const row = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd");
      dt.textContent = name; dd.textContent = value; row.append(dt, dd); facts.append(row);
    };
    if (steps.flags[i] & SEEN) fact("Seen", date(end(i)));
    else {
      fact("Started", `${date(steps.start[i])} ± ${span(steps.error[i])}`);
      if (phase.go !== null) fact("After the phase's first start", span(Math.max(0, steps.start[i] - phase.go)));
    }
    fact("Duration", steps.duration[i] ? span(steps.duration[i]) : "—");
    if (steps.flags[i] & LEAKY) fact("Leaky", "its output was still open in other processes");
    const place = byId("step-outputs");
    place.replaceChildren();
    for (const output of outputsOf(i)) {
      const head = document.createElement("p"), text = document.createElement("pre");
      head.className = "dim small";
      head.textContent = `${output.stream}, ${output.bytes.toLocaleString("en")} bytes` + (output.left_out ? `, of which ${output.left_out.toLocaleString("en")} are left out here` : "");
      text.textContent = output.text;
      if (output.stream === "stderr") text.className = "err";
      place.append(head, text);
    }
    if (!place.firstChild) { const none = document.createElement("p"); none.className = "dim small"; none.textContent = "No output."; place.append(none); }
    soon();
    if (go) section.scrollIntoView({ block: "nearest" });
  };

  // --- Beginning ---------------------------------------------------------------------------------------------------
  byId("timeline").hidden = false;
  const jump = byId("jump"), choices = [["The whole run", full.from, full.to, true]];
  if (trials.length > 1) trials.forEach((trial) => choices.push([`Trial ${trial.number} (${trial.verdict || "not over"})`, trial.start, trial.end]));
  const wanted = phases.length <= 200 ? phases : [];
  wanted.forEach((phase) => choices.push([`Trial ${trials[phase.trial].number}, ${phase.phase}`, phase.start, phase.end]));
  choices.forEach(([name], index) => jump.add(new Option(name, index)));
  jump.addEventListener("change", () => { const [, from, to, whole] = choices[jump.value]; if (whole) show(from, to); else showAround(from, to); });
  byId("in").addEventListener("click", () => zoom(0.5));
  byId("out").addEventListener("click", () => zoom(2));
  byId("bad").addEventListener("change", () => { chart.scrollTop = 0; layout(); });
  byId("filter").addEventListener("input", () => { chart.scrollTop = 0; layout(); });
  const used = new Set(steps.outcome.map((_, i) => shownAs(i)));
  outcomes.forEach((word, index) => {
    if (!used.has(index)) return;
    const entry = document.createElement("span");
    entry.className = classOf(word); entry.textContent = word;
    byId("legend").append(entry);
  });
  document.querySelectorAll("button[data-step]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => select(Number(button.dataset.step)));
  });
  new ResizeObserver(() => { if (chart.clientWidth !== width) layout(); }).observe(chart);
  window.addEventListener("resize", layout);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColors(); draw(); });
  const print = (now) => { printing = now; document.documentElement.classList.toggle("print", now); readColors(); layout(); };
  window.addEventListener("beforeprint", () => print(true));
  window.addEventListener("afterprint", () => print(false));
  readColors();
  layout();

  // For whoever looks at the page by program: how many bars there are, and where the middle of each is.
  globalThis.timeline = {
    bars: count,
    place: (i) => {
      const row = reveal(i);
      draw();
      const area = canvas.getBoundingClientRect(), place = box(i, row);
      return [area.left + (Math.max(place.left, gutter) + Math.min(place.right, width)) / 2, area.top + (place.top + place.bottom) / 2];
    },
    zoomTo: (i) => { showAround(steps.start[i], end(i)); draw(); },
    color: (i) => {
      const [px, py] = globalThis.timeline.place(i), area = canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
      return [...context.getImageData(Math.floor((px - area.left) * ratio), Math.floor((py - area.top) * ratio), 1, 1).data];
    },
  };
})();

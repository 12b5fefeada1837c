// The rows of the timeline: one for each worker, one for the checks. Steps that run together share its height.
const mine = [...workers, "check"].map(() => []);
for (let i = 0; i < count; i++) mine[steps.worker[i]].push(i);
const lane = new Uint8Array(count), lanes = new Uint8Array(count).fill(1);
const drawnEnd = new Float64Array(count);
const causesOf = mine.map(() => 0), badOf = mine.map(() => 0);
const MOST_LANES = 6;

// The time of a worker goes on from phase to phase: what its clock gained in a long phase is not drawn over the next one.
const settleEnds = (list) => {
  let next = Infinity, phase = -1, first = Infinity;
  for (const i of [...list].reverse()) {
    if (steps.phase[i] !== phase) { next = first; phase = steps.phase[i]; }
    drawnEnd[i] = has(i, SPAWN) ? endOf(i) : Math.max(steps.start[i], Math.min(endOf(i), next));
    first = Math.min(first, steps.start[i]);
  }
};
const settleLanes = (list) => {
  let group = [], ends = [], until = -Infinity;
  const close = () => { for (const i of group) lanes[i] = ends.length; group = []; ends = []; until = -Infinity; };
  for (const i of list) {
    if (has(i, SPAWN)) continue;
    if (steps.start[i] >= until) close();
    let place = ends.findIndex((last) => last <= steps.start[i]);
    if (place < 0) place = ends.length;
    place = Math.min(place, MOST_LANES - 1);
    ends[place] = drawnEnd[i]; lane[i] = place; group.push(i);
    until = Math.max(until, drawnEnd[i]);
  }
  close();
};
mine.forEach((list, row) => {
  list.sort((a, b) => steps.start[a] - steps.start[b] || a - b);
  settleEnds(list);
  settleLanes(list);
  for (const i of list) { causesOf[row] += has(i, CAUSE); badOf[row] += isBad(i); }
});

// The first start of each worker in each phase, where its clock is compared with the others.
const clocks = mine.map((list) => {
  const seen = new Set();
  return list.filter((i) => !has(i, SEEN) && steps.error[i] > 0 && steps.error[i] < FOREVER && !seen.has(steps.phase[i]) && seen.add(steps.phase[i]));
});

// The rows that are shown.
let rows = [];
const chooseRows = () => {
  const words = byId("filter").value.trim().toLowerCase(), onlyCauses = byId("bad").checked;
  rows = [];
  mine.forEach((list, row) => {
    if (row === CHECK && !list.length) return;
    if ((!words || rowName(row).toLowerCase().includes(words)) && (!onlyCauses || causesOf[row] || (!anyCause && badOf[row]))) rows.push(row);
  });
  const all = workers.length + (mine[CHECK].length ? 1 : 0);
  byId("shown").textContent = rows.length === all ? "" : `${rows.length} of ${all}${NBSP}rows`;
};
const anyCause = failures.some((i) => has(i, CAUSE));

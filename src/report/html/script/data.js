// The embedded data, and what the other parts ask of a step. A step is the number of its place in the columns.
const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const { folder, causes, outcomes, workers, machines, trials, phases, labels, commands, details, steps } = data;
const count = steps.start.length;
// What a phase does not have is left out.
for (const phase of phases) { phase.go ??= null; phase.barriers ??= []; }

// The bits of a step's `flags`.
const SEEN = 1, LEAKY = 2, SPAWN = 4, BARRIER = 8, EXCUSED = 16, CAUSE = 32, CONSEQUENCE = 64, UNKEPT = 128;
const has = (i, flag) => (steps.flags[i] & flag) !== 0;

// The checks are the steps of one more row. Where others have the number of their phase, they have that of their trial.
const CHECK = workers.length;
const isCheck = (i) => steps.worker[i] === CHECK;
const rowName = (row) => row === CHECK ? "check" : workers[row];
const phaseOf = (i) => isCheck(i) ? null : phases[steps.phase[i]];
const trialOf = (i) => trials[isCheck(i) ? steps.phase[i] : phases[steps.phase[i]].trial];

const labelOf = (i) => labels[steps.label[i]];
const commandOf = (i) => commands[steps.command[i]];
const detailOf = (i) => details[steps.detail[i]];
const endOf = (i) => steps.start[i] + steps.duration[i];

// That a spawned step is stopped in the end is nothing to look at.
const shownAs = (i) => has(i, SPAWN) && outcomes[steps.outcome[i]] === "stopped" ? "spawned" : outcomes[steps.outcome[i]];
const BAD = new Set(["failed", "timed out", "not started", "lost"].map((word) => outcomes.indexOf(word)));
const isBad = (i) => BAD.has(steps.outcome[i]) && !has(i, EXCUSED);

// Where `n` and `p` lead, in the order of time: the causes; without any, whatever failed.
const failures = (() => {
  const all = [...Array(count).keys()];
  const causes = all.filter((i) => has(i, CAUSE));
  const found = causes.length ? causes : all.filter((i) => BAD.has(steps.outcome[i]));
  return found.sort((a, b) => endOf(a) - endOf(b) || a - b);
})();

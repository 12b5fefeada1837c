// What the page tells of one worker or one trial: its facts, and links to its steps.
const MOST_LISTED = 400;
const entryOf = (i, text) => element("li", "", stepLink(i, text), " ", element("span", "word " + classOf(shownAs(i)), detailOf(i).split(":")[0]),
  " ", element("span", "dim value", span(steps.duration[i])));
const listed = (name, list, text) => {
  if (!list.length) return [];
  const entries = list.slice(0, MOST_LISTED).map((i) => entryOf(i, text(i)));
  if (list.length > MOST_LISTED) entries.push(element("li", "dim", `and ${list.length - MOST_LISTED} more in the timeline`));
  return [element("h3", "", name, element("small", "", counted(list.length, "step"))), element("ul", "links", ...entries)];
};
const fillWorker = (row) => {
  const [player, host, version, platform] = machines[row];
  title(badOf[row] ? "failed" : "passed", badOf[row] ? `${counted(badOf[row], "step")} failed or lost` : "no failures", rowName(row), ["Worker"]);
  const errors = clocks[row].map((i) => steps.error[i]);
  panelBody.replaceChildren(
    facts(["Player", player], host && ["Machine", host], ["Version", value(version)], ["System", platform],
      errors.length > 0 && ["Its clock is known to", value(uncertainty(Math.max(...errors)))]),
    ...listed("Failed or lost", mine[row].filter(isBad), (i) => `${labelOf(i)}, ${when(i)}`),
    ...trials.flatMap((trial) => listed(`Trial ${trial.number}`, mine[row].filter((i) => trialOf(i) === trial), (i) => `${labelOf(i)}, ${phaseOf(i).phase}`)),
  );
};
const fillTrial = (number) => {
  const trial = trials[number], verdict = trial.verdict || "not over";
  title(verdict, verdict, `Trial ${trial.number}`, []);
  const own = phases.filter((phase) => phase.trial === number);
  const inTrial = [...Array(count).keys()].filter((i) => trialOf(i) === trial);
  const text = (i) => isCheck(i) ? "check" : `${labelOf(i)}, ${rowName(steps.worker[i])}, ${phaseOf(i).phase}`;
  panelBody.replaceChildren(
    facts(["Duration", value(span(trial.end - trial.start))], ...own.map((phase) => [phase.phase, value(span(phase.end - phase.start))])),
    ...listed("Failed or lost", inTrial.filter(isBad), text),
    ...listed("Check", inTrial.filter(isCheck), text),
    ...listed("All steps", inTrial.filter((i) => !isCheck(i)), text),
  );
};

// What the page tells of one step: how it ended, its command, what it printed and fetched.
const panel = byId("panel"), panelBody = byId("panel-body");

// The outputs and files by step. They are the largest part of the page, and parsed when somebody asks for one.
const bySteps = (id) => {
  let lists = null;
  return (i) => {
    if (!lists) {
      lists = new Map();
      for (const entry of JSON.parse(byId(id).textContent)) {
        if (!lists.has(entry.step)) lists.set(entry.step, []);
        lists.get(entry.step).push(entry);
      }
    }
    return lists.get(i) || [];
  };
};
const outputsOf = bySteps("outputs"), filesOf = bySteps("files");

const facts = (...pairs) => element("dl", "facts", ...pairs.filter(Boolean).map(([name, ...value]) =>
  element("div", "", element("dt", "", name), element("dd", "", ...value))));
const value = (text) => element("span", "value", text);
const stepLink = (i, text) => link(linkOf(i), text);
const place = (i) => isCheck(i)
  ? [link(linkOfTrial(trialOf(i)), when(i))]
  : [link(linkOfRow(steps.worker[i]), rowName(steps.worker[i])), `, ${phaseOf(i).phase} of `, link(linkOfTrial(trialOf(i)), `trial ${trialOf(i).number}`)];

const timeFacts = (i) => {
  const go = phaseOf(i) && phaseOf(i).go;
  const start = has(i, SEEN)
    ? ["End seen", value(date(endOf(i)))]
    : ["Started", value(date(steps.start[i])), " ", steps.error[i] ? value(uncertainty(steps.error[i])) : ""];
  return facts(
    ["Duration", value(steps.duration[i] ? span(steps.duration[i]) : "–")],
    start,
    go !== null && !has(i, SEEN) && ["After the first start of the phase", value(span(Math.max(0, steps.start[i] - go)))],
  );
};
const notes = (i) => {
  const made = [];
  const note = (name, ...inside) => made.push(element("p", `note ${name}`, ...inside));
  if (has(i, EXCUSED)) note("", `This failure does not count: ${phaseOf(i).phase === "reset" ? "it is in Reset" : "the step may fail"}.`);
  for (const text of relations(i)) note("failed", ...text);
  if (has(i, LEAKY)) note("warning", "Leaky: its output was still open in other processes when it ended.");
  return made;
};
// Which failure this follows from, where that is known.
const relations = (i) => {
  const cause = causes[steps.cause[i] - 1];
  if (!cause) return [];
  if (has(i, CONSEQUENCE)) return [["Consequence of: ", ...cause.link ? [link(cause.link, ...marked(cause.title))] : marked(cause.title)]];
  return cause.consequences ? [["Consequences: ", ...marked(cause.consequences)]] : [];
};

const outputPart = (output) => {
  const name = output.stream === "stdout" ? "Standard output" : "Standard error";
  const size = bytes(output.bytes) + (output.left_out ? `, of which ${bytes(output.left_out)} are not shown` : "");
  const text = element("pre", output.stream === "stderr" ? "err" : "", output.text);
  text.tabIndex = 0;
  text.setAttribute("aria-label", output.late ? `${name}, late` : name);
  const title = element("h3", "", output.late ? `${name}, late` : name, element("small", "", size),
    output.file && !output.late ? link(folder + output.file, "whole file") : null, copyButton(name.toLowerCase(), output.text));
  return [
    title,
    output.late ? element("p", "note warning", "Printed after the end of the step.") : null,
    output.unkept ? element("p", "note warning", `${bytes(output.unkept)} could not be stored: ${output.error}`) : null,
    text,
  ];
};
const filePart = ({ count: all, bytes: size, files }) => {
  const entries = files.map((file) => element("li", "", file.url ? link(folder + file.url, file.name) : file.name, " ",
    element("span", "dim value", bytes(file.bytes)), file.grew ? element("div", "dim", "It grew during the copy; only its original part was copied.") : null));
  const more = all - files.length;
  if (more > 0) entries.push(element("li", "dim", `and ${more.toLocaleString("en")} more`));
  return [element("h3", "", "Fetched files", element("small", "", `${counted(all, "file")}, ${bytes(size)}`)), element("ul", "links", ...entries)];
};

const fillStep = (i) => {
  title(classOf(shownAs(i)), detailOf(i), labelOf(i), place(i));
  const command = commandOf(i), text = element("pre", "command", command);
  text.tabIndex = 0;
  text.setAttribute("aria-label", "Command");
  const printed = outputsOf(i).flatMap(outputPart), fetched = filesOf(i).flatMap(filePart);
  panelBody.replaceChildren(...[
    ...notes(i), timeFacts(i),
    element("h3", "", "Command", copyButton("command", command)), text,
    ...printed, ...fetched,
    printed.length || fetched.length ? null : element("p", "dim note", "It printed nothing."),
  ].filter(Boolean));
};
const title = (tone, outcome, name, where) => {
  panel.className = tone;
  byId("panel-outcome").textContent = outcome;
  byId("panel-title").textContent = name;
  byId("panel-place").replaceChildren(...where);
};

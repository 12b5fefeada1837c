// How times, numbers and places are told, and how an element is made. All texts of others become text nodes.
const NBSP = "\u00a0";
const span = (ns) => {
  if (ns < 1e3) return `${Math.round(ns)}${NBSP}ns`;
  if (ns < 1e6) return `${(ns / 1e3).toFixed(1)}${NBSP}µs`;
  if (ns < 1e9) return `${(ns / 1e6).toFixed(3)}${NBSP}ms`;
  if (ns < 6e10) return `${(ns / 1e9).toFixed(3)}${NBSP}s`;
  const seconds = ns / 1e9, minutes = Math.floor(seconds / 60);
  const rest = (seconds % 60).toFixed(1).padStart(4, "0");
  return minutes < 60 ? `${minutes}m${rest}s` : `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, "0")}m${rest}s`;
};
const FOREVER = 1e18;
const uncertainty = (ns) => ns > FOREVER ? "unknown" : `±${NBSP}${span(ns)}`;
const bytes = (count) => `${count.toLocaleString("en")}${NBSP}${count === 1 ? "byte" : "bytes"}`;
const counted = (count, word) => `${count.toLocaleString("en")}${NBSP}${word}${count === 1 ? "" : "s"}`;
const date = (ns) => {
  const us = data.utc_us + Math.round(ns / 1e3), seconds = Math.floor(us / 1e6);
  const [day, time] = new Date(seconds * 1000).toISOString().slice(0, 19).split("T");
  return `${day} ${time}.${String(us - seconds * 1e6).padStart(6, "0")}${NBSP}UTC`;
};
const classOf = (word) => word.replace(/ /g, "-");
const when = (i) => (isCheck(i) ? "" : `${phaseOf(i).phase} of `) + `trial ${trialOf(i).number}`;

// An element with this class, and with these texts and elements in it.
const element = (tag, name, ...inside) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...inside.filter((part) => part !== null && part !== undefined));
  return made;
};
// A text in which what stands between backticks is code.
const marked = (text) => {
  const parts = text.split("`");
  return parts.length % 2 ? parts.map((part, k) => k % 2 ? element("code", "", part) : part) : [text];
};
const link = (url, ...inside) => { const made = element("a", "", ...inside); made.href = url; return made; };

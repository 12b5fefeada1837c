// The part of the address behind `#` says what is shown beside the page, so that links, the back button and reloading work.
let returnTo = null;
const go = (hash) => { if (location.hash === hash) route(); else location.hash = hash; };

const route = () => {
  const found = target(location.hash);
  if (!found) return closePanel();
  const from = document.activeElement;
  if (panel.hidden) returnTo = from && from !== document.body && !panel.contains(from) ? from : null;
  selected = found.step ?? -1;
  if (found.step !== undefined) fillStep(found.step);
  else if (found.row !== undefined) fillWorker(found.row);
  else fillTrial(found.trial);
  panel.hidden = false;
  panel.scrollTop = 0;
  document.documentElement.classList.add("with-panel");
  byId("previous").disabled = byId("next").disabled = !failures.length;
  if (found.step !== undefined) { reveal(found.step); setCurrent(found.step); }
  if (found.row !== undefined && rows.includes(found.row)) chart.scrollTop = rows.indexOf(found.row) * ROW - (height - HEAD) / 2;
  if (found.trial !== undefined) showAround(trials[found.trial].start, trials[found.trial].end);
  panel.focus({ preventScroll: true });
  soon();
};
const closePanel = () => {
  if (panel.hidden) return;
  const last = selected;
  panel.hidden = true;
  selected = -1;
  document.documentElement.classList.remove("with-panel");
  soon();
  if (returnTo && returnTo.isConnected) returnTo.focus({ preventScroll: true });
  else if (last >= 0) focusStep(last);
};
// Without scrolling to the top, as an empty `#` would.
const leave = () => { history.pushState(null, "", location.href.split("#")[0]); closePanel(); };

const goToFailure = (by) => {
  if (!failures.length) return;
  const place = failures.indexOf(selected);
  const after = failures.findIndex((i) => selected >= 0 && endOf(i) > endOf(selected));
  const next = place >= 0 ? place + by : selected < 0 ? (by > 0 ? 0 : -1) : by > 0 ? after : (after < 0 ? failures.length : after) - 1;
  go(linkOf(failures[(next + failures.length) % failures.length]));
};

// The keys of the whole page.
document.addEventListener("keydown", (event) => {
  const dialog = byId("keys");
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
  const isTyping = event.target.matches("input:not([type=checkbox]), select, textarea");
  if (event.key === "Escape" && !panel.hidden) leave();
  else if (isTyping) return;
  else if (event.key === "n") goToFailure(1);
  else if (event.key === "p") goToFailure(-1);
  else if (event.key === "?") dialog.showModal();
  else return;
  event.preventDefault();
});
byId("help").addEventListener("click", () => byId("keys").showModal());
byId("close").addEventListener("click", leave);
byId("next").addEventListener("click", () => goToFailure(1));
byId("previous").addEventListener("click", () => goToFailure(-1));
copies(byId("copy-link"), "link", () => location.href);

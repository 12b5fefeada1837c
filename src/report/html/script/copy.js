// Buttons that copy a text.
const copied = (text) => {
  // A page from `file:` may have no clipboard, or no permission to use it.
  const byHand = () => {
    const holder = element("textarea");
    holder.value = text; holder.style.position = "fixed"; holder.style.opacity = "0";
    document.body.append(holder);
    const before = document.activeElement;
    holder.select();
    const done = document.execCommand("copy");
    holder.remove();
    if (before) before.focus({ preventScroll: true });
    return done;
  };
  if (!navigator.clipboard) return Promise.resolve(byHand());
  return navigator.clipboard.writeText(text).then(() => true, byHand);
};
const copies = (button, what, text) => {
  button.type = "button";
  button.setAttribute("aria-label", `Copy ${what}`);
  const name = button.textContent;
  let timer = 0;
  button.addEventListener("click", async () => {
    button.textContent = await copied(text()) ? "Copied" : "Not copied";
    clearTimeout(timer);
    timer = setTimeout(() => { button.textContent = name; }, 1500);
  });
  return button;
};
const copyButton = (what, text) => copies(element("button", "", "Copy"), what, () => text);

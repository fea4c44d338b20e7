// The settings of a chat: the panel opens, sliders show their number. Only chats that have settings
// load this.
const on = (type, listener) => document.addEventListener(type, listener, { capture: true });
const panel = () => document.querySelector("dialog#settings-panel");

on("input", ({ target }) => {
  const output = target.type === "range" && target.parentElement.querySelector("output");
  if (output) output.textContent = target.value;
});

// The app may want to see a change at once, and to offer something else then.
on("change", ({ target }) => {
  const button = target.form?.querySelector("[data-edit]");
  if (button) target.form.requestSubmit(button);
});

// Whatever closes it: its button, Escape, or a click beside it.
on("close", ({ target }) => {
  if (target === panel()) target.remove();
});

on("click", ({ target }) => {
  if (target === panel()) target.close();
});

// A link to a field that is wrong leads into a tab that may be closed.
on("click", ({ target }) => {
  const link = target.closest?.(".settings-problems a");
  const field = link && document.getElementById(link.hash.slice(1));
  if (!field) return;
  field.closest("details")?.setAttribute("open", "");
  field.focus();
});

let shown = null;

export const update = () => {
  const dialog = panel();
  if (dialog && !dialog.open) dialog.showModal();
  const problems = document.getElementById("settings-problems");
  if (problems && problems !== shown) problems.focus();
  shown = problems;
};

// The settings of a chat: the panel opens, sliders show their number, tags are chips. Only chats that
// have settings load this.
const on = (type, listener) => document.addEventListener(type, listener, { capture: true });
// In Safari, the key that ends a word of an input method has only this code.
const isOfInputMethod = (event) => event.isComposing || event.keyCode === 229;
const panel = () => document.querySelector("dialog#settings-panel");

on("input", ({ target }) => {
  const output = target.type === "range" && target.parentElement.querySelector("output");
  if (output) output.textContent = target.value;
});

// The app may want to see a change at once, and to offer something else then.
on("change", ({ target }) => {
  if (target.matches(".tags-next")) return; // it sends nothing itself
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
  (nextTag(field) ?? field).focus();
});

// Tags: a chip for each, and a field for the next one. What is sent stays in the text area, as it is
// written without script: a line for each tag, in quotes if it has a comma.
const TAG = /\s*(?:"((?:[^"]|"")*)"?([^,\n]*)|([^,\n]*))(?:,|\n|$)/g;
// What was typed and is no tag yet, and where the focus was: the app may draw the form anew.
const typed = new Map();
let focused = "";

const chipsOf = (area) => area.parentElement.querySelector(".tags");
const nextTag = (area) => (area.matches("[data-tags]") ? chipsOf(area)?.querySelector(".tags-next") : null);
const areaOf = (element) => element.closest(".setting").querySelector("[data-tags]");

const readTags = (text) => {
  const found = [...text.matchAll(TAG)].map(([, quoted, rest, plain]) =>
    (plain ?? quoted.replaceAll('""', '"') + rest).split(/\s+/).filter(Boolean).join(" "),
  );
  return [...new Set(found.filter(Boolean))];
};

const writeTags = (tags) =>
  tags.map((tag) => (/[",]/.test(tag) ? `"${tag.replaceAll('"', '""')}"` : tag)).join("\n");

const makeChip = (tag) => {
  const chip = document.createElement("li");
  const name = document.createElement("bdi");
  const button = document.createElement("button");
  name.textContent = tag;
  Object.assign(button, { type: "button", title: `Remove ${tag}`, textContent: "×" });
  button.setAttribute("aria-label", `Remove ${tag}`);
  chip.append(name, button);
  return chip;
};

const drawTags = (area) => {
  const chips = chipsOf(area);
  const tags = readTags(area.value);
  const list = chips.querySelector("ul");
  list.replaceChildren(...tags.map(makeChip));
  // A list of nothing would be read as one.
  list.hidden = !tags.length;
  for (const control of chips.querySelectorAll("button, input")) control.disabled = area.disabled;
};

const changeTags = (area, tags, news) => {
  area.value = writeTags(tags);
  drawTags(area);
  chipsOf(area).querySelector("[role=status]").textContent = news;
  area.dispatchEvent(new Event("change", { bubbles: true }));
};

const addTyped = (input) => {
  const area = areaOf(input);
  const added = readTags(input.value);
  input.value = "";
  typed.delete(input.id);
  const before = readTags(area.value);
  const tags = [...new Set([...before, ...added])];
  if (tags.length > before.length) changeTags(area, tags, `Added ${added.join(", ")}`);
};

const removeTag = (area, at) => {
  const tags = readTags(area.value);
  const [gone] = tags.splice(at, 1);
  changeTags(area, tags, `Removed ${gone}`);
  const buttons = chipsOf(area).querySelectorAll("button");
  (buttons[Math.min(at, buttons.length - 1)] ?? nextTag(area)).focus();
};

const isTagButton = (target) => target.matches?.(".tags button");
const placeOf = (button) => [...button.closest("ul").children].indexOf(button.parentElement);

on("click", ({ target }) => {
  if (isTagButton(target)) removeTag(areaOf(target), placeOf(target));
});

on("keydown", (event) => {
  const { target, key } = event;
  if (isOfInputMethod(event)) return;
  if (isTagButton(target) && (key === "Backspace" || key === "Delete")) {
    event.preventDefault();
    removeTag(areaOf(target), placeOf(target));
  }
  if (!target.matches?.(".tags-next")) return;
  if (key === "Enter" && target.value.trim()) {
    event.preventDefault(); // the next Enter saves
    addTyped(target);
  } else if (key === "Backspace" && !target.value) {
    const last = readTags(areaOf(target).value).length - 1;
    if (last < 0) return;
    removeTag(areaOf(target), last);
    nextTag(areaOf(target)).focus();
  }
});

// Also what was pasted, and what a keyboard on the screen types. A comma in quotes belongs to a tag.
on("input", ({ target, isComposing }) => {
  if (!target.matches?.(".tags-next") || isComposing) return;
  const isEnded = target.value.replace(/"[^"]*"?/g, "").includes(",");
  if (isEnded) addTyped(target);
  else typed.set(target.id, target.value);
});

on("focusin", ({ target }) => {
  focused = target.id;
});

on("focusout", ({ target }) => {
  if (target.matches?.(".tags-next") && target.value.trim()) addTyped(target);
});

const makeChips = (area) => {
  const id = `${area.id}-next`;
  const label = document.querySelector(`label[for="${CSS.escape(area.id)}"]`);
  const chips = document.createElement("div");
  chips.className = "tags";
  const list = document.createElement("ul");
  list.setAttribute("aria-label", label.textContent);
  const input = document.createElement("input");
  Object.assign(input, { id, type: "text", className: "tags-next", dir: "auto", autocomplete: "off" });
  input.enterKeyHint = "done";
  input.placeholder = area.placeholder;
  for (const name of ["aria-describedby", "aria-invalid"]) {
    if (area.hasAttribute(name)) input.setAttribute(name, area.getAttribute(name));
  }
  input.value = typed.get(id) ?? "";
  const status = document.createElement("span");
  status.className = "hush";
  status.setAttribute("role", "status");
  chips.append(list, input, status);
  area.after(chips);
  area.hidden = true;
  label.htmlFor = id;
  drawTags(area);
  if (focused === id && document.activeElement === document.body) input.focus();
};

// What the user has done to a field stays when the form is drawn anew, unless the app has changed the
// field: then it shows what the server sends. A browser shows that by itself in new elements only.
const drawn = new WeakMap();

const drawAnew = (setting) => {
  for (const control of setting.querySelectorAll("input:not(.tags-next), textarea, option")) {
    if (control.matches("option")) control.selected = control.defaultSelected;
    else if (control.matches("[type=checkbox], [type=radio]")) control.checked = control.defaultChecked;
    else control.value = control.defaultValue;
    const output = control.type === "range" && control.parentElement.querySelector("output");
    if (output) output.textContent = control.value;
  }
};

let shown = null;

export const update = () => {
  for (const setting of document.querySelectorAll(".setting[data-drawn]")) {
    const state = setting.dataset.drawn;
    if (drawn.has(setting) && drawn.get(setting) !== state) drawAnew(setting);
    drawn.set(setting, state);
  }
  for (const area of document.querySelectorAll("textarea[data-tags]")) {
    // A form that was drawn anew has the area as the server sends it.
    if (!area.hidden || !chipsOf(area)) {
      chipsOf(area)?.remove();
      makeChips(area);
    }
  }
  const dialog = panel();
  if (!dialog) typed.clear();
  if (dialog && !dialog.open) dialog.showModal();
  const problems = document.getElementById("settings-problems");
  if (problems && problems !== shown) problems.focus();
  shown = problems;
};

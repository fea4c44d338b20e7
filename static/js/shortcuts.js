// Keys that work anywhere on the page, and the dialog that lists them.
import { all, byId, isOfInputMethod, on } from "./dom.js";

const CONTROL = /Mac|iP/.test(navigator.platform) ? "⌘" : "Ctrl";
const INPUTS = "input, textarea, select";
const LIST = [
  [`${CONTROL} K`, "Search your chats", "/"],
  [`${CONTROL} Shift O`, "Start a new chat"],
  ["Escape", "Stop the answer, or close what is open"],
  ["↑", "Edit your last message, from an empty field"],
  ["Enter", "Send"],
  ["Shift Enter", "Start a new line"],
  [`${CONTROL} /`, "Show these keys", "?"],
];
const SINGLE_KEYS_OFF = "single-keys-off";

// What a key has opened, and where the focus was before.
const cameFrom = new WeakMap();

// Who dictates to the computer may want no key to act by itself.
const singleKeys = (choose) => {
  try {
    if (choose !== undefined) localStorage[SINGLE_KEYS_OFF] = choose ? "" : "yes";
    return !localStorage[SINGLE_KEYS_OFF];
  } catch {
    return true;
  }
};

const keysHtml = (keys) =>
  keys.split(" ").map((key) => `<kbd>${key}</kbd>`).join(" ");

const orHtml = (key) => (key ? ` <span>or ${keysHtml(key)}</span>` : "");

const makeDialog = () => {
  const rows = LIST.map(
    ([keys, what, single]) => `<dt>${keysHtml(keys)}${orHtml(single)}</dt><dd>${what}</dd>`,
  );
  document.body.insertAdjacentHTML(
    "beforeend",
    '<dialog id="keys" class="keys" aria-labelledby="keys-heading" data-testid="keys">' +
      `<h2 id="keys-heading">Keys</h2><dl>${rows.join("")}</dl>` +
      '<label><input type="checkbox" data-single-keys> / and ? work outside of text fields</label>' +
      '<form method="dialog"><button id="keys-close" class="quiet" autofocus>Close</button></form></dialog>',
  );
  return byId("keys");
};

const showKeys = () => {
  const dialog = byId("keys") ?? makeDialog();
  dialog.querySelector("[data-single-keys]").checked = singleKeys();
  if (!dialog.open) dialog.showModal();
  return true;
};

const goBack = (opened) => {
  const place = cameFrom.get(opened);
  cameFrom.delete(opened);
  place?.focus();
  return Boolean(place);
};

const searchChats = (target) => {
  const field = all(".history-search input").at(-1);
  if (!field) return false;
  // Folded away, or in a drawer.
  const fold = document.querySelector(".fold:not([open])");
  if (fold?.checkVisibility()) fold.open = true;
  if (!field.checkVisibility()) byId("history")?.showPopover();
  if (![field, document.body].includes(target)) cameFrom.set(field, target);
  field.focus();
  field.select();
  return true;
};

const click = (button) => {
  button?.click();
  return Boolean(button);
};

const startChat = () => click(document.querySelector("[data-testid=new-chat]"));

const clearSearch = (field) => {
  const filters = all("input, select", field.form);
  if (!filters.some(({ value }) => value)) return false;
  for (const filter of filters) filter.value = "";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  return true;
};

const closeOrStop = (target) => {
  const isSearch = target.matches(".history-search input");
  if (isSearch && clearSearch(target)) return true;
  // The browser closes what lies over the page.
  if (document.querySelector(":popover-open, dialog[open]")) return false;
  if (isSearch && goBack(target)) return true;
  const open = target.closest(".actions [open]") ?? document.querySelector(".actions [open]");
  if (!open) return click(byId("stop-button"));
  const hadFocus = open.contains(target);
  open.open = false;
  if (hadFocus && !goBack(open)) open.querySelector("summary").focus();
  return true;
};

const editLastMessage = (target) => {
  const edit = all(".edit").findLast((each) => each.checkVisibility());
  if (!edit) return false;
  edit.open = true;
  cameFrom.set(edit, target);
  const field = edit.querySelector("textarea");
  field.focus();
  field.setSelectionRange(field.value.length, field.value.length);
  return true;
};

const withControl = ({ key, shiftKey }) => {
  if (shiftKey) return key.toLowerCase() === "o" && startChat;
  return { k: searchChats, "/": showKeys }[key.toLowerCase()];
};

const withoutControl = ({ key, target }) => {
  if (key === "Escape") return closeOrStop;
  if (key === "ArrowUp") return target.id === "composer-input" && !target.value && editLastMessage;
  if (target.matches(INPUTS) || target.closest(":popover-open") || !singleKeys()) return undefined;
  return { "/": searchChats, "?": showKeys }[key];
};

on("keydown", (event) => {
  const { target, ctrlKey, metaKey, altKey, repeat } = event;
  if (isOfInputMethod(event) || altKey || repeat || target.closest?.("dialog")) return;
  const action = ctrlKey || metaKey ? withControl(event) : withoutControl(event);
  if (action && action(target)) event.preventDefault();
});

// It was closed by its button, or is sent.
on("toggle", ({ target, newState }) => {
  if (newState !== "closed") return;
  if (target.contains(document.activeElement)) goBack(target);
  else cameFrom.delete(target);
});

on("change", ({ target }) => {
  if (target.matches?.("[data-single-keys]")) singleKeys(target.checked);
});

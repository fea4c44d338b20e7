// The list of profiles: search, and keys that move the focus.
// They do not choose, as arrow keys in a radio group usually do: a choice starts a chat.
import { all, byId, hasMouse, on } from "./dom.js";

const SAME_WORD_WITHIN = 700; // milliseconds between two keys

let typedText = "";
let typedAt = 0;

const options = (panel) => all("[role=radio]", panel);
const visibleOptions = (panel) => options(panel).filter((option) => !option.hidden);
const searchField = (panel) => panel.querySelector("[type=search]");

// Without accents and case.
const simplified = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

const textOf = (option) =>
  all(".option-label, .about", option).map((part) => simplified(part.textContent)).join(" ");

// One stop for the Tab key, and one for each link below it; the arrow keys move between the options.
const makeTabStop = (panel, chosen) => {
  for (const option of options(panel)) {
    const below = option.nextElementSibling;
    const links = below?.matches(".option-links") ? all("a", below) : [];
    for (const stop of [option, ...links]) stop.tabIndex = option === chosen ? 0 : -1;
  }
};

const countText = (found, total) => {
  if (!found) return "No profile matches. Try another word.";
  return found < total ? `${found} of ${total} profiles` : `${total} profiles`;
};

const filterOptions = (panel, search) => {
  const words = simplified(search.value).split(/\s+/);
  for (const option of options(panel)) {
    option.hidden = !words.every((word) => textOf(option).includes(word));
  }
  const found = visibleOptions(panel);
  const { activeElement } = document;
  makeTabStop(panel, found.includes(activeElement) ? activeElement : found[0]);
  const status = panel.querySelector("[role=status]");
  status.textContent = countText(found.length, options(panel).length);
};

const showSearch = (panel) => {
  const search = searchField(panel);
  if (!search) return;
  panel.querySelector("[data-finder]").hidden = false;
  filterOptions(panel, search);
};

// The list may have been swapped while it is open.
export const updateOpenSelector = () => {
  const panel = byId("profile-panel");
  if (panel?.matches(":popover-open")) showSearch(panel);
};

const isOpening = ({ target, newState }) => target.id === "profile-panel" && newState === "open";
const chosenOption = (panel) => panel.querySelector("[aria-checked=true]") || options(panel)[0];
const firstStop = (panel) => (hasMouse && searchField(panel)) || chosenOption(panel);

on("beforetoggle", (event) => {
  if (!isOpening(event)) return;
  const panel = event.target;
  const search = searchField(panel);
  if (search) search.value = "";
  showSearch(panel);
  makeTabStop(panel, chosenOption(panel));
  // The browser moves the focus there as it opens the list. "toggle" may come after the next key.
  for (const stop of all("[autofocus]", panel)) stop.autofocus = false;
  firstStop(panel).autofocus = true;
});

on("toggle", (event) => {
  if (!isOpening(event)) return;
  // Unless a key has moved on already.
  const chosen = chosenOption(event.target);
  if (document.activeElement === firstStop(event.target)) chosen.scrollIntoView({ block: "center" });
});

on("input", ({ target }) => {
  if (target.type === "search") filterOptions(byId("profile-panel"), target);
});

// Several keys in a row spell a word. The same option may stay, unless the word has just begun.
const optionByTyping = (key, list, index) => {
  const isSameWord = Date.now() - typedAt < SAME_WORD_WITHIN;
  typedText = (isSameWord ? typedText : "") + simplified(key);
  typedAt = Date.now();
  const from = typedText.length === 1 ? index + 1 : index;
  return [...list.slice(from), ...list].find((option) => textOf(option).startsWith(typedText));
};

const optionForKey = (key, list, target) => {
  const index = list.indexOf(target);
  if (key === "ArrowDown") return list[index + 1] || list[0];
  if (key === "ArrowUp") return list.at(Math.max(index, 0) - 1);
  if (target.type === "search") return key === "Enter" ? list[0] : undefined;
  if (key === "Home") return list[0];
  if (key === "End") return list.at(-1);
  // Keys with longer names write nothing, and the space bar chooses.
  return key.length === 1 && key !== " " ? optionByTyping(key, list, index) : undefined;
};

on("keydown", (event) => {
  const { target, key } = event;
  const panel = target.closest?.("#profile-panel");
  if (!panel || event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.type !== "search" && target.role !== "radio") return;

  const option = optionForKey(key, visibleOptions(panel), target);
  if (!option) return;
  event.preventDefault();
  makeTabStop(panel, option);
  option.focus();
});

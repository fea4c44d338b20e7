// The text in the composer, and its copy in the browser's storage until the server has taken it.
// Each chat has its own. All chats in which nothing was said share one: choosing another profile
// replaces such a chat, and what was typed stays.
import { byId, currentChatId, on } from "./dom.js";
import { checkLength } from "./limits.js";

const MOST_ROWS = 8;

// What was sent and not taken yet. Until then it stays in the storage.
let sentText = "";
let sentFrom = "";
// Whose draft the field shows.
let shownKey = null;
// What was in the field when the user asked for another chat. What is typed later is for that one.
let textOnLeaving = null;
// The draft of a chat that is read-only now. It goes to the chat that follows.
let unsentText = "";

// A browser may refuse the storage. The text then lasts only as long as the page.
const useStorage = (use) => {
  try {
    return use(sessionStorage);
  } catch {
    return undefined;
  }
};

const storageKey = () => `draft:${(byId("composer") ?? byId("read-only"))?.dataset.draft}`;
const storedDraft = () => useStorage((storage) => storage[storageKey()]) || "";

const store = (text) =>
  useStorage((storage) => {
    if (text) storage[storageKey()] = text;
    else delete storage[storageKey()];
  });

const isLeaving = () => byId("chat").matches(".htmx-request");

// For browsers that do not know `field-sizing: content`.
export const fitHeight = (field) => {
  if (CSS.supports("field-sizing", "content")) return;
  field.rows = 1;
  while (field.scrollHeight > field.clientHeight && field.rows < MOST_ROWS) field.rows++;
};

const fill = (text) => {
  const field = byId("composer-input");
  // Setting the same text would move the caret to its end.
  if (field.value !== text) field.value = text;
  fitHeight(field);
  checkLength(field);
};

const keepDraft = () => {
  if (!isLeaving()) store(sentText + byId("composer-input").value);
};

// After a swap: the field of another chat shows the draft of that chat.
export const showDraft = () => {
  const field = byId("composer-input");
  const key = storageKey();
  if (key !== shownKey && field.value === textOnLeaving) field.value = "";
  shownKey = key;
  textOnLeaving = null;
  fill(field.value || (sentText ? "" : unsentText || storedDraft()));
  unsentText = "";
  keepDraft();
};

export const sendDraft = () => {
  sentText = byId("composer-input").value;
  sentFrom = storageKey();
  fill("");
};

// From now on the chat has a draft of its own.
export const forgetSentDraft = () => {
  const composer = byId("composer");
  store("");
  sentText = "";
  const [owner] = composer.dataset.draft.split("-");
  composer.dataset.draft = `${owner}-${currentChatId()}`;
  shownKey = storageKey();
  keepDraft();
};

// Before what was typed meanwhile. In another chat it is not shown: its own chat has kept it.
export const takeDraftBack = () => {
  const text = sentText;
  sentText = "";
  if (!text || !byId("composer-input") || storageKey() !== sentFrom) return;
  const { value } = byId("composer-input");
  fill(value && value !== text ? `${text}\n${value}` : text);
  keepDraft();
};

on("input", ({ target }) => {
  if (target.id !== "composer-input") return;
  fitHeight(target);
  keepDraft();
});

on("htmx:before:request", ({ target }) => {
  if (!target.matches("[hx-target='#chat']")) return;
  textOnLeaving = byId("composer-input")?.value ?? null;
  unsentText = byId("read-only") ? storedDraft() : "";
});

// The next person to sign in in this tab must not find the text.
document.addEventListener("submit", ({ target }) => {
  // A form with a field of the name "action" has that in the place of its address.
  if (target.getAttribute("action")?.endsWith("/logout")) useStorage((storage) => storage.clear());
});

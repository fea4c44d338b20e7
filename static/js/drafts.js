// The text in the composer, and its copy in the browser's storage until it is sent.
import { byId, on } from "./dom.js";

const MOST_ROWS = 8;

// A browser may refuse the storage. The text then lasts only as long as the page.
const useStorage = (use) => {
  try {
    return use(sessionStorage);
  } catch {
    return undefined;
  }
};

const storageKey = () => `draft:${byId("composer")?.dataset.draft}`;

export const storedDraft = () => useStorage((storage) => storage[storageKey()]) || "";

// For browsers that do not know `field-sizing: content`.
export const fitHeight = (field) => {
  if (CSS.supports("field-sizing", "content")) return;
  field.rows = 1;
  while (field.scrollHeight > field.clientHeight && field.rows < MOST_ROWS) field.rows++;
};

export const writeDraft = (text) => {
  const field = byId("composer-input");
  // Setting the same text would move the caret to its end.
  if (field.value !== text) field.value = text;
  fitHeight(field);
  useStorage((storage) => {
    storage[storageKey()] = text;
  });
};

on("input", ({ target }) => {
  if (target.id === "composer-input") writeDraft(target.value);
});

// The next person to sign in in this tab must not find the text.
document.addEventListener("submit", ({ target }) => {
  if (target.action.endsWith("/logout")) useStorage((storage) => storage.clear());
});

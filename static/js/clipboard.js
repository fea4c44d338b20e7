// Copy buttons: on blocks of code, and beside links.
import { announce } from "./announce.js";
import { all, on } from "./dom.js";

const SHOW_SUCCESS_FOR = 2000; // milliseconds

// A tail that still grows is replaced with each token, and a button in it would be, too.
const CODE_WITHOUT_BUTTON = ".message pre:not(:has(.copy), .tail pre)";

const writeWithoutClipboardApi = (text) => {
  const fill = (event) => {
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
  };
  document.addEventListener("copy", fill, { once: true });
  document.execCommand("copy");
};

const copy = async (text, button) => {
  const label = button.lastChild;
  const before = label.data;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Over plain HTTP there is no such API.
    writeWithoutClipboardApi(text);
  }
  label.data = "Copied";
  announce("Copied");
  setTimeout(() => {
    label.data = before;
  }, SHOW_SUCCESS_FOR);
};

export const copyButtons = () => all(".copy");

export const addCopyButtons = () => {
  for (const code of all(CODE_WITHOUT_BUTTON)) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    code.prepend(button);
  }
};

on("click", ({ target }) => {
  const link = target.closest?.("[data-copy]");
  if (link) copy(new URL(link.dataset.copy, location).href, link);
  if (target.matches?.(".copy")) copy(target.nextElementSibling.textContent, target);
});

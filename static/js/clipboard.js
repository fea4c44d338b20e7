// Copy buttons: on blocks of code, below answers, and beside links.
import { announce } from "./announce.js";
import { all, currentChatId, on } from "./dom.js";

const SHOW_SUCCESS_FOR = 2000; // milliseconds

// A tail that still grows is replaced with each token, and a button in it would be, too.
const CODE_WITHOUT_BUTTON = ":is(.message, .element) pre:not(:has(.copy), .tail pre)";
// Beside them stands the switch that wraps the lines of a block, if one is too long for it.

// Made here, as a page has many of them, and they work only here.
const ANSWER_WITHOUT_BUTTON =
  ".said:has(> [data-kind=assistant]) > .actions:not(:has(.copy-answer))";
const COPY_ANSWER =
  '<button type="button" class="act copy-answer" title="Copy answer" data-testid="copy-answer">' +
  '<svg class="glyph" viewBox="0 0 20 20" aria-hidden="true">' +
  '<path d="M8 7.5h7A1.5 1.5 0 0 1 16.5 9v6.5A1.5 1.5 0 0 1 15 17H8a1.5 1.5 0 0 1-1.5-1.5V9' +
  'A1.5 1.5 0 0 1 8 7.5ZM13.5 7V4.5A1.5 1.5 0 0 0 12 3H5a1.5 1.5 0 0 0-1.5 1.5' +
  'V11A1.5 1.5 0 0 0 5 12.5h1"/></svg><span>Copy answer</span></button>';

const writeWithoutClipboardApi = (text) => {
  const fill = (event) => {
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
  };
  document.addEventListener("copy", fill, { once: true });
  document.execCommand("copy");
};

const write = async (text) => {
  try {
    // Safari wants to be told in the click itself, and waits for what is still to come.
    const blob = text.then((content) => new Blob([content], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
  } catch {
    // Over plain HTTP there is no such API.
    writeWithoutClipboardApi(await text);
  }
};

const copy = async (text, button) => {
  const label = button.lastChild.lastChild ?? button.lastChild;
  const before = label.data;
  const isShown = button.matches(".copied");
  try {
    await write(text);
    label.data = "Copied";
  } catch {
    label.data = "Not copied. Try again.";
  }
  announce(label.data);
  if (isShown) return;
  button.classList.add("copied");
  setTimeout(() => {
    label.data = before;
    button.classList.remove("copied");
  }, SHOW_SUCCESS_FOR);
};

const textAt = async (address) => {
  const answer = await fetch(address);
  // After signing out, for example, there is another page.
  if (!answer.ok || answer.redirected) throw new Error("no text");
  return answer.text();
};

// The Markdown of a message, as the app has written it.
const sourceOf = ({ dataset }) => {
  const home = document.querySelector(".home").href;
  return textAt(`${home}chats/${currentChatId()}/messages/${dataset.messageId}`);
};

export const copyButtons = () => all(".copy, .copy-answer");

export const addCopyButtons = () => {
  for (const code of all(CODE_WITHOUT_BUTTON)) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    code.prepend(button);
    const { scrollWidth, clientWidth } = button.nextElementSibling;
    if (scrollWidth <= clientWidth) continue;
    const wrap = button.cloneNode();
    wrap.classList.add("wrap");
    wrap.textContent = "Wrap lines";
    wrap.ariaPressed = "false";
    code.prepend(wrap);
  }
  for (const actions of all(ANSWER_WITHOUT_BUTTON)) {
    actions.insertAdjacentHTML("afterbegin", COPY_ANSWER);
  }
};

on("click", ({ target }) => {
  const link = target.closest?.("[data-copy]");
  if (link) copy(Promise.resolve(new URL(link.dataset.copy, location).href), link);
  if (target.matches?.(".wrap")) {
    const isWrapped = target.parentElement.classList.toggle("wrapped");
    target.ariaPressed = String(isWrapped);
  } else if (target.matches?.(".copy")) {
    // Without its last line end: what is pasted into a terminal would run at once.
    copy(Promise.resolve(target.nextElementSibling.textContent.replace(/\n$/, "")), target);
  }
  const source = target.closest?.("[data-copy-from]");
  if (source) copy(textAt(source.dataset.copyFrom), source);
  const answer = target.closest?.(".copy-answer");
  if (answer) copy(sourceOf(answer.closest(".said").querySelector(".message")), answer);
});

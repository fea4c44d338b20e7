// The list of chats beside the chat.
import { all, byId, currentChatId, on } from "./dom.js";

// A message moves its chat to the top, where it is when the list is loaded again.
export const moveChatToTop = () => {
  const entry = byId(`item-${currentChatId()}`);
  const group = entry?.closest("[aria-label=Pinned]") || byId("history-list")?.querySelector("[data-day]");
  if (!entry || !group || group.firstElementChild === entry) return;
  const before = entry.parentElement;
  group.prepend(entry);
  if (!before.children.length) before.replaceChildren(); // so that it is `:empty`, and hidden
};

// A chat that is drawn anew keeps what a search has found in it, which only the search knows.
let kept = [];

export const keepSnippet = ({ detail }) => {
  const { target } = detail.ctx;
  const isFound = target?.matches?.(".item:has(.item-snippet)");
  const found = isFound ? all(".item-day, .item-snippet", target) : [];
  kept = found.map((element) => element.cloneNode(true));
};

export const putBackSnippet = ({ detail }) => {
  const link = kept.length && byId(detail.ctx.target.id)?.querySelector(".item-link");
  if (!link) return;
  link.querySelector(".item-day")?.remove();
  link.append(...kept);
  kept = [];
};

// What is asked for with a click opens when it has come. From then on it is the browser's.
export const openNewMenus = () => {
  for (const menu of all(".item-actions[data-new]")) {
    menu.removeAttribute("data-new");
    menu.showPopover();
  }
};

const keepFold = (isOpen) => {
  const path = new URL(document.querySelector(".home").href).pathname;
  const value = isOpen ? "beside; max-age=0" : "folded; max-age=31536000";
  document.cookie = `history=${value}; path=${path}; samesite=lax`;
};

on("click", ({ target }) => {
  const fold = target.closest?.(".fold > summary")?.parentElement;
  // Before the browser turns it. It tells so later, and who reloads at once has left by then.
  if (fold) keepFold(!fold.open);
});

on("toggle", ({ target, newState }) => {
  // A list that is drawn anew need not keep a menu that is closed.
  if (target.matches?.(".item-actions") && newState === "closed") {
    target.closest(".item")?.removeAttribute("hx-morph-skip");
  }
  if (target.matches?.(".fold")) keepFold(newState === "open");
});

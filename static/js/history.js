// The list of chats beside the chat.
import { byId, currentChatId } from "./dom.js";

// A message moves its chat to the top, where it is when the list is loaded again.
export const moveChatToTop = () => {
  const entry = byId(`item-${currentChatId()}`);
  const group = entry?.closest("[aria-label=Pinned]") || byId("history-list")?.querySelector("[data-day]");
  if (!entry || !group || group.firstElementChild === entry) return;
  const before = entry.parentElement;
  group.prepend(entry);
  if (!before.children.length) before.replaceChildren(); // so that it is `:empty`, and hidden
};

// What the page says when a request fails.
import { forgetSending } from "./composer.js";
import { byId, currentChatId, on, runningTurn } from "./dom.js";
import { followSoon } from "./stream.js";

// On small screens the drawer lies over the notices.
const closeHistory = () => byId("history")?.hidePopover();

export const showUnreachable = () => {
  closeHistory();
  const notices = byId("notices");
  if (!notices || notices.querySelector("[data-unreachable]")) return;
  notices.replaceChildren(byId("unreachable").content.cloneNode(true));
  notices.firstElementChild.dataset.testid = "notice";
};

const isOfAnotherChat = (request, target) => {
  const chatId = request?.action.match(/chats\/([^/]+)\//)?.[1];
  // The history has forms for all chats.
  return chatId && chatId !== currentChatId() && !target.closest?.(".item");
};

// Prevents swaps that would put an answer where it does not belong.
export const checkAnswer = (event) => {
  const { response, hx, request } = event.detail.ctx;
  if (isOfAnotherChat(request, event.target)) {
    event.preventDefault();
    return;
  }
  if (response?.status === 404) runningTurn()?.remove();
  if (!(response?.status >= 400)) return;

  forgetSending();
  if (hx?.retarget) {
    if (hx.retarget === "#notices") closeHistory();
    return;
  }
  // Our own errors say where they go. This page is not ours: a proxy has sent it.
  event.preventDefault();
  showUnreachable();
};

on("htmx:error", () => {
  forgetSending();
  showUnreachable();
  followSoon();
});

on("click", ({ target }) => {
  if (!target.closest?.("[data-dismiss]")) return;
  target.closest(".notice").remove();
  byId("main").focus();
});

// The user's message, in the page before the server has answered.
import { byId } from "./dom.js";

const MESSAGE =
  '<article class="message" data-testid="message" data-kind="user" data-status="sending">' +
  '<div class="prose as-typed" dir="auto"></div></article>';

let isOnItsWay = false;

export const isSending = () => isOnItsWay;

export const showPending = (text) => {
  isOnItsWay = true;
  byId("pending")?.remove();
  const block = document.createElement("div");
  block.id = "pending";
  block.className = "said";
  block.innerHTML = MESSAGE;
  block.firstChild.firstChild.textContent = text.trim();
  byId("messages").append(block);
};

// The message of the server takes its place.
export const removePending = () => byId("pending")?.remove();

export const endSending = () => {
  isOnItsWay = false;
  removePending();
};

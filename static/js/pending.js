// The user's message, in the page before the server has answered.
import { asStored, byId } from "./dom.js";

let isOnItsWay = false;

const make = (tag, className, ...children) => {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
};

export const isSending = () => isOnItsWay;

export const showPending = (text) => {
  isOnItsWay = true;
  byId("pending")?.remove();
  const words = make("div", "prose as-typed");
  words.dir = "auto";
  words.textContent = asStored(text);
  const message = make("article", "message", words);
  Object.assign(message.dataset, { testid: "message", kind: "user", status: "sending" });
  const block = make("div", "said", message);
  block.id = "pending";
  byId("messages").append(block);
};

// The message of the server takes its place.
export const removePending = () => byId("pending")?.remove();

export const endSending = () => {
  isOnItsWay = false;
  removePending();
};

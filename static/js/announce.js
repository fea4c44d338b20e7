// What screen readers are told, through the live region #spoken.
import { all, byId } from "./dom.js";

// An answer that grows is no news yet, and earlier messages were loaded to be read, not heard.
const ANNOUNCED = ".message:not([data-kind=user], [data-status=streaming], .earlier *)";
const MOST_CHARACTERS = 2000;

const knownMessages = new Set();

export const announce = (text) => {
  const region = byId("spoken");
  if (region) region.textContent = text;
};

const newMessages = () => {
  const messages = all(ANNOUNCED).filter((message) => !knownMessages.has(message.id));
  for (const message of messages) knownMessages.add(message.id);
  return messages;
};

const spokenText = (message) => {
  const badge = message.querySelector(".badge");
  const author = badge ? `${message.dataset.author}, ${badge.textContent}` : message.dataset.author;
  const heard = message.lastElementChild.cloneNode(true);
  // The source of a formula says more than its letters in a row.
  for (const part of all("math, button", heard)) part.remove();
  return `${author}: ${heard.textContent.trim()}`;
};

// Each message is announced once, when it is whole.
export const announceNewMessages = () => {
  const messages = newMessages();
  if (messages.length) announce(messages.map(spokenText).join(" ").slice(0, MOST_CHARACTERS));
};

// What was there when the page came is not news.
newMessages();

// What all the other modules need of the page.

// Listens on the document, and before the element itself hears of it: what is swapped in needs no
// wiring, and events that do not bubble come by as well.
export const on = (type, listener) => document.addEventListener(type, listener, { capture: true });

export const byId = (id) => document.getElementById(id);

export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// Where there is no mouse, focus in a text field would open the keyboard over the chat.
export const hasMouse = matchMedia("(hover: hover)").matches;

// In Safari, the key that ends a word of an input method has only this code.
export const isOfInputMethod = (event) => event.isComposing || event.keyCode === 229;

// Where the user goes on after something was done elsewhere on the page.
export const focusComposer = () => {
  const field = hasMouse && byId("composer-input");
  (field || byId("main")).focus();
};

// A message as the server keeps it, with the spaces before its first word.
export const asStored = (text) => text.replace(/^\n+|\n+$/g, "");

export const runningTurn = () => document.querySelector("#turn[data-turn-id]");

export const currentChatId = () => byId("chat")?.dataset.chatId;

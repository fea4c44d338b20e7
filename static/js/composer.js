// Sending: from the composer, or by one of the suggestions.
import { announce } from "./announce.js";
import { byId, on, runningTurn } from "./dom.js";
import { storedDraft, writeDraft } from "./drafts.js";
import { moveChatToTop } from "./history.js";
import { isStreaming } from "./stream.js";

const INPUT_METHOD = 229; // the keyCode of a key that belongs to an input method, in Safari
const WAIT_BEFORE_SENDING = 50; // milliseconds

let sentText = null;
let waitingForm = null;
let messageKey = byId("composer-key")?.value;

export const isSending = () => sentText !== null;

export const forgetSending = () => {
  sentText = null;
  waitingForm = null;
};

// The form goes through `submit` once more, where it may have to wait again.
export const sendWaitingForm = () => {
  setTimeout(() => {
    const form = waitingForm;
    waitingForm = null;
    form?.requestSubmit();
  }, WAIT_BEFORE_SENDING);
};

// A new key means that the message was taken. What was typed meanwhile stays.
export const updateComposer = () => {
  const field = byId("composer-input");
  if (!field) return;
  const newKey = byId("composer-key")?.value;
  if (newKey !== messageKey) {
    if (sentText && field.value.startsWith(sentText)) writeDraft(field.value.slice(sentText.length));
    sentText = null;
    messageKey = newKey;
    moveChatToTop();
  }
  writeDraft(field.value || storedDraft());
};

on("keydown", (event) => {
  const { target, key, shiftKey, isComposing, keyCode } = event;
  if (target.id !== "composer-input" || key !== "Enter" || shiftKey) return;
  if (isComposing || keyCode === INPUT_METHOD) return;
  event.preventDefault();
  const { form } = target;
  if (target.value.trim() && !form.querySelector(".send").disabled) form.requestSubmit();
});

on("submit", (event) => {
  const isStarting = () => byId("chat").matches(".htmx-request");
  if (!["composer", "starters"].includes(event.target.id)) return;
  if (!runningTurn() && !isStreaming() && !isStarting()) return;

  event.preventDefault();
  event.stopPropagation();
  if (runningTurn()) announce(byId("composer-hint").lastElementChild.textContent);
  // A stream is about to end, or the chat is starting: both are over soon.
  else waitingForm = event.target;
});

on("htmx:before:request", ({ target }) => {
  if (target.id === "composer") sentText = byId("composer-input").value;
});

on("htmx:sse:close", sendWaitingForm);

on("click", (event) => {
  const starter = event.target.closest?.(".starter");
  if (!starter || !(event.shiftKey || starter.form.dataset.starters === "fill")) return;
  event.preventDefault();
  const field = byId("composer-input");
  field.focus();
  field.select();
  // Deprecated, and the only way to put in a text that the user can undo.
  document.execCommand("insertText", false, starter.value);
});

// Sending: from the composer, or by one of the suggestions.
import { announce } from "./announce.js";
import { byId, hasMouse, isOfInputMethod, on, runningTurn } from "./dom.js";
import { forgetSentDraft, sendDraft, showDraft, takeDraftBack } from "./drafts.js";
import { moveChatToTop } from "./history.js";
import { endSending, isSending, removePending, showPending } from "./pending.js";
import { followText } from "./scrolling.js";
import { isStreaming } from "./stream.js";

const WAIT_BEFORE_SENDING = 50; // milliseconds

let waitingForm = null;
let messageKey = byId("composer-key")?.value;

// A chat that starts by itself, and is not there yet.
const isAboutToStart = () => Boolean(document.querySelector("#start:not(.by-hand)"));
const sends = (element) => Boolean(element?.matches?.("#composer, [data-starters]"));

export const forgetSending = () => {
  waitingForm = null;
  endSending();
  takeDraftBack();
};

// The form goes through `submit` once more, where it may have to wait again.
export const sendWaitingForm = () => {
  setTimeout(() => {
    if (isAboutToStart()) return;
    const form = waitingForm;
    waitingForm = null;
    // Not where the app does not answer.
    if (form && !form.querySelector(".send")?.disabled) form.requestSubmit();
  }, WAIT_BEFORE_SENDING);
};

// A new key means that the message was taken. What was typed meanwhile stays.
export const updateComposer = () => {
  if (!byId("composer-input")) return;
  const newKey = byId("composer-key")?.value;
  if (newKey !== messageKey) {
    messageKey = newKey;
    endSending();
    forgetSentDraft();
    moveChatToTop();
  }
  showDraft();
};

on("keydown", (event) => {
  const { target, key, shiftKey, ctrlKey, metaKey } = event;
  if (target.id !== "composer-input" || key !== "Enter" || shiftKey) return;
  if (isOfInputMethod(event)) return;
  // The keyboard of a phone has one Enter, and it writes a line.
  if (!hasMouse && !ctrlKey && !metaKey) return;
  event.preventDefault();
  const { form } = target;
  if (!target.value.trim()) return;
  if (!form.querySelector(".send").disabled) form.requestSubmit();
  else if (isAboutToStart()) waitingForm = form;
});

on("submit", (event) => {
  const isStarting = () => byId("chat").matches(".htmx-request");
  if (!sends(event.target)) return;
  if (!runningTurn() && !isStreaming() && !isStarting()) return;

  event.preventDefault();
  event.stopPropagation();
  if (runningTurn()) announce(byId("composer-hint").lastElementChild.textContent);
  // A stream is about to end, or the chat is starting: both are over soon.
  else waitingForm = event.target;
});

on("htmx:before:request", ({ target, detail }) => {
  if (!sends(target)) return;
  const { submitter } = detail.ctx.request;
  showPending(target.id === "composer" ? byId("composer-input").value : submitter.value);
  if (target.id === "composer") sendDraft();
  // A command counts for one message, also if the script of commands comes while that is sent.
  const command = byId("command");
  if (command) command.dataset.sentWith = byId("composer-key").value;
  followText();
});

on("htmx:before:swap", ({ detail }) => {
  if (sends(detail.ctx.sourceElement)) removePending();
});

// It was aborted, as when another chat came first.
on("htmx:finally:request", ({ detail }) => {
  if (sends(detail.ctx.sourceElement) && isSending()) forgetSending();
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

// What happens around a swap, in the order in which it must.
import { announceNewMessages } from "./announce.js";
import { unsentAnswers } from "./answers.js";
import "./attaching.js";
import { addCopyButtons } from "./clipboard.js";
import { sendWaitingForm, updateComposer } from "./composer.js";
import "./controls.js";
import { all, byId, hasMouse, on } from "./dom.js";
import "./edits.js";
import { checkAnswer } from "./errors.js";
import { rememberFocus, restoreFocus } from "./focus.js";
import { keepSnippet, openNewMenus, putBackSnippet } from "./history.js";
import { measureSoon } from "./layout.js";
import "./libraries.js";
import { followText } from "./scrolling.js";
import { updateOpenSelector } from "./selector.js";
import "./outline.js";
import "./shortcuts.js";
import { leavePreviousChat } from "./stream.js";
import "./zone.js";

// Few pages have elements, questions or diagrams, so the script of each comes with the first one.
const scripts = new Set();
// What is loaded runs at once, so that nobody sees or uses what was drawn before it is complete.
const loaded = new Map();

const load = async (address) => {
  const script = await import(address).catch(() => null);
  if (!script) return; // the page works as without script
  loaded.set(address, script.update);
  script.update(unsentAnswers);
};

const loadScripts = () => {
  const { diagrams } = document.body.dataset;
  for (const { dataset } of all("[data-script]")) scripts.add(dataset.script);
  scripts.add(document.querySelector("code.language-mermaid") && diagrams);
  for (const address of scripts) {
    if (loaded.has(address)) loaded.get(address)(unsentAnswers);
    else if (address) load(address);
  }
};

on("htmx:before:swap", (event) => {
  rememberFocus();
  keepSnippet(event);
  checkAnswer(event);
});

on("htmx:after:swap", (event) => {
  putBackSnippet(event);
  leavePreviousChat();
  sendWaitingForm();
  announceNewMessages();
  addCopyButtons();
  restoreFocus();
  followText();
  // Not before: to follow the text it matters whether the user has just sent something.
  updateComposer();
  measureSoon();
  updateOpenSelector();
  openNewMenus();
  loadScripts();
});

addCopyButtons();
loadScripts();
updateComposer();
followText();
measureSoon();

// Whoever opens a chat wants to write. On touch the keyboard would cover the chat.
const field = hasMouse && document.activeElement === document.body && byId("composer-input");
if (field) {
  field.setSelectionRange(field.value.length, field.value.length);
  field.focus({ preventScroll: true });
}

// A page that comes back from the browser's memory may be of somebody who has signed out.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) location.reload();
});

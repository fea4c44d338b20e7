// What pages with an open question need: the time that is left, and the text that was typed when it
// is over. Only they load this.
const SECOND = 1000; // milliseconds
const LATE = 1500; // after the end of the time, until the server has noted it

const all = (selector) => [...document.querySelectorAll(selector)];
const byId = (id) => document.getElementById(id);

// When each open question ends, by the clock of this page: that of the computer may be wrong.
const ends = new WeakMap();
// The button of a composer that has a text to take only while a question waits for one.
let unlocked = null;

const asClock = (seconds) => {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const pad = (number) => String(number).padStart(2, "0");
  const rest = `${hours ? pad(minutes) : minutes}:${pad(seconds % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
};

const openQuestions = () => all(".question[data-left]");

const look = () => {
  const turn = byId("turn");
  if (turn?.dataset.waitingTurn && !document.hidden) window.htmx?.trigger(turn, "follow");
};

const tick = () => {
  for (const question of openQuestions()) {
    const left = Math.max(0, Math.round((ends.get(question)?.at - performance.now()) / SECOND));
    const shown = question.querySelector(".time-left span");
    if (shown && Number.isFinite(left)) shown.textContent = asClock(left);
  }
};
setInterval(tick, SECOND);

// In Safari, the key that ends a word of an input method has only this code.
const isOfInputMethod = (event) => event.isComposing || event.keyCode === 229;

// Enter sends, as in the composer.
document.addEventListener("keydown", (event) => {
  const { target, key, shiftKey } = event;
  if (!target.matches?.(".answer textarea") || key !== "Enter" || shiftKey) return;
  if (isOfInputMethod(event)) return;
  if (!matchMedia("(hover: hover)").matches) return;
  event.preventDefault();
  target.form.requestSubmit();
});

// What is written in the composer answers the last question that waits for a text. If it was answered
// elsewhere meanwhile, the text is refused, and the page looks how the chat stands.
document.addEventListener("htmx:config:request", ({ target, detail }) => {
  const field = target.id === "composer" && all(".question[data-left] [data-testid=answer-input]").at(-1);
  if (field) detail.ctx.request.body.set("answers", field.id.slice("answer-".length));
});

document.addEventListener("htmx:after:request", ({ detail }) => {
  const { sourceElement, response } = detail.ctx;
  if (sourceElement?.id === "composer" && response?.status >= 400) look();
});

// `unsent` has what was typed as an answer, by the address of its question.
export const update = (unsent) => {
  for (const question of openQuestions()) {
    const { left } = question.dataset;
    if (ends.get(question)?.left === left) continue;
    ends.set(question, { left, at: performance.now() + left * SECOND });
    setTimeout(look, left * SECOND + LATE);
  }
  tick();
  const waits = document.querySelector(".question[data-kind='user'][data-left]");
  const locked = document.querySelector("#composer .send:disabled");
  if (waits && locked) {
    unlocked = locked;
    unlocked.disabled = false;
  } else if (!waits && unlocked) {
    unlocked.disabled = true;
    unlocked = null;
  }
  const chat = byId("chat")?.dataset.chatId;
  const composer = byId("composer-input");
  for (const [address, text] of unsent) {
    if (!text || !chat || !address.includes(chat)) continue;
    const isOpen = all(".answer").some((form) => form.getAttribute("action") === address);
    if (isOpen || !composer) continue;
    // The question is over, and its field is gone: the text goes where it can be sent from.
    composer.value = composer.value ? `${composer.value}\n${text}` : text;
    composer.dispatchEvent(new Event("input", { bubbles: true }));
    unsent.delete(address);
  }
};

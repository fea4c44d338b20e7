// Messages between this chat and the page in whose frame it is. Loaded only where a page is listed
// that may have the chat in a frame, and both sides are checked: who sends, and who gets.

const FRESH = 60; // seconds
const byId = (id) => document.getElementById(id);

// What the page has sent, and has not been passed on. An answer that runs goes first.
const waiting = [];
let isSending = false;

const origins = () => {
  const { origins: listed } = document.querySelector("[data-origins]")?.dataset ?? {};
  return (listed ?? "").split(" ").map((one) => (one === "'self'" ? location.origin : one));
};

const newKey = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
};

const passOn = () => {
  const form = byId("window-form");
  if (!form || isSending || !waiting.length || byId("turn")?.dataset.turnId) return;
  isSending = true;
  form.elements.key.value = newKey();
  form.elements.content.value = waiting.shift();
  form.requestSubmit();
};

const sendNew = () => {
  const holder = byId("window-messages");
  if (!holder) return;
  const place = `window-${byId("chat")?.dataset.chatId}`;
  const last = Number(sessionStorage.getItem(place));
  for (const { number, time, data } of JSON.parse(holder.dataset.messages)) {
    // In a new tab, what was sent long ago is no news.
    const isNew = last ? number > last : Math.abs(Date.now() / 1000 - time) < FRESH;
    if (isNew) for (const origin of origins()) window.parent.postMessage(data, origin);
    sessionStorage.setItem(place, number);
  }
};

const listen = () => {
  addEventListener("message", ({ source, origin, data }) => {
    if (source !== window.parent || !origins().includes(origin)) return;
    const text = JSON.stringify(data);
    if (text === undefined) return;
    waiting.push(text);
    passOn();
  });
  document.addEventListener("htmx:finally:request", ({ detail }) => {
    if (detail.ctx?.sourceElement?.id === "window-form") isSending = false;
    setTimeout(passOn);
  });
};

const isInFrame = window.parent !== window;

// The page may send as soon as the frame has loaded, and the chat may not have started by then.
if (isInFrame) listen();

export const update = () => {
  if (!isInFrame) return;
  sendNew();
  passOn();
};

// How the page keeps hearing of the answer that is being written.
import { byId, currentChatId, on, runningTurn } from "./dom.js";

const WAIT_BEFORE_FOLLOWING = 1000; // milliseconds

// The last request of each element, since htmx tells nobody how to abort one.
const requests = new WeakMap();
let streamingElement = null;
let followTimer;
let chatId = currentChatId();

export const isStreaming = () => streamingElement !== null;

// A turn that runs on without a stream is asked for again.
export const followSoon = () => {
  clearTimeout(followTimer);
  followTimer = setTimeout(() => {
    const turn = runningTurn();
    if (turn && !isStreaming()) htmx.trigger(turn, "follow");
  }, WAIT_BEFORE_FOLLOWING);
};

// A request to the chat that stays goes on: its first message may be on its way while the chat is drawn.
const abortRequest = (element, keptChatId) => {
  const request = requests.get(element);
  if (!request || (keptChatId && request.action.includes(keptChatId))) return;
  request.abort();
};

export const leavePreviousChat = () => {
  const previous = chatId;
  chatId = currentChatId();
  if (chatId === previous) return;

  abortRequest(streamingElement, chatId);
  abortRequest(byId("composer"), chatId);
  document.querySelector(".item [aria-current]")?.removeAttribute("aria-current");
};

on("htmx:before:request", (event) => {
  const { target, detail } = event;
  // An idle page asks for news when its window is looked at. It must not do so while the user edits
  // a message: the answer may be that the session is over, and the text would be lost.
  if (target.id === "turn" && !runningTurn() && document.querySelector(".actions [open]")) {
    event.preventDefault();
    return;
  }
  requests.set(target, detail.ctx.request);
});

on("htmx:sse:before:connection", ({ target }) => {
  streamingElement = target;
});

on("htmx:sse:close", () => {
  streamingElement = null;
  followSoon();
});

// A connection from before the device slept, or lost its network, may be dead without saying so.
const startOver = () => {
  if (document.hidden || !runningTurn()) return;
  abortRequest(streamingElement);
  followSoon();
};

on("visibilitychange", startOver);
addEventListener("online", startOver);

// What pages with elements need: enlarged pictures, and the panel beside the chat.
const CLOSED_PANEL = "closed-panel";
const CLOSE =
  '<svg class="glyph" viewBox="0 0 20 20" aria-hidden="true"><path d="m5 5 10 10M15 5 5 15"/></svg>';
const COPY =
  '<svg class="glyph" viewBox="0 0 20 20" aria-hidden="true"><path d="M8 7.5h7A1.5 1.5 0 0 1 16.5 9' +
  'v6.5A1.5 1.5 0 0 1 15 17H8a1.5 1.5 0 0 1-1.5-1.5V9A1.5 1.5 0 0 1 8 7.5ZM13.5 7V4.5A1.5 1.5 0 0 0' +
  ' 12 3H5a1.5 1.5 0 0 0-1.5 1.5V11A1.5 1.5 0 0 0 5 12.5h1"/></svg><span>Copy</span>';

const all = (selector) => [...document.querySelectorAll(selector)];
const isNarrow = matchMedia("(width < 60rem)");
const opensHere = (event) =>
  !(event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey ||
    event.altKey);

// --- Pictures

const zoom = document.createElement("dialog");
zoom.className = "zoom";
zoom.innerHTML =
  '<form method="dialog"><bdi></bdi><a class="quiet" target="_blank" rel="noopener noreferrer">' +
  `Open</a><button class="quiet dismiss" aria-label="Close">${CLOSE}</button></form><img alt="">`;
document.body.append(zoom);

const enlarge = (link) => {
  const { alt, currentSrc: src } = link.querySelector("img"); // of several, the one that is shown
  const picture = zoom.querySelector("img");
  // A new one, or the last one would be seen until this one is there.
  const fresh = picture.cloneNode();
  Object.assign(fresh, { alt, src, referrerPolicy: "no-referrer" });
  picture.replaceWith(fresh);
  zoom.querySelector("bdi").textContent = alt;
  zoom.querySelector("a").href = link.href;
  zoom.setAttribute("aria-label", alt);
  zoom.showModal();
  zoom.querySelector("button").focus();
};

zoom.addEventListener("click", ({ target }) => {
  // Its own ground is what surrounds the picture.
  if (target === zoom || target.matches("img")) zoom.close();
});

// --- The panel

const aside = document.createElement("aside");
aside.setAttribute("aria-label", "Beside the chat");
aside.innerHTML =
  '<dialog id="side-panel" class="side-panel" data-testid="side-panel"' +
  ' aria-labelledby="side-panel-name"></dialog>';
document.body.append(aside);
const panel = aside.firstChild;

// What the panel shows: of which card, if the app has made one, and of which chat.
let shown = {};

const chatId = () => document.getElementById("chat")?.dataset.chatId;
const closedPanel = () => {
  try {
    return sessionStorage.getItem(CLOSED_PANEL);
  } catch {
    return null; // storage is switched off
  }
};

const openPanel = async (address, { sidebar = "", byUser }) => {
  shown = { sidebar, chat: chatId() };
  const url = new URL(address, location.href);
  url.searchParams.set("in", "panel");
  await window.htmx.ajax("GET", url.href, { target: panel, swap: "innerHTML" });
  if (!panel.firstElementChild) return; // it could not be fetched, which a notice says
  const { activeElement } = document;
  if (!panel.open) {
    if (isNarrow.matches) panel.showModal();
    else panel.show();
  }
  if (byUser) panel.querySelector("[data-close-panel]").focus();
  // What the app opens must not take the focus from who is writing.
  else activeElement?.focus({ preventScroll: true });
};

const closePanel = () => {
  shown = {};
  panel.close();
};

panel.addEventListener("close", () => panel.replaceChildren());

const closeForGood = () => {
  try {
    if (shown.sidebar) sessionStorage.setItem(CLOSED_PANEL, shown.sidebar);
  } catch {
    // Then it opens again with the next page.
  }
  closePanel();
};

panel.addEventListener("cancel", closeForGood);
panel.addEventListener("click", ({ target }) => {
  if (target === panel || target.closest("[data-close-panel]")) closeForGood();
});
panel.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || panel.matches(":modal")) return;
  event.stopPropagation();
  closeForGood();
});

// The app opens it with a card, changes it, and closes it.
let lastKey = "";

const followCard = () => {
  const card = all("[data-sidebar]").at(-1);
  if (panel.open && shown.chat !== chatId()) closePanel();
  if (!card) {
    if (panel.open && shown.sidebar) closePanel();
    return;
  }
  const { sidebar } = card.dataset;
  const links = [...card.querySelectorAll("a")];
  const key = [sidebar, "closed" in card.dataset, ...links.map(({ href }) => href), card.textContent].join(" ");
  if (key === lastKey) return;
  lastKey = key;
  if ("closed" in card.dataset) {
    if (panel.open && shown.sidebar) closePanel();
  } else if (!isNarrow.matches && closedPanel() !== sidebar) {
    openPanel(links[0].href, { sidebar, byUser: false });
  }
};

document.addEventListener("click", (event) => {
  const link = opensHere(event) && event.target.closest?.("a[data-zoom], a[data-panel]");
  // Without htmx, as on the page of a shared chat, the link leads to a page.
  if (!link || (link.matches("[data-panel]") && !window.htmx)) return;
  event.preventDefault();
  if (link.matches("[data-zoom]")) {
    enlarge(link);
    return;
  }
  const sidebar = link.closest("[data-sidebar]")?.dataset.sidebar;
  openPanel(link.href, { sidebar, byUser: true });
});

// --- Texts

// A block of code has a button of its own.
const PROSE = ".text:not(:has(> .prose > pre:only-child)) > header:not(:has(button)) > a";

const addCopyButtons = () => {
  for (const save of all(PROSE)) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "act", innerHTML: COPY });
    button.dataset.copyFrom = save.href;
    save.before(button);
  }
};

export const update = () => {
  addCopyButtons();
  followCard();
};

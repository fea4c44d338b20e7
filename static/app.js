// The little that HTML and htmx cannot say. Everything listens on the document, so content that is swapped in needs no
// wiring; without this file every control still works, or (search, "Show password") is not shown.
"use strict";
(() => {
  const on = (type, listener) => document.addEventListener(type, listener, true);
  const byId = (id) => document.getElementById(id);

  // The profile panel: focus moves without choosing, as choosing starts a new chat.
  const options = (panel) => [...panel.querySelectorAll("[role=radio]")];
  const offered = (panel) => options(panel).filter((option) => !option.hidden);
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const words = (option) => [...option.querySelectorAll(".option-label, .about")].map((part) => fold(part.textContent)).join(" ");
  const rove = (panel, to) => options(panel).forEach((option) => { option.tabIndex = option === to ? 0 : -1; });
  let typed = "", typedAt = 0;

  const filter = (panel, search) => {
    const wanted = fold(search.value).split(/\s+/);
    for (const option of options(panel)) option.hidden = !wanted.every((word) => words(option).includes(word));
    const found = offered(panel);
    rove(panel, found.includes(document.activeElement) ? document.activeElement : found[0]);
    const all = options(panel).length;
    panel.querySelector("[role=status]").textContent = !found.length ? "No profile matches. Try another word."
      : found.length < all ? `${found.length} of ${all} profiles` : `${all} profiles`;
  };

  const find = (panel, search = panel.querySelector("[type=search]")) => {
    if (!search) return;
    panel.querySelector("[data-finder]").hidden = false;
    filter(panel, search);
  };

  on("beforetoggle", ({ target, newState }) => {
    if (target.id !== "profile-panel" || newState !== "open") return;
    for (const search of target.querySelectorAll("[type=search]")) search.value = "";
    find(target);
  });

  on("toggle", ({ target, newState }) => {
    if (target.id !== "profile-panel" || newState !== "open") return;
    const chosen = target.querySelector("[aria-checked=true]") || options(target)[0];
    rove(target, chosen);
    chosen.scrollIntoView({ block: "center" });
    // On touch the search field would raise the keyboard over the list.
    const search = matchMedia("(hover: hover)").matches && target.querySelector("[type=search]");
    (search || chosen).focus({ preventScroll: true });
  });

  on("input", ({ target }) => {
    if (target.type === "search") filter(target.closest("[popover]"), target);
    if (target.id === "composer-input") grow(target);
  });

  const startingWith = (key, list, at) => {
    typed = Date.now() - typedAt < 700 ? typed + fold(key) : fold(key);
    typedAt = Date.now();
    const from = at + (typed.length === 1);
    return [...list.slice(from), ...list].find((option) => words(option).startsWith(typed));
  };

  on("keydown", (event) => {
    const { target, key } = event;
    const panel = target.closest?.("#profile-panel");
    const searching = target.type === "search";
    if (!panel || event.ctrlKey || event.metaKey || event.altKey || !(searching || target.role === "radio")) return;
    const list = offered(panel), at = list.indexOf(target);
    const to = key === "ArrowDown" ? list[at + 1] || list[0]
      : key === "ArrowUp" ? list.at(Math.max(at, 0) - 1)
      : searching ? key === "Enter" && list[0]
      : key === "Home" ? list[0]
      : key === "End" ? list.at(-1)
      : key.length === 1 && key !== " " && startingWith(key, list, at);
    if (!to) return;
    event.preventDefault();
    rove(panel, to);
    to.focus();
  });

  // htmx takes the submit on its way up, so look only after it: a submit it did not take is leaving the page.
  document.addEventListener("submit", ({ target, defaultPrevented }) => {
    if (!defaultPrevented || target.getAttribute("hx-target") !== "#chat") return;
    target.closest("[popover]")?.hidePopover();
    // On touch the composer would raise the keyboard.
    byId(matchMedia("(hover: hover)").matches && byId("composer-input") ? "composer-input" : "main").focus();
  });

  // Notices.
  const unreachable = () => {
    const place = byId("notices");
    if (!place) return;
    place.replaceChildren(byId("unreachable").content.cloneNode(true));
    place.firstElementChild.dataset.testid = "notice";
  };
  on("htmx:error", unreachable);
  // An error page that is not ours (a proxy's) must not land in the chat.
  on("htmx:before:swap", (event) => {
    const { response, hx } = event.detail.ctx;
    if (!(response?.status >= 400) || hx?.retarget) return;
    event.preventDefault();
    unreachable();
  });

  on("click", ({ target }) => {
    const dismiss = target.closest?.("[data-dismiss]"), reveal = target.closest?.("[data-reveal]");
    if (dismiss) {
      dismiss.closest(".notice").remove();
      byId("main").focus();
    }
    if (reveal) {
      const secret = byId(reveal.dataset.reveal), shown = secret.type === "password";
      secret.type = shown ? "text" : "password";
      reveal.firstElementChild.textContent = shown ? "Hide" : "Show";
    }
  });

  // A picture that does not come gives way to the initial beneath it.
  on("error", ({ target }) => { if (target.matches?.(".icon img")) target.remove(); });
  // One that failed before this line ran fails again; one that came is taken from memory.
  for (const picture of document.querySelectorAll(".icon img")) if (picture.complete) picture.src = picture.src;

  // Without `field-sizing` the composer grows by rows: an attribute, since a strict CSP refuses copied styles.
  const grow = (field) => {
    if (CSS.supports("field-sizing", "content")) return;
    field.rows = 1;
    while (field.scrollHeight > field.clientHeight && field.rows < 8) field.rows += 1;
  };

  const settle = () => {
    for (const time of document.querySelectorAll("time")) {
      time.textContent = new Date(time.dateTime).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    }
    // What scrolls sideways must be reachable by keyboard.
    for (const wide of document.querySelectorAll(".prose :is(pre, table)")) {
      if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
    }
    if (byId("composer-input")) grow(byId("composer-input"));
  };
  // After the next picture: measuring and the browser's words for times must not keep a message from being shown.
  const settleSoon = () => requestAnimationFrame(() => setTimeout(settle));
  on("htmx:after:swap", () => {
    settleSoon();
    // A list that is open while the chat behind it changes keeps what was searched for.
    const panel = byId("profile-panel");
    if (panel?.matches(":popover-open")) find(panel);
  });
  settleSoon();
  for (const control of document.querySelectorAll("[data-reveal]")) control.hidden = false;

  // A page brought back from memory after signing out must ask the server first.
  addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
})();

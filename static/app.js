// The little that HTML and htmx cannot say. All of it listens on the document: what is swapped in needs no wiring.
"use strict";
(() => {
  const on = (type, listener) => document.addEventListener(type, listener, true);
  const byId = (id) => document.getElementById(id);

  // The profile panel. Focus moves without choosing.
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
    // On touch the search field would raise the keyboard.
    const search = matchMedia("(hover: hover)").matches && target.querySelector("[type=search]");
    (search || chosen).focus({ preventScroll: true });
  });

  on("input", ({ target }) => {
    if (target.type === "search") filter(target.closest("[popover]"), target);
    if (target.id === "composer-input") write(target.value);
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

  // After htmx: a submit that it did not take leaves the page.
  document.addEventListener("submit", ({ target, defaultPrevented }) => {
    if (target.action.endsWith("/logout")) stored(() => sessionStorage.clear());
    if (!defaultPrevented || !target.matches("[hx-target='#chat'], #stop, #retry, #starters")) return;
    target.closest("[popover]")?.hidePopover();
    byId(matchMedia("(hover: hover)").matches && byId("composer-input") ? "composer-input" : "main").focus();
  });

  // The composer. Its text is kept for this tab until it is sent, or its owner logs out.
  const stored = (use) => { try { return use(); } catch { return null; } };
  const draft = () => `draft:${byId("composer")?.dataset.draft}`;
  const write = (text) => {
    const field = byId("composer-input");
    if (field.value !== text) field.value = text;
    grow(field);
    stored(() => sessionStorage.setItem(draft(), text));
  };
  const running = () => document.querySelector("#turn[data-turn-id]");
  let sent = null, key = byId("composer-key")?.value;

  on("keydown", (event) => {
    const { target, shiftKey, isComposing, keyCode } = event;
    // 229: Enter of an input method.
    if (target.id !== "composer-input" || event.key !== "Enter" || shiftKey || isComposing || keyCode === 229) return;
    event.preventDefault();
    if (target.value.trim() && !target.form.querySelector(".send").disabled) target.form.requestSubmit();
  });
  on("submit", (event) => {
    if (!["composer", "starters"].includes(event.target.id) || !running()) return;
    event.preventDefault();
    event.stopPropagation();
    say(byId("composer-hint").textContent);
  });
  on("htmx:before:request", ({ target }) => { if (target.id === "composer") sent = byId("composer-input").value; });
  const taken = () => {
    const now = byId("composer-key")?.value, field = byId("composer-input");
    if (!field) return;
    if (now !== key && field.value === sent) write("");
    if (now !== key) sent = null;
    key = now;
    if (!field.value) write(stored(() => sessionStorage.getItem(draft())) || "");
  };

  // Screen readers hear a message once, when it is whole.
  const heard = new Set();
  const say = (text) => { if (byId("spoken")) byId("spoken").textContent = text; };
  const hear = (aloud) => {
    const whole = [...document.querySelectorAll(".message:not([data-kind=user], [data-status=streaming])")];
    const fresh = whole.filter(({ id }) => !heard.has(id) && heard.add(id));
    if (aloud && fresh.length) say(fresh.map((message) => `${message.dataset.author}: ${message.lastElementChild.textContent.trim()}`).join(" ").slice(0, 2000));
  };

  // A page that loses its stream asks how the answer goes on.
  let stream = null, again = 0, chat = byId("chat")?.dataset.chatId;
  const drop = () => { if (stream) htmx.trigger(stream, "htmx:abort"); };
  const watchAgain = () => {
    clearTimeout(again);
    again = setTimeout(() => { if (running() && !stream) htmx.trigger(running(), "follow"); }, 1000);
  };
  on("htmx:sse:before:connection", ({ target }) => { stream = target; });
  on("htmx:sse:close", () => { stream = null; watchAgain(); });
  // After a while away a connection may be dead.
  for (const type of ["visibilitychange", "online"]) addEventListener(type, () => { if (!document.hidden && running()) { drop(); watchAgain(); } }, true);

  // New text is followed unless one has scrolled up.
  const page = document.documentElement;
  const atEnd = () => page.scrollHeight - innerHeight - scrollY < 80;
  let follows = true, length = 0;
  const toEnd = () => scrollTo(0, page.scrollHeight);
  const newest = (show) => { const button = document.querySelector("[data-newest]"); if (button) button.hidden = !show; };
  on("scroll", () => { follows = atEnd(); if (follows) newest(false); });
  const followText = () => {
    const grown = byId("messages")?.textContent.length;
    if (!document.querySelector("[data-kind=user]")) return;
    if (follows || sent !== null) toEnd();
    else if (grown > length) newest(true);
    length = grown;
  };

  // Notices.
  const unreachable = () => {
    const place = byId("notices");
    if (!place) return;
    place.replaceChildren(byId("unreachable").content.cloneNode(true));
    place.firstElementChild.dataset.testid = "notice";
  };
  on("htmx:error", () => { unreachable(); watchAgain(); });
  // A proxy's error page must not land in the chat.
  on("htmx:before:swap", (event) => {
    const { response, hx } = event.detail.ctx;
    if (!(response?.status >= 400) || hx?.retarget) return;
    event.preventDefault();
    unreachable();
  });

  on("click", (event) => {
    const { target } = event, starter = target.closest?.(".starter"), code = target.closest?.("[data-copy]")?.parentElement;
    if (starter && (event.shiftKey || starter.form.dataset.starters === "fill")) {
      event.preventDefault();
      write(starter.value);
      byId("composer-input").focus();
    }
    if (code) copy(code.querySelector("code"), target);
    if (target.closest?.("[data-newest]")) toEnd();
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
  // One that failed before fails again; one that came is in memory.
  for (const picture of document.querySelectorAll(".icon img")) if (picture.complete) picture.src = picture.src;

  // Without `field-sizing`: by rows, as the CSP allows no styles.
  const grow = (field) => {
    if (CSS.supports("field-sizing", "content")) return;
    field.rows = 1;
    while (field.scrollHeight > field.clientHeight && field.rows < 8) field.rows += 1;
  };

  const copy = async (code, button) => {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch { // over plain HTTP
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  };
  const addCopy = () => {
    for (const code of document.querySelectorAll(".message pre:not(:has([data-copy]), .tail pre)")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.dataset.copy = "";
      button.textContent = "Copy";
      code.prepend(button);
    }
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
  // After the next picture: it must not keep a message from being shown.
  const settleSoon = () => requestAnimationFrame(() => setTimeout(settle));
  on("htmx:after:swap", () => {
    if (chat !== (chat = byId("chat")?.dataset.chatId)) drop();
    hear(true);
    addCopy();
    followText();
    taken();
    settleSoon();
    const panel = byId("profile-panel");
    if (panel?.matches(":popover-open")) find(panel);
  });
  hear(false);
  addCopy();
  taken();
  if (document.querySelector("[data-kind=user]")) toEnd();
  settleSoon();
  for (const control of document.querySelectorAll("[data-reveal]")) control.hidden = false;

  // From memory, perhaps after signing out: ask the server.
  addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
})();

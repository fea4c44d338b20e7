// What HTML and htmx cannot say.

{
  const on = (type, listener) => document.addEventListener(type, listener, true);
  const byId = (id) => document.getElementById(id);
  // Or focus raises a keyboard.
  const mouse = matchMedia("(hover: hover)").matches;
  const home = () => mouse && byId("composer-input") || byId("main");

  const options = (panel) => [...panel.querySelectorAll("[role=radio]")];
  const offered = (panel) => options(panel).filter((option) => !option.hidden);
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const words = (option) => [...option.querySelectorAll(".option-label, .about")].map((part) => fold(part.textContent)).join(" ");
  const rove = (panel, to) => options(panel).forEach((option) => { option.tabIndex = option === to ? 0 : -1; });
  let typed = "", typedAt = 0;

  const filter = (panel, search) => {
    const wanted = fold(search.value).split(/\s+/);
    for (const option of options(panel)) option.hidden = !wanted.every((word) => words(option).includes(word));
    const found = offered(panel), all = options(panel).length;
    rove(panel, found.includes(document.activeElement) ? document.activeElement : found[0]);
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
    (mouse && target.querySelector("[type=search]") || chosen).focus({ preventScroll: true });
  });

  on("input", ({ target }) => {
    if (target.type === "search") filter(byId("profile-panel"), target);
    if (target.id === "composer-input") write(target.value);
  });

  const startingWith = (key, list, at) => {
    typed = (Date.now() - typedAt < 700 ? typed : "") + fold(key);
    typedAt = Date.now();
    const from = at + (typed.length === 1);
    return [...list.slice(from), ...list].find((option) => words(option).startsWith(typed));
  };

  on("keydown", (event) => {
    const { target, key } = event, panel = target.closest?.("#profile-panel"), searching = target.type === "search";
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

  // Of what htmx did not take.
  document.addEventListener("submit", ({ target, defaultPrevented }) => {
    if (target.action.endsWith("/logout")) stored(() => sessionStorage.clear());
    if (!defaultPrevented || !target.matches("[hx-target='#chat'], #stop, #retry, #starters")) return;
    target.closest("[popover]")?.hidePopover();
    home().focus();
  });

  // A browser may bar the storage: then a page keeps its texts only while it is there.
  const stored = (use) => { try { return use(); } catch {} };
  const draft = () => `draft:${byId("composer")?.dataset.draft}`;
  const write = (text) => {
    const field = byId("composer-input");
    if (field.value !== text) field.value = text;
    grow(field);
    stored(() => sessionStorage[draft()] = text);
  };
  const running = () => document.querySelector("#turn[data-turn-id]");
  let sent = null, key = byId("composer-key")?.value, next;

  on("keydown", (event) => {
    const { target, shiftKey, isComposing, keyCode } = event;
    // 229: of an input method
    if (target.id !== "composer-input" || event.key !== "Enter" || shiftKey || isComposing || keyCode === 229) return;
    event.preventDefault();
    if (target.value.trim() && !target.form.querySelector(".send").disabled) target.form.requestSubmit();
  });
  on("submit", (event) => {
    if (!["composer", "starters"].includes(event.target.id) || !(running() || stream || byId("chat").matches(".htmx-request"))) return;
    event.preventDefault();
    event.stopPropagation();
    if (running()) say(byId("composer-hint").lastElementChild.textContent);
    // A stream ends, or a chat starts.
    else next = event.target;
  });
  const asked = new WeakMap();
  on("htmx:before:request", (event) => {
    const { target, detail } = event;
    // No news for who edits, which may be that the session is over.
    if (target.id === "turn" && !running() && document.querySelector("[open]")) return event.preventDefault();
    asked.set(target, detail.ctx.request);
    if (target.id === "composer") sent = byId("composer-input").value;
  });
  const taken = () => {
    const now = byId("composer-key")?.value, field = byId("composer-input");
    if (!field) return;
    if (now !== key) {
      if (sent && field.value.startsWith(sent)) write(field.value.slice(sent.length));
      sent = null;
      key = now;
    }
    write(field.value || stored(() => sessionStorage[draft()]) || "");
  };

  // For screen readers: once, when whole.
  const heard = new Set();
  const say = (text) => { if (byId("spoken")) byId("spoken").textContent = text; };
  const hear = (aloud) => {
    const fresh = [...document.querySelectorAll(".message:not([data-kind=user], [data-status=streaming], .earlier *)")].filter(({ id }) => !heard.has(id) && heard.add(id));
    const spoken = (message) => {
      const badge = message.querySelector(".badge");
      return `${message.dataset.author}${badge ? `, ${badge.textContent}` : ""}: ${message.lastElementChild.textContent.trim()}`;
    };
    if (aloud && fresh.length) say(fresh.map(spoken).join(" ").slice(0, 2e3));
  };

  let stream, again, chat = byId("chat")?.dataset.chatId;
  // Not what is asked of the chat that is kept: its first message may be on its way while it is drawn.
  const drop = (source, kept) => {
    const request = asked.get(source);
    if (!request?.action.includes(kept)) request?.abort();
  };
  const watchAgain = () => {
    clearTimeout(again);
    again = setTimeout(() => { if (running() && !stream) htmx.trigger(running(), "follow"); }, 1e3);
  };
  // It may have to wait once more.
  const sendNext = () => setTimeout((form = next) => { next = null; form?.requestSubmit(); }, 50);
  on("htmx:sse:before:connection", ({ target }) => { stream = target; });
  on("htmx:sse:close", () => {
    stream = null;
    watchAgain();
    sendNext();
  });
  const back = () => { if (!document.hidden && running()) drop(stream), watchAgain(); };
  on("visibilitychange", back);
  addEventListener("online", back);

  let follows = true, length = 0, top = 0;
  const toEnd = () => scrollTo(0, 1e9);
  const newest = (show) => { for (const button of document.querySelectorAll("[data-newest]")) button.hidden = !show; };
  on("scroll", () => {
    follows = document.documentElement.scrollHeight - innerHeight - scrollY < (scrollY < top ? 1 : 80);
    top = scrollY;
    if (follows) newest(false);
  });
  const followText = () => {
    const grown = [...document.querySelectorAll(".message:not(.earlier *) > :last-child")].reduce((sum, { textContent }) => sum + textContent.length, 0), question = [...document.querySelectorAll("[data-kind=user]")].at(-1);
    if (!question) return;
    if (follows || sent !== null) toEnd();
    else if (grown > length) newest(true);
    if (sent !== null) question.scrollIntoView({ block: "nearest" });
    length = grown;
  };

  // It lies over what is said.
  const shut = () => byId("history")?.hidePopover();
  const unreachable = () => {
    shut();
    const place = byId("notices");
    if (!place || place.querySelector("[data-unreachable]")) return;
    place.replaceChildren(byId("unreachable").content.cloneNode(true));
    place.firstElementChild.dataset.testid = "notice";
  };
  on("htmx:error", () => { sent = next = null; unreachable(); watchAgain(); });
  let focused = false, copying = -1, held = null;
  const copies = () => [...document.querySelectorAll(".copy")];
  // No chat that was left, no proxy's page.
  on("htmx:before:swap", (event) => {
    const { response, hx, request } = event.detail.ctx, about = request?.action.match(/chats\/([^/]+)\//)?.[1], { activeElement } = document;
    focused = activeElement !== document.body;
    copying = copies().indexOf(activeElement);
    held = activeElement.closest(".item, .actions")?.id;
    if (about && about !== byId("chat")?.dataset.chatId && !event.target.closest?.(".item")) return event.preventDefault();
    if (response?.status === 404) running()?.remove();
    if (!(response?.status >= 400)) return;
    sent = next = null;
    if (hx?.retarget) return hx.retarget === "#notices" && shut();
    event.preventDefault();
    unreachable();
  });

  on("click", (event) => {
    const { target } = event, starter = target.closest?.(".starter"), link = target.closest?.("[data-copy]");
    if (starter && (event.shiftKey || starter.form.dataset.starters === "fill")) {
      event.preventDefault();
      byId("composer-input").focus();
      byId("composer-input").select();
      // Undoable.
      document.execCommand("insertText", false, starter.value);
    }
    if (link) copy(new URL(link.dataset.copy, location).href, link);
    if (target.matches?.(".copy")) copy(target.nextElementSibling.textContent, target);
    if (target.closest?.("[data-newest]")) {
      toEnd();
      home().focus();
    }
    // A double click on Send.
    if (event.detail > 1 && target.closest?.(".stop")) event.preventDefault();
    const dismiss = target.closest?.("[data-dismiss]"), reveal = target.closest?.("[data-reveal]");
    if (dismiss) {
      target.closest(".notice").remove();
      byId("main").focus();
    }
    if (reveal) {
      const secret = byId(reveal.dataset.reveal), shown = secret.type === "password";
      secret.type = shown ? "text" : "password";
      reveal.firstElementChild.textContent = shown ? "Hide" : "Show";
    }
  });

  on("error", ({ target }) => target.matches?.(".icon img") && target.remove());
  for (const picture of document.querySelectorAll(".icon img")) if (picture.complete) picture.src = picture.src;

  const grow = (field) => {
    if (CSS.supports("field-sizing", "content")) return;
    field.rows = 1;
    while (field.scrollHeight > field.clientHeight && field.rows < 8) field.rows++;
  };

  const copy = async (text, button) => {
    const label = button.lastChild, said = label.data;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Over plain HTTP.
      document.addEventListener("copy", (event) => {
        event.clipboardData.setData("text/plain", text);
        event.preventDefault();
      }, { once: true });
      document.execCommand("copy");
    }
    say(label.data = "Copied");
    setTimeout(() => label.data = said, 2e3);
  };
  on("change", ({ target }) => target.files?.[0]?.text().then((text) => byId(target.dataset.fills).value = text));
  const addCopy = () => {
    for (const code of document.querySelectorAll(".message pre:not(:has(.copy), .tail pre)")) {
      code.prepend(Object.assign(document.createElement("button"), { type: "button", className: "copy", textContent: "Copy" }));
    }
  };

  const settle = () => {
    for (const time of document.querySelectorAll(".message time")) time.textContent = new Date(time.dateTime).toLocaleTimeString([], { timeStyle: "short" });
    for (const wide of document.querySelectorAll(".prose :is(pre > code, table)")) {
      if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
    }
    const field = byId("composer-input");
    if (field) grow(field);
  };
  // After a message is drawn.
  const settleSoon = () => requestAnimationFrame(() => setTimeout(settle));
  on("htmx:after:swap", () => {
    if (chat !== (chat = byId("chat")?.dataset.chatId)) {
      drop(stream, chat);
      drop(byId("composer"), chat);
      document.querySelector(".item [aria-current]")?.removeAttribute("aria-current");
    }
    sendNext();
    hear(true);
    addCopy();
    if (focused && document.activeElement === document.body) (copies()[copying] || byId(held)?.querySelector("button, .item-more") || home()).focus();
    followText();
    taken();
    settleSoon();
    const panel = byId("profile-panel");
    if (panel?.matches(":popover-open")) find(panel);
  });
  hear(false);
  addCopy();
  taken();
  followText();
  settleSoon();
  for (const control of document.querySelectorAll("[data-reveal]")) control.hidden = false;

  // Signed out?
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
}

// Commands and modes beside the composer. A "/" at the beginning of a message opens the menu of the
// commands, where the text filters and the keys choose. Only chats that have them load this.
const on = (type, listener) => document.addEventListener(type, listener, { capture: true });
// In Safari, the key that ends a word of an input method has only this code.
const isOfInputMethod = (event) => event.isComposing || event.keyCode === 229;
const byId = (id) => document.getElementById(id);

const field = () => byId("composer-input");
const bar = () => byId("commands");
const select = () => byId("command");
const currentChat = () => byId("chat")?.dataset.chatId;
const messageKey = () => byId("composer-key")?.value;
const hasMouse = matchMedia("(hover: hover)").matches;

// Of the chat, as the field has them, and which one the next message gets.
let commands = [];
let chosen = "";
let signature = null;
let buttons = [];
// What the open menu shows, and where its keys are: in the message, or in the menu itself.
let matches = [];
let active = 0;
let isOpen = false;
let isByButton = false;
let sentKey = null;
// By the name of each mode: its options, and which one is chosen.
const modes = new Map();
// What was chosen before this script was there counts.
let isFirst = true;

const make = (tag, { dataset = {}, ...attributes }, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  Object.assign(element.dataset, dataset);
  element.append(...children);
  return element;
};

const announce = (text) => {
  const region = byId("spoken");
  if (region) region.textContent = text;
};

// A copy of the picture of a command, or nothing.
const pictureOf = (id) => {
  const pictures = document.querySelectorAll("template[data-command]");
  const found = [...pictures].find(({ dataset }) => dataset.command === id);
  return found ? [found.content.cloneNode(true)] : [];
};

const readCommands = () =>
  [...select().options].slice(1).map(({ value, dataset }) => ({
    id: value,
    description: dataset.description,
    isButton: "button" in dataset,
    stays: "persistent" in dataset,
  }));

const menuButton = () => byId("command-button");
const menu = () => byId("command-menu");

const show = () => {
  for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.name === chosen);
  const isInMenu = chosen && !commands.find(({ id }) => id === chosen)?.isButton;
  const chip = byId("chosen-command");
  if (!isInMenu) chip?.remove();
  else if (chip?.dataset.name !== chosen) {
    chip?.remove();
    const label = `${chosen}: remove this command`;
    const chip_ = make(
      "button",
      { type: "button", id: "chosen-command", class: "chip", "aria-label": label, title: label },
      ...pictureOf(chosen),
      make("bdi", {}, chosen),
      make("span", { "aria-hidden": "true" }, "×"),
    );
    chip_.dataset.name = chosen;
    bar().append(chip_);
  }
};

const choose = (id) => {
  chosen = id;
  if (select()) select().value = id;
  show();
};

const close = () => {
  if (!isOpen) return;
  isOpen = false;
  matches = [];
  menu()?.remove();
  bar()?.append(...buttons);
  menuButton()?.setAttribute("aria-expanded", "false");
  const input = field();
  input?.removeAttribute("aria-activedescendant");
  input?.removeAttribute("aria-controls");
};

const pointTo = (index) => {
  active = (index + matches.length) % matches.length;
  for (const [at, option] of [...menu().children].entries()) {
    option.setAttribute("aria-selected", at === active);
  }
  const option = menu().children[active];
  option.scrollIntoView({ block: "nearest" });
  (isByButton ? menu() : field()).setAttribute("aria-activedescendant", option.id);
};

const open = (found, byButton) => {
  const wasOpen = isOpen;
  const before = matches.map(({ id }) => id).join("\n");
  matches = found;
  isOpen = true;
  isByButton = byButton;
  // Each command is there once: in the menu, or as a button.
  for (const button of buttons) button.remove();
  const options = found.map(({ id, description }, at) =>
    make(
      "li",
      { role: "option", id: `command-${at}`, class: "command", dataset: { testid: "command", name: id } },
      ...pictureOf(id),
      make("bdi", { class: "command-name" }, id),
      make("span", { class: "command-about", dir: "auto" }, description),
    ),
  );
  const list = menu() ?? make("ul", {
    id: "command-menu", class: "command-menu", role: "listbox", "aria-label": "Commands", tabindex: "-1",
  });
  list.replaceChildren(...options);
  bar().append(list);
  menuButton()?.setAttribute("aria-expanded", "true");
  if (!byButton) field().setAttribute("aria-controls", "command-menu");
  pointTo(0);
  if (!wasOpen || before !== found.map(({ id }) => id).join("\n")) {
    const count = found.length === 1 ? "1 command" : `${found.length} commands`;
    announce(`${count}. ${found[0].id}. ${found[0].description}`);
  }
};

const putText = (text) => {
  const input = field();
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
};

// What stands behind the "/", as far as the caret, if the message begins with one.
const query = () => {
  const { value, selectionEnd } = field();
  return /^\/(\S*)$/.exec(value.slice(0, selectionEnd))?.[1].toLowerCase();
};

const pick = ({ id }) => {
  const typed = isByButton ? undefined : query();
  const { value } = field();
  close();
  choose(id);
  if (typed !== undefined) putText(value.slice(typed.length + 1).trimStart());
  announce(`Command ${id}`);
  if (hasMouse || document.activeElement !== menuButton()) field().focus({ preventScroll: true });
};

const find = (text) => {
  const names = commands.map((command) => [command.id.toLowerCase(), command]);
  const begins = names.filter(([name]) => name.startsWith(text));
  const has = names.filter(([name]) => !name.startsWith(text) && name.includes(text));
  return [...begins, ...has].map(([, command]) => command);
};

on("input", ({ target }) => {
  if (target !== field() || !commands.length) return;
  const typed = query();
  const found = typed === undefined ? [] : find(typed);
  if (found.length) open(found, false);
  else close();
  // Its whole name and a space choose it as well.
  const whole = /^\/(\S+)\s([^]*)$/.exec(target.value);
  const named = whole && commands.find(({ id }) => id.toLowerCase() === whole[1].toLowerCase());
  if (!named) return;
  choose(named.id);
  putText(whole[2]);
  announce(`Command ${named.id}`);
});

// Before the composer hears of the key: there, Enter sends, and Escape stops.
addEventListener(
  "keydown",
  (event) => {
    const { target, key, shiftKey } = event;
    if (isOfInputMethod(event) || !commands.length) return;
    if (key === "Backspace" && target === field() && !target.value && chosen) {
      choose("");
      announce("No command");
    }
    if (!isOpen || (target !== field() && target !== menu())) return;
    const steps = { ArrowDown: active + 1, ArrowUp: active - 1 };
    if (isByButton) Object.assign(steps, { Home: 0, End: -1 });
    if (key in steps) pointTo(steps[key]);
    else if ((key === "Enter" || key === "Tab") && !shiftKey) pick(matches[active]);
    else if (key === "Escape") {
      close();
      if (isByButton) menuButton().focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  },
  { capture: true },
);

on("click", ({ target }) => {
  if (target.closest?.("#command-button")) {
    if (isOpen) close();
    else {
      open(commands, true);
      menu().focus({ preventScroll: true });
    }
    return;
  }
  const option = target.closest?.("#command-menu > li");
  if (option) return pick(matches[[...menu().children].indexOf(option)]);
  const chip = target.closest?.("#commands > .chip");
  if (chip) {
    const isOff = chip.id === "chosen-command" || chip.dataset.name === chosen;
    choose(isOff ? "" : chip.dataset.name);
    if (!chip.isConnected) field().focus({ preventScroll: true });
  }
});

// A press on the menu would take the focus from the message.
on("mousedown", (event) => {
  if (event.target.closest?.("#command-menu")) event.preventDefault();
});

on("focusout", ({ target, relatedTarget }) => {
  if (!isOpen || (target !== field() && target !== menu())) return;
  if (relatedTarget?.closest("#commands") !== bar() || !relatedTarget) close();
});

on("change", ({ target }) => {
  const known = target.dataset?.testid === "mode" && modes.get(target.name);
  if (known) known.value = target.value;
});

// A suggestion is sent with what is chosen as well.
on("htmx:config:request", ({ target, detail }) => {
  if (!target.matches?.("[data-starters]")) return;
  const { body } = detail.ctx.request;
  for (const picker of document.querySelectorAll("[data-testid=mode]")) body.set(picker.name, picker.value);
  if (chosen && !body.has("command")) body.set("command", chosen);
});

on("htmx:before:request", ({ target }) => {
  if (target.matches?.("#composer, [data-starters]")) sentKey = messageKey();
});

const updateModes = () => {
  for (const picker of document.querySelectorAll("[data-testid=mode]")) {
    const options = [...picker.options];
    const values = `${currentChat()}\n${options.map(({ value }) => value).join("\n")}`;
    const known = modes.get(picker.name);
    if (known?.values === values) picker.value = known.value;
    else {
      const drawn = options.find(({ defaultSelected }) => defaultSelected) ?? options[0];
      if (!isFirst) picker.value = drawn.value;
      modes.set(picker.name, { values, value: picker.value });
    }
  }
};

const makeBar = () => {
  buttons = commands
    .filter(({ isButton }) => isButton)
    .map(({ id, description }) =>
      make(
        "button",
        { type: "button", class: "chip", title: description, dataset: { testid: "command", name: id } },
        ...pictureOf(id),
        make("bdi", {}, id),
      ),
    );
  const opener = make(
    "button",
    { type: "button", id: "command-button", class: "chip", "aria-haspopup": "listbox", "aria-expanded": "false" },
    make("span", { "aria-hidden": "true", class: "slash" }, "/"),
    "Commands",
  );
  bar().replaceChildren(opener, ...buttons);
};

const updateCommands = () => {
  const input = field();
  if (!select()) {
    close();
    [commands, buttons, chosen, signature] = [[], [], "", null];
    input?.removeAttribute("aria-autocomplete");
    return;
  }
  // The page says of each command once that it is there.
  for (const option of select().options) {
    delete option.dataset.testid;
    delete option.dataset.name;
  }
  if (isFirst) sentKey ??= select().dataset.sentWith ?? null;
  input?.setAttribute("aria-autocomplete", "list");
  const fresh = readCommands();
  const text = JSON.stringify([currentChat(), fresh]);
  const isSame = text === signature;
  if (!isSame) {
    close();
    signature = text;
    commands = fresh;
    const drawn = [...select().options].find(({ defaultSelected }) => defaultSelected)?.value ?? "";
    chosen = isFirst ? select().value : drawn;
  }
  if (!isSame || !bar().firstChild) makeBar();
  const wasTaken = sentKey !== null && sentKey !== messageKey();
  if (wasTaken && isSame && !commands.find(({ id }) => id === chosen)?.stays) chosen = "";
  if (wasTaken) sentKey = null;
  choose(chosen);
};

export const update = () => {
  updateCommands();
  updateModes();
  isFirst = false;
};

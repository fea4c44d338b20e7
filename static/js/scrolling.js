// The page follows the text that comes, unless the reader has scrolled up.
import { all, focusComposer, on } from "./dom.js";
import { isSending } from "./pending.js";

const NEAR_THE_END = 80; // pixels

let isFollowing = true;
let lastLength = 0;
let lastScrollY = 0;

const scrollToEnd = () => scrollTo(0, document.documentElement.scrollHeight);

const showNewestButton = (isShown) => {
  for (const button of all("[data-newest]")) button.hidden = !isShown;
};

const notePosition = () => {
  const left = document.documentElement.scrollHeight - innerHeight - scrollY;
  // Who scrolls up by a little wants to stay there; who scrolls down need not hit the very end.
  isFollowing = left < (scrollY < lastScrollY ? 1 : NEAR_THE_END);
  lastScrollY = scrollY;
  if (isFollowing) showNewestButton(false);
};

export const followText = () => {
  const question = all(".message[data-kind=user]").at(-1);
  const texts = all(".message:not(.earlier *) > :last-child");
  const length = texts.reduce((sum, text) => sum + text.textContent.length, 0);
  if (!question) return;

  if (isFollowing || isSending()) scrollToEnd();
  else if (length > lastLength) showNewestButton(true);
  if (isSending()) {
    // A long answer may be there already: who sent the question starts to read at it.
    question.scrollIntoView({ block: "nearest" });
    // The event comes with the next frame, and the next swap may come before that.
    notePosition();
  }
  lastLength = length;
};

on("scroll", notePosition);

// A style sheet that comes with a message changes how much room the message takes.
on("load", ({ target }) => {
  if (target.matches?.("link") && isFollowing && all(".message").length) scrollToEnd();
});

on("click", ({ target }) => {
  if (!target.closest?.("[data-newest]")) return;
  scrollToEnd();
  focusComposer();
});

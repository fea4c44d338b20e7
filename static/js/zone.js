// Tells the server the time zone of the browser, so that all times come as they are here.
import { all } from "./dom.js";

const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
const DAY = { day: "numeric", month: "short", year: "numeric" };
const TIME = { hour: "2-digit", minute: "2-digit" };

const isTold = () => document.cookie.split("; ").includes(`zone=${timeZone}`);

// Only on the first page: those that follow come with the right times.
const correctTimes = () => {
  const today = new Date().toDateString();
  for (const element of all("time[title]")) {
    const time = new Date(element.dateTime);
    const isToday = time.toDateString() === today;
    const hasTime = element.textContent.includes(":");
    const parts = { ...(!(isToday && hasTime) && DAY), ...(hasTime && TIME) };
    element.textContent = time.toLocaleString("en-GB", parts);
    element.title = time.toLocaleString("en-GB", { dateStyle: "long", timeStyle: "long" });
  }
};

if (!isTold()) {
  // This script is in a folder of the site's root.
  const { pathname } = new URL("..", document.currentScript.src);
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `zone=${timeZone}; path=${pathname}; max-age=31536000; samesite=lax${secure}`;
  correctTimes();
}

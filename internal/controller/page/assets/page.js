// The page works without this. With it, times are in the reader's zone, a line to type can be
// copied, and what goes on moves.
"use strict";

const shown = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function dress(root) {
  for (const t of root.querySelectorAll("time[datetime]")) {
    const at = new Date(t.dateTime);
    if (isNaN(at)) continue;
    t.title = t.textContent;
    t.textContent = shown.format(at);
  }
  if (!navigator.clipboard) return; // not over plain http to a name
  for (const b of root.querySelectorAll("button[data-copy]")) {
    b.hidden = false;
    b.addEventListener("click", async () => {
      const done = await navigator.clipboard.writeText(b.dataset.copy).then(() => true, () => false);
      b.textContent = done ? "Copied" : "Not copied";
      setTimeout(() => { b.textContent = "Copy"; }, 3000);
    });
  }
}

// refresh puts the page as it is now in the place of the page as it was. The reader's place in
// the lines, and the focus, stay.
let refreshing = false, again = false;
async function refresh() {
  again = true;
  if (refreshing) return;
  refreshing = true;
  try {
    while (again) {
      again = false;
      const answer = await fetch(location.pathname, { cache: "no-store" });
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      const log = document.querySelector("[data-log]"), top = log?.scrollTop, end = atEnd(log);
      const focused = document.activeElement, link = focused?.getAttribute?.("href"), copy = focused?.dataset?.copy;
      for (const part of ["main", ".asof"]) {
        const now = document.querySelector(part), then = next.querySelector(part);
        if (now && then) {
          dress(then);
          now.replaceWith(then);
        }
      }
      const lines = document.querySelector("[data-log]");
      if (lines) lines.scrollTop = end ? lines.scrollHeight : top;
      if (!focused?.isConnected) [...document.querySelectorAll("main a, main button")].find((e) => link && e.getAttribute("href") === link || copy && e.dataset.copy === copy)?.focus({ preventScroll: true });
    }
  } catch {
    // the server is away; the stream comes back when it does
  } finally {
    refreshing = false;
  }
}

function atEnd(log) {
  return !log || log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
}

function line(news) {
  for (const run of document.querySelectorAll("[data-run]")) {
    if (run.dataset.run !== news.run) continue;
    run.querySelector("[data-point]").textContent = news.point;
    run.querySelector("[data-text]").textContent = news.text;
    run.querySelector("[data-bytes]").textContent = news.bytes;
    const bar = run.querySelector("progress");
    bar.hidden = !news.total;
    bar.value = news.total ? Math.min(1000, 1000 * news.done / news.total) : 0;
    const log = document.querySelector("[data-log]");
    if (!log || log.lastElementChild?.dataset.time === news.time) continue; // the page came with it
    const entry = document.createElement("li"), at = document.createElement("span"), end = atEnd(log);
    entry.dataset.time = news.time;
    entry.className = news.warning ? "why" : "";
    at.className = "num";
    at.textContent = news.seconds.toFixed(1) + " s";
    entry.append(at, " " + news.point + " " + news.text + (news.bytes ? " " + news.bytes : ""));
    log.append(entry);
    if (end) log.scrollTop = log.scrollHeight;
  }
}

// A page that is not seen has no stream: a browser opens six connections to a server at most.
let events = null, retry = 0;
function listen() {
  clearTimeout(retry);
  if (events || document.hidden) return;
  events = new EventSource("/events?key=" + encodeURIComponent(document.querySelector("main").dataset.key));
  events.addEventListener("changed", refresh);
  events.addEventListener("line", (e) => line(JSON.parse(e.data)));
  events.addEventListener("error", () => {
    if (events?.readyState !== EventSource.CLOSED) return; // the browser tries again
    hush();
    retry = setTimeout(listen, 30000);
  });
}

function hush() {
  events?.close();
  events = null;
}

dress(document);
listen();
document.addEventListener("visibilitychange", () => document.hidden ? hush() : listen());
addEventListener("pagehide", hush);
addEventListener("pageshow", listen);

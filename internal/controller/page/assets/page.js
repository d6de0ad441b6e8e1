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
      await navigator.clipboard.writeText(b.dataset.copy);
      b.textContent = "Copied";
    });
  }
}

// refresh puts the page as it is now in the place of the page as it was.
let refreshing = false;
async function refresh() {
  if (refreshing) return;
  refreshing = true;
  try {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of ["main", ".asof"]) {
      const now = document.querySelector(part), then = next.querySelector(part);
      if (now && then) {
        dress(then);
        now.replaceWith(then);
      }
    }
  } catch {
    // the server is away; the stream comes back when it does
  } finally {
    refreshing = false;
  }
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
    const entry = document.createElement("li");
    entry.dataset.time = news.time;
    const at = document.createElement("span");
    at.className = "num";
    at.textContent = news.seconds.toFixed(1) + " s";
    entry.append(at, " " + news.point + " " + news.text + (news.bytes ? " " + news.bytes : ""));
    log.append(entry);
    log.scrollTop = log.scrollHeight;
  }
}

dress(document);
const events = new EventSource("/events?key=" + encodeURIComponent(document.querySelector("main").dataset.key));
events.addEventListener("changed", refresh);
events.addEventListener("line", (e) => line(JSON.parse(e.data)));
addEventListener("pagehide", () => events.close());

// The queue. Its first page is kept as the server has it: the stream of events begins with whatever the page has missed, and goes on
// from there after every break. What the pointer is on, or what has the focus, never moves: what comes above it waits for a press.
import { ago, left } from "./when.js";

const by = (id) => document.getElementById(id);
const TICK = 5000;
const AGAIN = 5000;
/** Rows that have left and are still shown. */
const LEFT = 50;

/** `html`: the door by which what the server rendered becomes elements. `look`: whether the log continues what is kept here. */
export function inbox(html, look) {
  const rows = by("rows");
  let ahead = Number(rows.dataset.now) - Date.now();
  const tick = () => {
    const now = Date.now() + ahead;
    for (const it of rows.querySelectorAll("time")) {
      const said = (it.className === "left" ? left : ago)(Date.parse(it.dateTime), now);
      if (it.textContent !== said) it.textContent = said;
    }
  };
  setInterval(tick, TICK);
  document.addEventListener("visibilitychange", tick);
  keyboard(rows);
  // A further page says by itself that it is none that is followed.
  if (!("older" in rows.dataset)) follow(html, look, rows, tick, (now) => (ahead = now - Date.now()));
}

function follow(html, look, rows, tick, set) {
  const [fresh, live, most] = [by("fresh"), by("live"), Number(rows.dataset.most)];
  let [all, seen] = [Number(rows.dataset.all), rows.dataset.seen];
  /** What is not shown yet, since it would move what is held: new rows, and rows that would be of another height. */
  const waiting = new Map();

  const made = (text) => {
    const template = document.createElement("template");
    template.innerHTML = html.createHTML(text);
    return template.content.firstElementChild;
  };
  const held = () => rows.querySelector(".row:hover") ?? document.activeElement?.closest("#rows > .row");
  const touched = () => rows.matches(":hover") || rows.contains(document.activeElement) || scrollY > 0;

  /** Does it, and takes it back where what is held would be elsewhere on the screen: whether it was done. */
  const steady = (act) => {
    const [it, at] = [held(), scrollY];
    const top = it?.getBoundingClientRect().top;
    const back = act();
    const moved = () => (it?.isConnected ? it.getBoundingClientRect().top - top : 0);
    if (moved() !== 0) scrollBy(0, moved());
    if (!back || Math.abs(moved()) < 1) return true;
    back();
    scrollTo(0, at);
    return false;
  };

  /** The row itself stays, and with it the focus. */
  const put = (there, row) => {
    const [link, next] = [there, row].map((it) => it.querySelector("a"));
    const [children, name, data] = [[...link.childNodes], there.className, { ...there.dataset }];
    link.replaceChildren(...next.childNodes);
    there.classList.remove("gone", "past");
    Object.assign(there.dataset, row.dataset);
    return () => {
      link.replaceChildren(...children);
      there.className = name;
      Object.assign(there.dataset, data);
    };
  };
  // Ids sort by time, and the newest come first.
  const insert = (id, text) => rows.insertBefore(made(text), [...rows.children].find((row) => row.id < id) ?? null);

  const take = (id, text) => {
    const there = by(id);
    if (there) {
      const row = made(text);
      if (there.dataset.stand === row.dataset.stand && !there.matches(".gone, .past")) waiting.delete(id);
      else if (steady(() => put(there, row))) waiting.delete(id);
      else waiting.set(id, text);
    } else if (!touched() || (rows.lastElementChild && id < rows.lastElementChild.id)) {
      // One that moved up from the next page goes to the end, where it moves nothing.
      insert(id, text);
    } else {
      waiting.set(id, text);
    }
  };
  const says = (row, state, why) => {
    const word = row.querySelector(".state");
    word.textContent = state;
    word.className = `state ${state}`;
    row.dataset.state = state;
    row.querySelector(".need").replaceChildren(word, why ? ` ${why}` : "");
  };
  const part = (id, state, why) => {
    waiting.delete(id);
    const there = by(id);
    if (!there || there.classList.contains("gone")) return;
    steady(() => {
      there.classList.add("gone");
      says(there, state, why);
    });
  };

  /** What the server tells of: the newest, as many as one page has. */
  const followed = () => {
    const shown = [...rows.querySelectorAll(".row:not(.gone)")].map((it) => it.id);
    return [...new Set([...shown, ...waiting.keys()])].sort().reverse().slice(0, most);
  };
  const settle = () => {
    const ids = followed();
    for (const row of rows.querySelectorAll(".row:not(.gone, .past)")) {
      if (ids.includes(row.id)) continue;
      row.classList.add("past");
      steady(() => says(row, row.dataset.state, "on the next page by now: open it to see how it stands"));
    }
    if (!touched()) {
      rows.querySelectorAll(".past").forEach((row) => row.remove());
      [...rows.querySelectorAll(".gone")].slice(LEFT).forEach((row) => row.remove());
    }
    by("count").textContent = ids.length;
    by("all").textContent = all > ids.length ? `of ${all} waiting` : "waiting";
    by("empty").hidden = rows.children.length + waiting.size > 0;
    fresh.hidden = waiting.size === 0;
    fresh.textContent = `${waiting.size} new${[...waiting.keys()].some(by) ? " or changed" : ""}`;
    if (all > ids.length && ids.length > 0) by("older").href = `/inbox?before=${ids.at(-1)}`;
    by("older").hidden = all <= ids.length;
    tick();
  };
  fresh.addEventListener("click", (event) => {
    for (const [id, text] of waiting) {
      if (by(id)) put(by(id), made(text));
      else insert(id, text);
    }
    waiting.clear();
    scrollTo(0, 0);
    // Whoever came by the keyboard goes on with it.
    if (event.detail === 0) rows.querySelector(".row a")?.focus();
    settle();
  });

  const told = (text, good) => {
    if (live.textContent !== text) live.textContent = text;
    live.classList.toggle("bad", !good);
  };
  /** Everything that was missed has come. `ids`: all that stand on this page, where it may have missed that some are gone. */
  const caughtUp = ({ all: number, now, ids }, at) => {
    all = number;
    seen = at || seen;
    if (now) set(now);
    if (ids) {
      const end = ids.length < most ? "" : ids.at(-1);
      const missing = followed().filter((id) => id > end && !ids.includes(id));
      for (const id of missing) part(id, "gone", "it waits no longer: open it to see what became of it");
    }
    settle();
    told("Live", true);
  };

  // What moves says nothing of the log: that is asked for now and then.
  let looked = Date.now();
  const moved = () => {
    if (Date.now() - looked < 30000) return;
    looked = Date.now();
    look().catch(() => {});
  };
  /** The browser has given up: the server answered, and not with events. */
  const refused = async () => {
    const stop = new AbortController();
    const status = await fetch("/events", { signal: stop.signal, redirect: "error" }).then((it) => it.status, () => 0);
    stop.abort();
    if (status === 401) {
      const link = document.createElement("a");
      [link.href, link.textContent] = ["/signin", "sign in again"];
      told("", false);
      live.replaceChildren("Not live: you were signed out; ", link);
      return;
    }
    told(status === 200 ? "Not live: trying again" : `Not live: the server answered ${status || "nothing"}; trying again`, false);
    setTimeout(listen, AGAIN);
  };
  const listen = () => {
    const events = new EventSource(`/events?${new URLSearchParams({ seen })}`);
    const on = (name, act) => events.addEventListener(name, (event) => act(JSON.parse(event.data), event.lastEventId));
    on("row", ({ id, row }) => (moved(), take(id, row)));
    on("gone", ({ id, state, why }) => (moved(), part(id, state, why)));
    on("now", caughtUp);
    on("reload", () => location.reload());
    events.addEventListener("error", () => {
      if (events.readyState === EventSource.CLOSED) refused();
      else told("Not live: the connection is gone; trying again", false);
    });
  };
  listen();
}

function keyboard(rows) {
  const choose = (step) => {
    const all = [...rows.querySelectorAll(".row")];
    if (all.length === 0) return;
    const at = all.findIndex((it) => it.classList.contains("chosen"));
    all[at]?.classList.remove("chosen");
    const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
    next.classList.add("chosen");
    next.querySelector("a").focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "j") choose(1);
    if (event.key === "k") choose(-1);
    const chosen = rows.querySelector(".row.chosen a") ?? document.activeElement?.closest(".row")?.querySelector("a");
    if (chosen && ["a", "r"].includes(event.key)) location.assign(`${chosen.href}#${event.key}`);
  });
}

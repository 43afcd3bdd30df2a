// The journeys board: lines follow what happens one by one, and never more often than an eye can.
//
// What a live message names is gathered and fetched as a few lines, at most once a second and one request at a time;
// the whole board (its order, its counts, what is new) at most every few seconds. Fifty messages in a second are
// one request. What the server does not give any more is taken away.
import { refetch, relabel } from "./live.js";
import { letGo } from "./press.js";
import { startClock } from "./board-clock.js";
import { startWall } from "./board-wall.js";

const LINES_EVERY = 1000; // ms
const BOARD_EVERY = 10000; // ms
const LINK_EVERY = 20000; // ms: that a link went down is no record, and no message tells of it
const AT_ONCE = 100; // lines; the server's own limit

export function startBoard() {
  const board = document.querySelector("[data-board]");
  if (board) new Board(board);
  const clocks = document.querySelector("[data-clocks]");
  if (clocks) startClock(clocks, () => {});
}

class Board {
  constructor(element) {
    this.element = element;
    this.changed = new Set();
    this.lines = paced(LINES_EVERY, () => this.fetchLines());
    this.whole = paced(BOARD_EVERY, () => this.fetchBoard());
    startClock(element, (record) => this.concern([record]));
    if (element.closest(".board-wall")) startWall(element);
    document.body.addEventListener("live", ({ detail }) => this.hear(detail));
    setInterval(() => this.whole(), LINK_EVERY);
  }

  hear({ records }) {
    if (!records) return this.whole();
    const legs = new Map();
    for (const row of this.element.querySelectorAll("[data-legs]")) {
      for (const leg of row.dataset.legs.split(" ")) legs.set(leg, row.dataset.journey);
    }
    this.concern([...records].map((record) => legs.get(record) ?? record));
  }

  concern(records) {
    const known = records.filter((record) => document.getElementById(`j-${record}`));
    known.forEach((record) => this.changed.add(record));
    if (known.length) this.lines();
    this.whole(); // counts and order follow, and a journey that is not on the board yet may belong to it
  }

  async fetchLines() {
    const records = [...this.changed];
    this.changed.clear();
    if (!records.length || records.length > AT_ONCE) return;
    const url = new URL(this.element.dataset.rows, location.href);
    url.search = location.search;
    url.searchParams.set("ids", records.join(","));
    const answer = await refetch(url);
    if (!answer) return records.forEach((record) => this.changed.add(record));
    await letGo(this.element);
    relabel(answer);
    const here = document.getElementById("board");
    for (const record of records) {
      const shown = document.getElementById(`j-${record}`);
      const fresh = answer.getElementById(`j-${record}`);
      if (!shown || shown.contains(document.activeElement)) continue;
      if (fresh) shown.replaceWith(document.adoptNode(fresh));
      else shown.remove();
    }
    here.dispatchEvent(new CustomEvent("refreshed", { bubbles: true }));
  }

  async fetchBoard() {
    const url = new URL(location.href);
    const shown = this.element.querySelectorAll("[data-journey]").length;
    const asked = Number(url.searchParams.get("show") ?? 100);
    if (shown > asked) url.searchParams.set("show", Math.ceil(shown / 100) * 100);
    const answer = await refetch(url);
    const fresh = answer?.getElementById("board");
    if (!fresh) return;
    this.changed.clear();
    await letGo(this.element);
    relabel(answer);
    const board = document.getElementById("board");
    // A link that is as it was is not read out again.
    const link = board.querySelector("#board-link");
    const told = fresh.querySelector("#board-link");
    if (link && told && link.textContent === told.textContent) told.replaceWith(link);
    const focused = board.contains(document.activeElement) ? handleOf(document.activeElement) : null;
    board.dataset.now = fresh.dataset.now;
    board.replaceChildren(...document.adoptNode(fresh).childNodes);
    document.querySelector(focused)?.focus({ preventScroll: true });
    board.dispatchEvent(new CustomEvent("refreshed", { bubbles: true }));
  }
}

/** Finds the same control again in a board that was fetched anew; null for what has no place of its own. */
function handleOf(element) {
  const row = element.closest("[data-journey]");
  if (element.id) return `#${CSS.escape(element.id)}`;
  if (!row) return null;
  return element.matches("button") ? `#${CSS.escape(row.id)} button` : `#${CSS.escape(row.id)} a`;
}

/** Calls `act` at once when it has rested for `pause`, else once when it has; never while it is still at it. */
function paced(pause, act) {
  let last = -Infinity;
  let timer = null;
  let busy = false;
  let again = false;
  const run = async () => {
    timer = null;
    busy = true;
    last = performance.now();
    try {
      await act();
    } finally {
      busy = false;
      if (again) call();
      again = false;
    }
  };
  const call = () => {
    if (busy) again = true;
    else timer ??= setTimeout(run, Math.max(0, last + pause - performance.now()));
  };
  return call;
}

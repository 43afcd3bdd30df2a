// Clocks that tick by the second, from the server's times and by the server's clock, not this machine's.
//
//   data-clock="since"  how long ago data-at was        data-clock="until"  how long until data-at
//   data-clock="due"    until data-at, then how far over, then by how much data-late was missed
//   data-clock="now"    the server's time of day
//
// Times are epoch seconds. Only what reads differently is written, so nothing is laid out for nothing.

export function startClock(board, whenMissed) {
  let ahead = 0; // seconds that the server's clock is ahead of performance.now()
  let told = "";
  const toldMissed = new Set();
  const synchronise = () => {
    const element = document.getElementById(board.id);
    if (!element || element.dataset.now === told) return;
    told = element.dataset.now;
    ahead = Number(told) - performance.now() / 1000;
  };
  const tick = () => {
    synchronise();
    const now = performance.now() / 1000 + ahead;
    for (const place of document.querySelectorAll("[data-clock]")) write(place, now, board.dataset);
    for (const row of document.querySelectorAll("[data-late]:not([data-clock])")) {
      const key = `${row.id}/${row.dataset.late}`;
      if (Number(row.dataset.late) > now || row.dataset.stage === "overdue" || toldMissed.has(key)) continue;
      toldMissed.add(key);
      whenMissed(row.dataset.journey);
    }
    setTimeout(tick, 1000 - ((now * 1000) % 1000));
  };
  tick();
  document.addEventListener("refreshed", () => {
    synchronise();
    const now = performance.now() / 1000 + ahead;
    for (const place of document.querySelectorAll("[data-clock]")) write(place, now, board.dataset);
  });
}

function write(place, now, words) {
  const at = Number(place.dataset.at);
  let text = "";
  let state = "";
  switch (place.dataset.clock) {
    case "since":
      text = span(now - at, words.wordDays);
      break;
    case "until":
      text = now < at ? worded(words.wordIn, at - now) : "";
      break;
    case "due": {
      const late = Number(place.dataset.late);
      state = now < at ? "" : now < late ? "over" : "missed";
      if (state === "missed") text = worded(words.wordMissed, now - late);
      else text = state ? worded(words.wordLate, now - at) : worded(words.wordIn, at - now);
      break;
    }
    case "now":
      text = new Date(now * 1000).toISOString().slice(11, 19);
      break;
  }
  if (place.textContent !== text) place.textContent = text;
  if ((place.dataset.state ?? "") !== state) place.dataset.state = state;
}

const worded = (words, seconds) => (words ?? "%(time)s").replace("%(time)s", span(seconds));

/** 0:04:09, or 2 d 3:04:09; isolated, so that it is not reversed in a right-to-left line. */
function span(seconds, days = "%(days)s d") {
  const whole = Math.max(0, Math.floor(seconds));
  const pad = (number) => String(number).padStart(2, "0");
  const count = Math.floor(whole / 86400);
  const hours = Math.floor((whole % 86400) / 3600);
  const clock = `${hours}:${pad(Math.floor((whole % 3600) / 60))}:${pad(whole % 60)}`;
  const isolated = `\u2066${clock}\u2069`;
  return count ? `${days.replace("%(days)s", count)} ${isolated}` : isolated;
}

// The wall display: nobody stands there to scroll. What needs somebody stays; the rest is turned like a page.

const TURN = 12000; // ms

export function startWall() {
  let first = 0;
  const turn = (step) => {
    const board = document.getElementById("board");
    const rows = [...board.querySelectorAll("tbody tr")];
    rows.forEach((row) => (row.hidden = false));
    const kept = rows.filter((row) => ["overdue", "escalated"].includes(row.closest("tbody").dataset.group));
    const turning = rows.filter((row) => !kept.includes(row) && row.dataset.journey);
    const fits = fitting(rows);
    const room = Math.max(3, fits - kept.length);
    if (step) first = first + room < turning.length ? first + room : 0;
    if (first >= turning.length) first = 0;
    turning.forEach((row, number) => (row.hidden = number < first || number >= first + room));
    for (const group of board.querySelectorAll("tbody")) {
      const any = [...group.querySelectorAll("[data-journey]")].some((row) => !row.hidden);
      group.querySelector(".board-group").hidden = !any;
    }
  };
  turn(false);
  setInterval(() => turn(true), TURN);
  document.addEventListener("refreshed", () => turn(false));
  window.addEventListener("resize", () => turn(false));
}

/** How many lines the screen has room for below the head of the table. */
function fitting(rows) {
  const lines = rows.filter((row) => row.dataset.journey);
  if (!lines.length) return 0;
  const top = rows[0].getBoundingClientRect().top + window.scrollY;
  const height = Math.max(...lines.slice(0, 12).map((row) => row.getBoundingClientRect().height));
  return Math.floor((window.innerHeight - top) / Math.max(height, 1)) - 3;
}

// The floor on a wall: nobody stands there to scroll. What does not fit is counted in words; what asks for somebody stands
// first, so it is never what is left out.
export function startFloorWall() {
  if (!document.querySelector(".floor-wall")) return;
  const fit = () => {
    const place = document.getElementById("floor");
    const lines = [...place.querySelectorAll(".floor-open > li")];
    place.querySelector(".floor-more")?.remove();
    lines.forEach((line) => (line.hidden = false));
    const room = window.innerHeight - 3 * parseFloat(getComputedStyle(place).fontSize);
    const over = lines.slice(1).filter((line) => line.getBoundingClientRect().bottom > room);
    over.forEach((line) => (line.hidden = true));
    if (!over.length) return;
    const more = place.appendChild(document.createElement("p"));
    more.className = "floor-more";
    more.textContent = place.dataset.wordMore.replace("%(count)s", over.length);
  };
  fit();
  document.addEventListener("refreshed", fit);
  window.addEventListener("resize", fit);
}

// Cells on the map: polygons from a GeoJSON address, coloured by their class, each with a small card.
import { LngLatBounds, Popup } from "maplibre-gl";
import { colour } from "./style.js";

const EMPTY = { type: "FeatureCollection", features: [] };
const CLASSES = [0, 1, 2];

export function addCells(map, element, words) {
  map.addSource("cells", { type: "geojson", data: EMPTY });
  // Under the names of towns, which say where a cell is.
  map.addLayer({ id: "cells", type: "fill", source: "cells", paint: { "fill-opacity": 0.62 } }, "place-dots");
  map.addLayer({ id: "cell-edges", type: "line", source: "cells", paint: { "line-width": 0.6 } }, "place-dots");
  const paint = () => {
    const steps = CLASSES.flatMap((number) => [number, colour(element, `cell-${number}`)]);
    map.setPaintProperty("cells", "fill-color", ["match", ["get", "class"], ...steps, colour(element, "cell-2")]);
    map.setPaintProperty("cell-edges", "line-color", colour(element, "halo"));
  };
  paint();
  map.on("theme", paint);
  map.on("mouseenter", "cells", () => (map.getCanvas().style.cursor = "pointer"));
  map.on("mouseleave", "cells", () => (map.getCanvas().style.cursor = ""));
  map.on("click", "cells", ({ features: [cell], lngLat }) => {
    new Popup({ maxWidth: "20rem" }).setLngLat(lngLat).setDOMContent(card(cell.properties)).addTo(map);
  });
  load(map, element, words);
}

async function load(map, element, words) {
  const data = await fetchCells(element.dataset.cells);
  map.getSource("cells").setData(data);
  element.dataset.count = data.features.length;
  if ("fit" in element.dataset && data.features.length) {
    const bounds = new LngLatBounds();
    for (const { geometry } of data.features) for (const corner of geometry.coordinates[0]) bounds.extend(corner);
    map.fitBounds(bounds, { padding: 48, maxZoom: 8, duration: 0 });
  }
  const place = element.dataset.counter ? document.querySelector(element.dataset.counter) : null;
  if (place && words.cells) place.textContent = words.cells.replace("%(count)s", data.features.length);
}

async function fetchCells(address) {
  try {
    const answer = await fetch(new URL(address, location.href), { headers: { Accept: "application/geo+json" } });
    return answer.ok ? await answer.json() : EMPTY;
  } catch {
    return EMPTY; // the line is down: the table has the same cells
  }
}

/** What a cell says, as text. */
function card({ title, summary }) {
  const content = document.createElement("div");
  content.className = "map-cards";
  for (const [tag, text] of [["strong", title], ["p", summary]]) {
    if (text) content.appendChild(document.createElement(tag)).textContent = text;
  }
  return content;
}

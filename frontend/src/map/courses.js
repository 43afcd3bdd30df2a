// Ways side by side: each a line with its number, from the page's own data. The first is drawn whole, the others dashed.
//
// <div data-map data-courses="#ID">. No colour says which is better: the table beside the map has the figures.
import { LngLatBounds } from "maplibre-gl";
import { colour } from "./style.js";

const DASHES = [[1, 0], [4, 2], [1.5, 1.5], [6, 2, 1, 2], [0.5, 2], [8, 3]];

export function addCourses(map, element) {
  const data = JSON.parse(document.querySelector(element.dataset.courses).textContent);
  map.addSource("courses", { type: "geojson", data });
  data.features.forEach((feature, place) => {
    map.addLayer({
      id: `course-${place}`,
      type: "line",
      source: "courses",
      filter: ["==", ["get", "number"], feature.properties.number],
      layout: { "line-cap": "butt", "line-join": "round" },
      paint: {
        "line-width": place ? 2.5 : 4,
        "line-dasharray": DASHES[place % DASHES.length],
        // Ways that share a road lie beside each other.
        "line-offset": (place % 2 ? 1 : -1) * Math.ceil(place / 2) * 4,
      },
    });
  });
  map.addLayer({
    id: "course-numbers",
    type: "symbol",
    source: "courses",
    layout: {
      "symbol-placement": "line",
      "symbol-spacing": 160,
      "text-field": ["to-string", ["get", "number"]],
      "text-font": ["Noto Sans", "sans-serif"],
      "text-size": 14,
      "text-rotation-alignment": "viewport",
    },
    paint: { "text-halo-width": 2 },
  });
  const paint = () => {
    data.features.forEach((_, place) => map.setPaintProperty(`course-${place}`, "line-color", colour(element, "point")));
    map.setPaintProperty("course-numbers", "text-color", colour(element, "cluster"));
    map.setPaintProperty("course-numbers", "text-halo-color", colour(element, "halo"));
  };
  paint();
  map.on("theme", paint);
  const bounds = new LngLatBounds();
  for (const { geometry } of data.features) for (const at of geometry.coordinates) bounds.extend(at);
  if (!bounds.isEmpty()) map.fitBounds(bounds, { padding: 48, maxZoom: 9, duration: 0 });
  element.dataset.count = data.features.length;
}

// The watch floor's map: calls for help on top, sites, areas of alerts, and journeys when somebody asks for them.
//
// <div data-map data-floor="ADDRESS">. A call for help is an element of the page and not a dot of the canvas: it is a
// link with a word, never hidden behind another, and the keyboard reaches it.
import { LngLatBounds, Marker, Popup } from "maplibre-gl";
import { colour } from "./style.js";
import { addJourneys, raiseBanner } from "./journeys.js";

const STACK = 32; // pixels between calls for help from one place
const KEPT = "safeconduct-floor-journeys";

export function addFloor(map, element, words) {
  addLayers(map, element);
  let marks = [];
  let fit = "fit" in element.dataset;
  const show = ({ features, nowhere = [], banner }) => {
    const calls = features.filter(({ properties }) => properties.what === "sos");
    for (const what of ["area", "site"]) {
      const held = features.filter(({ properties }) => properties.what === what);
      map.getSource(`floor-${what}`).setData({ type: "FeatureCollection", features: held });
    }
    marks.forEach((mark) => mark.remove());
    marks = calls.map(({ geometry, properties }, number) => {
      const same = calls.slice(0, number).filter((other) => String(other.geometry.coordinates) === String(geometry.coordinates));
      const options = { element: mark(properties), anchor: "bottom", offset: [0, -6 - STACK * same.length] };
      return new Marker(options).setLngLat(geometry.coordinates).addTo(map);
    });
    element.dataset.calls = calls.length;
    if (fit || calls.some(({ properties }) => !known.has(properties.id))) frame(map, calls.length ? calls : features);
    calls.forEach(({ properties }) => known.add(properties.id));
    fit = false;
    const counter = document.querySelector(element.dataset.counter);
    const missing = nowhere.length ? element.dataset.without.replace("%(titles)s", nowhere.map((title) => `\u2068${title}\u2069`).join(" · ")) : "";
    if (counter) counter.textContent = missing;
    raiseBanner(banner);
  };
  const known = new Set();
  const load = async () => {
    try {
      const answer = await fetch(element.dataset.floor, { headers: { Accept: "application/geo+json" }, redirect: "manual" });
      // What may no longer be seen must not stay on the map.
      if (answer.status === 403 || answer.status === 404) show({ features: [] });
      else if (answer.ok) show(await answer.json());
    } catch {
      // the line is down: the map stays as it is, and the page says that it is cut off
    }
  };
  load();
  element.addEventListener("refresh", load);
  offerJourneys(map, element);
}

/** Reading where journeys are is noted by name, so it is asked for; this browser remembers that it was. */
function offerJourneys(map, element) {
  const button = document.querySelector("[data-floor-journeys]");
  if (!button || !element.dataset.journeysUrl) return;
  button.hidden = false;
  const note = document.querySelector("[data-floor-journeys-note]");
  if (note) note.hidden = false;
  const isOn = () => localStorage.getItem(KEPT) === "on";
  const begin = () => {
    button.setAttribute("aria-pressed", "true");
    addJourneys(map, element);
  };
  button.addEventListener("click", () => {
    localStorage.setItem(KEPT, isOn() ? "off" : "on");
    if (isOn()) begin();
    else location.reload();
  });
  if (isOn()) begin();
}

function mark({ title, url, exact, exercise }) {
  const link = document.createElement("a");
  link.className = "floor-mark";
  link.href = new URL(url, location.origin).pathname;
  link.dataset.exact = exact;
  if (exercise) link.dataset.exercise = "";
  const sign = link.appendChild(document.createElement("strong"));
  sign.textContent = "SOS";
  const words = link.appendChild(document.createElement("bdi"));
  words.textContent = title;
  return link;
}

function frame(map, features) {
  const bounds = new LngLatBounds();
  const add = (at) => (typeof at[0] === "number" ? bounds.extend(at) : at.forEach(add));
  for (const { geometry } of features) add(geometry.coordinates);
  const duration = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 600;
  if (!bounds.isEmpty()) map.fitBounds(bounds, { padding: 56, maxZoom: 7, duration });
}

function addLayers(map, element) {
  const ink = (name) => colour(element, name);
  const empty = { type: "FeatureCollection", features: [] };
  for (const what of ["area", "site"]) map.addSource(`floor-${what}`, { type: "geojson", data: empty });
  map.addLayer({ id: "floor-areas", type: "fill", source: "floor-area", paint: { "fill-opacity": 0.12 } });
  map.addLayer({ id: "floor-area-lines", type: "line", source: "floor-area", paint: { "line-width": 2, "line-dasharray": [3, 2] } });
  map.addLayer({ id: "floor-sites", type: "circle", source: "floor-site", paint: { "circle-radius": 4.5, "circle-stroke-width": 2 } });
  map.addLayer({
    id: "floor-site-names",
    type: "symbol",
    source: "floor-site",
    minzoom: 6,
    layout: {
      "text-field": ["get", "title"],
      "text-font": ["Noto Sans", "sans-serif"],
      "text-size": 11.5,
      "text-variable-anchor": ["top", "bottom", "left", "right"],
      "text-radial-offset": 0.7,
    },
    paint: { "text-halo-width": 1.5 },
  });
  const paint = () => {
    map.setPaintProperty("floor-areas", "fill-color", ink("point"));
    map.setPaintProperty("floor-area-lines", "line-color", ink("point"));
    map.setPaintProperty("floor-sites", "circle-color", ink("halo"));
    map.setPaintProperty("floor-sites", "circle-stroke-color", ink("cluster"));
    map.setPaintProperty("floor-site-names", "text-color", ink("place"));
    map.setPaintProperty("floor-site-names", "text-halo-color", ink("halo"));
  };
  paint();
  map.on("theme", paint);
  map.on("mouseenter", "floor-sites", () => (map.getCanvas().style.cursor = "pointer"));
  map.on("mouseleave", "floor-sites", () => (map.getCanvas().style.cursor = ""));
  map.on("click", "floor-sites", ({ features: [site] }) => {
    const name = document.createElement("bdi");
    name.textContent = site.properties.title;
    new Popup({ offset: 8 }).setLngLat(site.geometry.coordinates).setDOMContent(name).addTo(map);
  });
}

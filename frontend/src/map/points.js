// Records on the map: clustered points from a GeoJSON address, each with a small card that links to its record.
import { LngLatBounds, Popup } from "maplibre-gl";
import { colour } from "./style.js";

const find = (selector) => (selector ? document.querySelector(selector) : null);
const EMPTY = { type: "FeatureCollection", features: [] };

export function addPoints(map, element, words) {
  const ink = (name) => colour(element, name);
  map.addSource("points", { type: "geojson", data: EMPTY, cluster: true, clusterRadius: 42, clusterMaxZoom: 9 });
  const single = ["!", ["has", "point_count"]];
  const rough = ["==", ["get", "exact"], false];
  map.addLayer({
    id: "clusters",
    type: "circle",
    source: "points",
    filter: ["has", "point_count"],
    paint: { "circle-radius": ["step", ["get", "point_count"], 13, 10, 17, 100, 22, 1000, 28], "circle-stroke-width": 2 },
  });
  map.addLayer({
    id: "cluster-counts",
    type: "symbol",
    source: "points",
    filter: ["has", "point_count"],
    layout: {
      "text-field": ["get", "point_count_abbreviated"],
      "text-font": ["Noto Sans", "sans-serif"],
      "text-size": 12,
      "text-allow-overlap": true,
    },
  });
  map.addLayer({
    id: "points",
    type: "circle",
    source: "points",
    filter: single,
    paint: {
      "circle-radius": ["interpolate", ["linear"], ["zoom"], 3, 5, 9, 8],
      // A place that is only roughly known is drawn hollow.
      "circle-opacity": ["case", rough, 0.15, 0.92],
      "circle-stroke-width": ["case", rough, 2, 1.5],
    },
  });
  const paint = () => {
    map.setPaintProperty("clusters", "circle-color", ink("cluster"));
    map.setPaintProperty("clusters", "circle-stroke-color", ink("halo"));
    map.setPaintProperty("cluster-counts", "text-color", ink("cluster-ink"));
    map.setPaintProperty("points", "circle-color", ink("point"));
    map.setPaintProperty("points", "circle-stroke-color", ["case", rough, ink("point"), ink("halo")]);
  };
  paint();
  map.on("theme", paint);

  for (const layer of ["clusters", "points"]) {
    map.on("mouseenter", layer, () => (map.getCanvas().style.cursor = "pointer"));
    map.on("mouseleave", layer, () => (map.getCanvas().style.cursor = ""));
  }
  map.on("click", "clusters", async ({ features: [cluster] }) => {
    const zoom = await map.getSource("points").getClusterExpansionZoom(cluster.properties.cluster_id);
    map.easeTo({ center: cluster.geometry.coordinates, zoom: Math.max(zoom, map.getZoom() + 1) });
  });
  map.on("click", "points", ({ features }) => {
    const [first] = features;
    const content = document.createElement("ul");
    content.className = "map-cards";
    content.append(...features.slice(0, 8).map((f) => card(f.properties)));
    new Popup({ maxWidth: "20rem", offset: 10 }).setLngLat(first.geometry.coordinates).setDOMContent(content).addTo(map);
  });

  let fit = "fit" in element.dataset;
  const load = async () => {
    const data = await fetchPoints(element);
    if (!data) return;
    map.getSource("points").setData(data);
    element.dataset.count = data.features.length;
    if (fit && data.features.length) map.fitBounds(boundsOf(data), { padding: 48, maxZoom: 8, duration: 0 });
    fit = false;
    announce(element, words, data.features.length);
  };
  load();
  element.addEventListener("refresh", load);
  const form = find(element.dataset.pointsForm);
  form?.addEventListener("change", load);
  form?.addEventListener("input", debounce(load, 400));
  form?.addEventListener("submit", () => setTimeout(load));
}

async function fetchPoints(element) {
  const source = element.dataset.points;
  if (source.startsWith("#")) return JSON.parse(document.querySelector(source).textContent);
  const url = new URL(source, location.href);
  const form = find(element.dataset.pointsForm);
  if (form) for (const [name, value] of new FormData(form)) if (value) url.searchParams.append(name, value);
  try {
    const answer = await fetch(url, { headers: { Accept: "application/geo+json" } });
    // What may no longer be seen must not stay on the map.
    if (answer.status === 403 || answer.status === 404) return EMPTY;
    return answer.ok ? await answer.json() : null;
  } catch {
    return null; // the line is down: the points stay as they are and the live stream's state says so
  }
}

/** One record in the popup. Only text and an address of this very site are taken from the data. */
function card(properties) {
  const item = document.createElement("li");
  const add = (tag, text, className) => {
    if (text === undefined || text === null || text === "") return null;
    const node = item.appendChild(document.createElement(tag));
    node.textContent = text;
    if (className) node.className = className;
    return node;
  };
  if (properties.level) {
    const level = add("span", properties.level_text ?? properties.level, "level");
    level.dataset.level = properties.level;
  }
  const address = sameSite(properties.url);
  const title = add(address ? "a" : "strong", properties.title ?? properties.id);
  if (address && title) title.href = address;
  add("span", properties.when, "map-when");
  add("span", properties.place, "map-place");
  add("span", properties.summary, "map-summary");
  return item;
}

function sameSite(address) {
  if (!address) return "";
  const url = new URL(address, location.href);
  return url.origin === location.origin ? url.href : "";
}

function boundsOf({ features }) {
  const bounds = new LngLatBounds();
  for (const { geometry } of features) if (geometry) bounds.extend(geometry.coordinates);
  return bounds;
}

function announce(element, words, count) {
  const place = find(element.dataset.counter);
  if (place && words.count) place.textContent = words.count.replace("%(count)s", count);
}

function debounce(act, wait) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, wait);
  };
}

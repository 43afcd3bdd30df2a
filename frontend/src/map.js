// The map. The element and its data attributes are written by the template tag {% map %}.
import { Map, NavigationControl, ScaleControl, addProtocol, setWorkerUrl } from "maplibre-gl";
import { PMTiles, Protocol } from "pmtiles";
import { Archive } from "./map/archive.js";
import { paintLayers, styleFor } from "./map/style.js";
import { addPoints } from "./map/points.js";
import { addPicker } from "./map/pick.js";
import { addJourneys } from "./map/journeys.js";
import { addFloor } from "./map/floor.js";
import { addCourses } from "./map/courses.js";
import { addCells } from "./map/cells.js";

// The edition in this module's own address goes on to the files that it loads.
const asset = (name) => {
  const url = new URL(name, import.meta.url);
  url.search = new URL(import.meta.url).search;
  return url.href;
};

setWorkerUrl(asset("maplibre-gl-worker.js"));
const BASEMAP = asset("world.pmtiles");
const protocol = new Protocol();
protocol.add(new PMTiles(new Archive(BASEMAP)));
addProtocol("pmtiles", protocol.tile);

function hasWebGL() {
  const canvas = document.createElement("canvas");
  return Boolean(canvas.getContext("webgl2"));
}

function start(element) {
  if (!hasWebGL()) return fail(element);
  const words = JSON.parse(element.dataset.words ?? "{}");
  const [longitude, latitude] = (element.dataset.center ?? "69.3,30.4").split(",").map(Number);
  let map;
  try {
    map = new Map({
      container: element,
      style: styleFor(element, BASEMAP),
      center: [longitude, latitude],
      zoom: Number(element.dataset.zoom ?? 4.4),
      maxZoom: 12,
      dragRotate: false,
      pitchWithRotate: false,
      attributionControl: false, // the notice under the map names the source
      locale: {
        "NavigationControl.ZoomIn": words.zoom_in ?? "Zoom in",
        "NavigationControl.ZoomOut": words.zoom_out ?? "Zoom out",
        "Map.Title": words.map ?? "Map",
        "Popup.Close": words.close ?? "Close",
      },
    });
  } catch {
    return fail(element);
  }
  map.touchZoomRotate.disableRotation();
  const end = document.dir === "rtl" ? "left" : "right";
  const start = document.dir === "rtl" ? "right" : "left";
  map.addControl(new NavigationControl({ showCompass: false }), `top-${end}`);
  map.addControl(new ScaleControl(), `bottom-${start}`);
  map.once("load", () => {
    if (element.dataset.points) addPoints(map, element, words);
    if (element.dataset.pickLatitude) addPicker(map, element);
    if (element.dataset.journeys) addJourneys(map, element);
    if (element.dataset.floor) addFloor(map, element, words);
    if (element.dataset.courses) addCourses(map, element);
    if (element.dataset.cells) addCells(map, element, words);
    followFocusButtons(map, element);
  });
  map.once("idle", () => (element.dataset.ready = ""));
  document.addEventListener("theme", () => paintLayers(map, element));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paintLayers(map, element));
}

/** Any element with data-map-focus="LONGITUDE,LATITUDE" moves the map there. */
function followFocusButtons(map, element) {
  document.addEventListener("click", (event) => {
    const target = event.target.closest?.("[data-map-focus]")?.dataset.mapFocus;
    if (!target) return;
    map.flyTo({ center: target.split(",").map(Number), zoom: Math.max(map.getZoom(), 7) });
    element.scrollIntoView({ block: "nearest" });
  });
}

/** Without WebGL the page's table is the map: say so and take no space. */
function fail(element) {
  const notice = document.createElement("p");
  notice.className = "notice";
  notice.textContent = element.dataset.unsupported ?? "";
  element.replaceWith(notice);
}

document.querySelectorAll("[data-map]").forEach(start);

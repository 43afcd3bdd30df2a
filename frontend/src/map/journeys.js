// Journeys under way: planned routes, legs in the colour of who holds them, last known positions with their age.
//
// <div data-map data-journeys="#id" data-journeys-url="..." data-journeys-table="#id">: the first features stand in the
// page, so that they are read once. What a live message names is fetched again, at most every few seconds, with its
// line of the table; what the server does not give any more is taken away.
import { LngLatBounds, Popup } from "maplibre-gl";
import { letGo } from "../press.js";
import { colour } from "./style.js";

const EVERY = 5000; // ms between requests
const AGES = 15000; // ms between new ages
const STALE = 300; // s after which a position says where a journey was, as in board_map.py
const AT_ONCE = 100;
const FOLLOWED = 200; // journeys whose phones are followed: as many as an address can name
const CIRCLE = 36;
const TOLD = new Set(["movement", "clearance", "acknowledgement", "leg", "handover", "check_in", "escalation"]);
const COLOURS = 8;
const SOURCES = ["place", "route", "position"];

export function addJourneys(map, element) {
  const first = element.dataset.journeys && document.querySelector(element.dataset.journeys);
  const held = first ? JSON.parse(first.textContent) : { features: [], now: Date.now() / 1000 };
  const journeys = new Journeys(map, element, held);
  journeys.draw();
  if ("fit" in element.dataset) journeys.fit();
  document.body.addEventListener("live", ({ detail }) => journeys.hear(detail));
  setInterval(() => journeys.draw("position"), AGES);
  if (!first) journeys.hear({ messages: [], records: null });
}

class Journeys {
  constructor(map, element, { features, now }) {
    this.map = map;
    this.element = element;
    this.features = features;
    this.ahead = now - performance.now() / 1000;
    this.changed = new Set();
    this.last = 0;
    addLayers(map, element);
    this.follow();
    map.on("click", "journey-positions", ({ features }) => this.open(features));
    map.on("mouseenter", "journey-positions", () => (map.getCanvas().style.cursor = "pointer"));
    map.on("mouseleave", "journey-positions", () => (map.getCanvas().style.cursor = ""));
  }

  draw(only) {
    const now = performance.now() / 1000 + this.ahead;
    for (const source of SOURCES) {
      if (only && only !== source) continue;
      const features = this.features.filter(({ properties }) => sourceOf(properties.what) === source);
      for (const { properties } of features) {
        if (!properties.at) continue;
        properties.age = age(now - properties.at);
        properties.stale = now - properties.at > STALE;
        if (properties.what === "position") this.mark(properties);
      }
      this.map.getSource(`journeys-${source}`).setData({ type: "FeatureCollection", features });
    }
    this.element.dataset.count = this.features.filter(({ properties }) => properties.what === "position").length;
  }

  /** The table says of an old position that it is one, as the map draws it hollow. */
  mark({ journey, stale }) {
    const word = document.getElementById(`m-${journey}`)?.querySelector("[data-stale-word]");
    if (word && word.hidden === stale) word.hidden = !stale;
  }

  fit() {
    const bounds = new LngLatBounds();
    const add = (coordinates) =>
      typeof coordinates[0] === "number" ? bounds.extend(coordinates) : coordinates.forEach(add);
    for (const { geometry, properties } of this.features) if (properties.journey) add(geometry.coordinates);
    if (!bounds.isEmpty()) this.map.fitBounds(bounds, { padding: 48, maxZoom: 9, duration: 0 });
  }

  hear({ messages, records }) {
    if (!this.element.dataset.journeysUrl) return; // drawn once, as one movement's own page does
    if (!records) this.changed.add("*");
    const legs = new Map();
    for (const row of this.rows()) {
      for (const leg of (row.dataset.legs ?? "").split(" ")) legs.set(leg, row.dataset.journey);
    }
    for (const { kind, record, about } of messages) {
      if (!TOLD.has(kind)) continue;
      const movement = kind === "movement" ? record : (legs.get(about) ?? about);
      if (movement) this.changed.add(movement);
    }
    if (!this.changed.size) return;
    this.waiting ??= setTimeout(() => this.fetch(), Math.max(250, this.last + EVERY - performance.now()));
  }

  /** Phones report often and between the records: their positions have a stream of their own. */
  follow() {
    if (!this.element.dataset.journeysStream) return;
    const ids = [...new Set(this.features.map(({ properties }) => properties.journey).filter(Boolean))].sort();
    const followed = ids.slice(0, FOLLOWED).join(",");
    if (followed === this.followed) return;
    this.followed = followed;
    this.stream?.close();
    if (!followed) return;
    const url = new URL(this.element.dataset.journeysStream, location.href);
    url.searchParams.set("movements", followed);
    this.stream = new EventSource(url);
    this.stream.addEventListener("positions", ({ data }) => this.move(JSON.parse(data)));
    this.stream.addEventListener("error", ({ target }) => {
      // Refused, and not only broken off: what may be followed is asked for again with the next change.
      if (target.readyState === EventSource.CLOSED && target === this.stream) this.followed = undefined;
    });
  }

  move(positions) {
    for (const { movement, at, latitude, longitude, accuracy_m, party } of positions) {
      const ofIt = this.features.filter(({ properties }) => properties.journey === movement);
      const point = ofIt.find(({ properties }) => properties.what === "position");
      const pattern = point ?? ofIt[0];
      if (!pattern || (point && point.properties.at >= at)) continue;
      const told = { ...pattern.properties, at, party, accuracy_m: accuracy_m && Math.round(accuracy_m), place: "" };
      const drop = new Set(ofIt.filter(({ properties }) => sourceOf(properties.what) === "position"));
      this.features = this.features.filter((feature) => !drop.has(feature));
      if (accuracy_m) this.features.push(feature("Polygon", [ring(longitude, latitude, accuracy_m)], { ...told, what: "accuracy" }));
      this.features.push(feature("Point", [longitude, latitude], { ...told, what: "position" }));
      const row = document.getElementById(`m-${movement}`);
      const place = row?.querySelector("[data-seen] bdi");
      if (place) place.textContent = `${latitude.toFixed(4)}, ${longitude.toFixed(4)}`;
      if (this.element.dataset.journeysTable && (!place || point?.properties.party !== party))
        this.changed.add(movement); // its line has no place yet, or another party's word
      const moment = row?.querySelector("[data-seen-at] time");
      if (moment) {
        moment.dateTime = new Date(at * 1000).toISOString();
        moment.textContent = "";
        row.querySelector("[data-seen-at] [data-clock]").dataset.at = at;
      }
    }
    this.draw("position");
    if (this.changed.size) this.hear({ messages: [], records: new Set() });
  }

  rows() {
    const table = this.element.dataset.journeysTable; // a page may show the same in its own words, without a table
    return table ? document.querySelectorAll(`${table} [data-journey]`) : [];
  }

  async fetch() {
    this.last = performance.now();
    const all = this.changed.has("*") || this.changed.size > AT_ONCE;
    const asked = all ? ["*"] : [...this.changed];
    this.changed.clear();
    const url = new URL(this.element.dataset.journeysUrl, location.href);
    url.searchParams.set("ids", asked.join(","));
    let body = null;
    try {
      const answer = await fetch(url, { headers: { Accept: "application/geo+json" }, redirect: "manual" });
      if (answer.type === "opaqueredirect") return location.reload(); // the session has ended
      // What may no longer be seen must not stay on the map.
      if (answer.status === 403 || answer.status === 404) body = { features: [], lines: {} };
      else if (answer.ok) body = await answer.json();
    } catch {
      asked.forEach((record) => this.changed.add(record));
    } finally {
      this.waiting = null;
    }
    if (body) await this.take(body, all ? null : new Set(asked));
    if (this.changed.size) this.hear({ messages: [], records: new Set() });
  }

  /** Replaces what the map and the table hold of the journeys asked for; null: of all. */
  async take({ features, lines, now, banner }, asked) {
    const stays = ({ properties }) => !properties.journey || (asked && !asked.has(properties.journey));
    this.features = [...this.features.filter(stays), ...features];
    if (now) this.ahead = now - performance.now() / 1000;
    this.draw();
    this.follow();
    raiseBanner(banner);
    const table = this.element.dataset.journeysTable && document.querySelector(this.element.dataset.journeysTable);
    if (!table) return;
    await letGo(table);
    for (const row of this.rows()) {
      if ((!asked || asked.has(row.dataset.journey)) && !lines[row.dataset.journey]) row.remove();
    }
    for (const [journey, line] of Object.entries(lines)) {
      const fresh = new DOMParser().parseFromString(`<table><tbody>${line}`, "text/html").querySelector("tr");
      const shown = document.getElementById(`m-${journey}`);
      if (shown) shown.replaceWith(document.adoptNode(fresh));
      else table.querySelector("tbody").append(document.adoptNode(fresh));
    }
    table.querySelector("[data-none]").hidden = this.rows().length > 0;
    table.dispatchEvent(new CustomEvent("refreshed", { bubbles: true }));
  }

  open(features) {
    const [{ geometry, properties }] = features;
    const content = document.createElement("ul");
    content.className = "map-cards";
    content.append(...features.slice(0, 8).map((feature) => card(feature.properties)));
    new Popup({ maxWidth: "20rem", offset: 12 }).setLngLat(geometry.coordinates).setDOMContent(content).addTo(this.map);
    this.element.dataset.opened = properties.journey;
  }
}

const LEVELS = ["OPEN", "RESTRICTED", "CONFIDENTIAL", "SECRET"];

let raised = "";

/** A part of the page that bears a higher label raises the page's; only a page fetched whole lowers it. */
export function raiseBanner(banner) {
  if (!raised) document.addEventListener("refreshed", () => lift(raised)); // what is drawn stays when the rest is fetched anew
  if (levelOf(banner) >= levelOf(raised)) raised = banner;
  lift(raised);
}

const levelOf = (banner) => LEVELS.indexOf(/data-level="(\w+)"/.exec(banner ?? "")?.[1]);

function lift(banner) {
  const fresh = banner && new DOMParser().parseFromString(banner, "text/html").querySelector(".banner");
  const shown = document.querySelector(".banner-place > .banner");
  if (!fresh || !shown) return;
  const rank = (element) => LEVELS.indexOf(element.dataset.level);
  if (rank(fresh) > rank(shown)) shown.replaceWith(document.adoptNode(fresh));
}

const sourceOf = (what) => ({ area: "place", site: "place", route: "route", leg: "route" })[what] ?? "position";

const feature = (type, coordinates, properties) => ({ type: "Feature", geometry: { type, coordinates }, properties });

/** A circle of so many metres, drawn flat: at the size of a fix's accuracy the earth is. */
function ring(longitude, latitude, metres) {
  const north = metres / 111195;
  const east = north / Math.max(0.01, Math.cos((latitude * Math.PI) / 180));
  return Array.from({ length: CIRCLE + 1 }, (_, step) => {
    const angle = (2 * Math.PI * step) / CIRCLE;
    return [longitude + east * Math.sin(angle), latitude + north * Math.cos(angle)];
  });
}

/** 45 s, 12 min, 3 h: how old a position is, beside it. */
function age(seconds) {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

function addLayers(map, element) {
  const ink = (name) => colour(element, name);
  for (const source of SOURCES) {
    map.addSource(`journeys-${source}`, { type: "geojson", data: { type: "FeatureCollection", features: [] } });
  }
  const what = (...names) => ["in", ["get", "what"], ["literal", names]];
  const layer = (id, type, source, filter, rest = {}) =>
    map.addLayer({ id: `journey-${id}`, type, source: `journeys-${source}`, filter, ...rest });
  const round = { layout: { "line-cap": "round", "line-join": "round" } };
  const isSchematic = ["==", ["get", "schematic"], true];
  layer("areas", "line", "place", what("area"), { paint: { "line-dasharray": [6, 3], "line-width": 1 } });
  layer("sites", "fill", "place", what("site"), { paint: { "fill-opacity": 0.18 } });
  layer("site-lines", "line", "place", what("site"), { paint: { "line-width": 1.5 } });
  layer("routes", "line", "route", ["all", what("route"), ["!", isSchematic]], { ...round, paint: { "line-width": 3 } });
  // A schematic road is dashed: it is not where the road is.
  layer("schematic", "line", "route", ["all", what("route"), isSchematic], {
    paint: { "line-width": 3, "line-dasharray": [2, 1.2] },
  });
  layer("legs", "line", "route", what("leg"), { ...round, paint: { "line-width": 6, "line-opacity": 0.65 } });
  layer("accuracy", "fill", "position", what("accuracy"), { paint: { "fill-opacity": 0.15 } });
  layer("positions", "circle", "position", what("position"), {
    paint: { "circle-radius": ["case", ["==", ["get", "stage"], "overdue"], 10, 7], "circle-stroke-width": 2.5 },
  });
  layer("ages", "symbol", "position", what("position"), {
    layout: {
      "text-field": [
        "case",
        ["==", ["get", "stage"], "overdue"],
        ["concat", "▲ ", ["get", "title"], " · ", ["get", "age"]],
        ["concat", ["get", "title"], " · ", ["get", "age"]],
      ],
      "text-font": ["Noto Sans", "sans-serif"],
      "text-size": 12,
      "text-offset": [0, 1.3],
      "text-anchor": "top",
    },
    paint: { "text-halo-width": 1.5 },
  });
  const paint = () => {
    const set = (id, name, value) => map.setPaintProperty(`journey-${id}`, name, value);
    const overdue = ["==", ["get", "stage"], "overdue"];
    const stale = ["==", ["get", "stale"], true];
    const legs = Array.from({ length: COLOURS }, (_, number) => [number, ink(`unit-${number}`)]).flat();
    set("areas", "line-color", ink("border"));
    set("sites", "fill-color", ink("cluster"));
    set("site-lines", "line-color", ink("cluster"));
    for (const id of ["routes", "schematic"]) set(id, "line-color", ink("cluster"));
    set("legs", "line-color", ["match", ["get", "colour"], ...legs, ink("cluster")]);
    set("accuracy", "fill-color", ["case", overdue, ink("point"), ink("cluster")]);
    const own = ["case", overdue, ink("point"), ink("cluster")];
    set("positions", "circle-color", ["case", stale, ink("halo"), own]);
    set("positions", "circle-stroke-color", ["case", stale, own, ink("halo")]);
    set("ages", "text-color", ink("place"));
    set("ages", "text-halo-color", ink("halo"));
  };
  paint();
  map.on("theme", paint);
}

/** One journey in the popup. Only text and an address of this very site are taken from the data. */
function card(properties) {
  const item = document.createElement("li");
  const add = (tag, text, className) => {
    if (text === undefined || text === null || text === "") return null;
    const node = item.appendChild(document.createElement(tag));
    node.textContent = text;
    if (className) node.className = className;
    return node;
  };
  const level = add("span", properties.level_text, "level");
  if (level) level.dataset.level = properties.level;
  const url = properties.url ? new URL(properties.url, location.href) : null;
  const title = add(url?.origin === location.origin ? "a" : "strong", properties.title);
  if (title?.matches("a")) title.href = url.href;
  const stage = add("span", properties.stage_word, "stage");
  if (stage) stage.dataset.stage = properties.stage;
  add("span", properties.holder, "map-place");
  add("span", properties.place, "map-place");
  add("span", [properties.age, properties.accuracy_m ? `± ${properties.accuracy_m} m` : ""].filter(Boolean).join(", "), "map-when");
  return item;
}

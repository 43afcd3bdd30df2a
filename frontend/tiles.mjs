// The world basemap as vector tiles, zoom 0 to 6: node tiles.mjs DIRECTORY writes one gzipped file z_x_y per tile.
// Source: Natural Earth 1:10m through world-atlas (public domain), which draws boundaries as they are held in fact.
import { GeoJSONVT } from "@maplibre/geojson-vt";
import { fromGeojsonVt } from "@maplibre/vt-pbf";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { feature, mesh } from "topojson-client";

const MAX_ZOOM = 6;
const out = process.argv[2];
const read = (url) => JSON.parse(readFileSync(fileURLToPath(url), "utf8"));
const world = read(import.meta.resolve("world-atlas/countries-10m.json"));
const places = read(new URL("src/places.json", import.meta.url));
const disputes = read(new URL("src/disputed.json", import.meta.url));
const countries = world.objects.countries;

// world-atlas is spherical: a few rings and lines cross the 180th meridian. They are carried on past it.
function unwrapLine(line) {
  let turn = 0;
  return line.map(([x, y], i) => {
    const step = i ? x - line[i - 1][0] : 0;
    if (step > 180) turn -= 360;
    else if (step < -180) turn += 360;
    return [x + turn, y];
  });
}

function unwrapRing(ring) {
  const flat = unwrapLine(ring);
  const [first, last] = [flat[0], flat.at(-1)];
  // A ring that ends a whole turn away runs round the pole (Antarctica): close it along the map's edge.
  return Math.abs(last[0] - first[0]) > 180 ? [...flat, [last[0], -90], [first[0], -90], first] : flat;
}

function polygons(geometry) {
  if (!geometry) return [];
  return geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
}

const land = feature(world, countries).features.filter((f) => f.geometry);
for (const f of land) {
  f.geometry = { type: "MultiPolygon", coordinates: polygons(f.geometry).map((p) => p.map(unwrapRing)) };
}

// --- boundaries, each with what is disputed about it -----------------------------------------------------

const codes = (list) => (list ? `|${list.join("|")}|` : "");
const within = ([west, south, east, north], [x, y]) => x >= west && x <= east && y >= south && y <= north;

function ruleFor(pair, point) {
  return disputes.lines.find(
    (rule) =>
      rule.between.every((name) => name === "*" || pair.includes(name)) && (!rule.box || within(rule.box, point)),
  );
}

function boundaries() {
  const pairs = new Map();
  mesh(world, countries, (a, b) => {
    if (a !== b) pairs.set([a.properties.name, b.properties.name].sort().join("|"), [a.id, b.id]);
    return false;
  });
  const found = [];
  for (const key of pairs.keys()) {
    const pair = key.split("|");
    const lines = mesh(world, countries, (a, b) => a !== b && [a, b].map((c) => c.properties.name).sort().join("|") === key);
    for (const line of lines.coordinates.map(unwrapLine)) {
      let rule;
      let run = [];
      const close = () => {
        if (run.length > 1 && !rule?.hidden) found.push(boundary(run, rule));
      };
      line.forEach((point, i) => {
        const here = ruleFor(pair, point);
        if (i && here !== rule) {
          run.push(point);
          close();
          run = [point];
        } else {
          run.push(point);
        }
        rule = here;
      });
      close();
    }
  }
  return found;
}

function boundary(coordinates, rule) {
  const properties = rule
    ? { disputed: 1, refused: codes(rule.refused), accepted: codes(rule.accepted) }
    : { disputed: 0, refused: "", accepted: "" };
  return { type: "Feature", properties, geometry: { type: "LineString", coordinates } };
}

// --- labels ----------------------------------------------------------------------------------------------

const inLanguage = Object.fromEntries(
  [["en", "en"], ["ur", "ur"], ["zh", "zh-Hans"]].map(([key, tag]) => [key, new Intl.DisplayNames([tag], { type: "region" })]),
);

function areaAndCentre(ring) {
  let [area, x, y] = [0, 0, 0];
  for (let i = 0; i + 1 < ring.length; i += 1) {
    const cross = ring[i][0] * ring[i + 1][1] - ring[i + 1][0] * ring[i][1];
    area += cross;
    x += (ring[i][0] + ring[i + 1][0]) * cross;
    y += (ring[i][1] + ring[i + 1][1]) * cross;
  }
  return { area: Math.abs(area / 2), centre: [x / (3 * area), y / (3 * area)] };
}

function countryLabel(country) {
  if (!country.id) return null; // no ISO 3166 code: drawn, not named
  const code = new Intl.Locale(`und-${country.id}`).region;
  const largest = polygons(country.geometry).map(([ring]) => areaAndCentre(ring)).reduce((a, b) => (b.area > a.area ? b : a));
  const zoom = [[400, 1], [90, 2], [25, 3], [6, 4], [0.5, 5]].find(([least]) => largest.area >= least)?.[1] ?? 6;
  const names = Object.fromEntries(Object.entries(inLanguage).map(([key, names]) => [key, names.of(code)]));
  return {
    type: "Feature",
    properties: { ...names, rank: zoom, country: 1, refused: codes(disputes.names[code]) },
    geometry: { type: "Point", coordinates: disputes.centres[code] ?? largest.centre },
  };
}

const labels = [
  ...land.map(countryLabel).filter(Boolean),
  ...places.map(({ at, zoom, ...names }) => ({
    type: "Feature",
    properties: { ...names, rank: zoom, country: 0, refused: "" },
    geometry: { type: "Point", coordinates: at },
  })),
];

// --- tiles -----------------------------------------------------------------------------------------------

const collection = (features) => ({ type: "FeatureCollection", features });
const coast = mesh(world, countries, (a, b) => a === b).coordinates.map(unwrapLine);
const layers = {
  land: collection(land.map((f) => ({ ...f, properties: {} }))),
  coast: { type: "Feature", properties: {}, geometry: { type: "MultiLineString", coordinates: coast } },
  borders: collection(boundaries()),
  labels: collection(labels),
};
const indexes = Object.entries(layers).map(([name, data]) => [
  name,
  new GeoJSONVT(data, {
    maxZoom: MAX_ZOOM,
    indexMaxZoom: MAX_ZOOM,
    indexMaxPoints: 0,
    tolerance: name === "labels" ? 0 : 3,
    buffer: 64,
    extent: 4096,
  }),
]);

mkdirSync(out, { recursive: true });
for (let z = 0; z <= MAX_ZOOM; z += 1) {
  for (let x = 0; x < 2 ** z; x += 1) {
    for (let y = 0; y < 2 ** z; y += 1) {
      const tile = {};
      for (const [name, index] of indexes) {
        const part = index.getTile(z, x, y);
        const features = part?.features.filter((f) => name !== "labels" || f.tags.rank <= z + 1 || z === MAX_ZOOM);
        if (features?.length) tile[name] = { ...part, features };
      }
      if (!Object.keys(tile).length) continue;
      const bytes = fromGeojsonVt(tile, { version: 2, extent: 4096 });
      writeFileSync(`${out}/${z}_${x}_${y}`, gzipSync(bytes, { level: 9 }));
    }
  }
}

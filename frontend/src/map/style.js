// The basemap's look. Colours come from the style sheet's custom properties, so the map follows day and night.

const LABEL_FONTS = ["Noto Sans", "Noto Sans Arabic", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "sans-serif"];

/** The colour that the style sheet gives a map feature now, by day or by night. */
export function colour(element, name) {
  const probe = element.appendChild(document.createElement("span"));
  probe.style.color = `var(--map-${name})`;
  const resolved = getComputedStyle(probe).color;
  probe.remove();
  return resolved;
}

function language() {
  const tag = document.documentElement.lang;
  if (tag.startsWith("zh")) return "zh";
  return tag.startsWith("ur") ? "ur" : "en";
}

/**
 * Which lines are drawn how, from one viewpoint: "de-facto", or a party's ("host", "partner") with its country code.
 * De facto dashes every disputed line. A party's viewpoint draws what that country accepts as a boundary solid, what
 * it does not accept as a boundary dotted, and everything else that is disputed dashed. Claimed lines are not in the
 * data; the notice under the map says so.
 */
function boundaryFilters(element) {
  const code = element.dataset.viewpoint === "de-facto" ? "" : (element.dataset.country ?? "");
  const named = (property) => ["in", `|${code}|`, ["get", property]];
  const disputed = ["==", ["get", "disputed"], 1];
  const accepted = code ? named("accepted") : false;
  const refused = code ? named("refused") : false;
  return {
    solid: ["any", ["!", disputed], accepted],
    dashed: ["all", disputed, ["!", accepted], ["!", refused]],
    dotted: ["all", disputed, ["!", accepted], refused],
    label: code ? ["!", named("refused")] : true,
  };
}

function paints(element) {
  const c = new Proxy({}, { get: (_, name) => colour(element, name) });
  return {
    sea: { "background-color": c.sea },
    land: { "fill-color": c.land },
    coast: { "line-color": c.coast, "line-width": 0.8 },
    "borders-solid": { "line-color": c.border, "line-width": 1 },
    "borders-dashed": { "line-color": c.border, "line-width": 1.1, "line-dasharray": [4, 3] },
    "borders-dotted": { "line-color": c.border, "line-width": 1.1, "line-dasharray": [1, 3], "line-opacity": 0.75 },
    countries: { "text-color": c.country, "text-halo-color": c.land, "text-halo-width": 1.4 },
    "place-dots": { "circle-radius": 2, "circle-color": c.place },
    places: { "text-color": c.place, "text-halo-color": c.land, "text-halo-width": 1.4 },
  };
}

export function styleFor(element, basemap) {
  const filter = boundaryFilters(element);
  const paint = paints(element);
  const name = ["coalesce", ["get", language()], ["get", "en"]];
  const isCountry = ["==", ["get", "country"], 1];
  const near = ["<=", ["get", "rank"], ["+", ["zoom"], 1]];
  const line = (id, source, rule) => ({
    id,
    type: "line",
    source: "world",
    "source-layer": source,
    ...(rule ? { filter: rule } : {}),
    layout: { "line-join": "round" },
    paint: paint[id],
  });
  return {
    version: 8,
    // No glyphs: labels are drawn with the machine's own fonts, which shape Urdu and need no server.
    sources: { world: { type: "vector", url: `pmtiles://${basemap}`, attribution: "" } },
    layers: [
      { id: "sea", type: "background", paint: paint.sea },
      { id: "land", type: "fill", source: "world", "source-layer": "land", paint: paint.land },
      line("coast", "coast"),
      line("borders-solid", "borders", filter.solid),
      line("borders-dashed", "borders", filter.dashed),
      line("borders-dotted", "borders", filter.dotted),
      {
        id: "place-dots",
        type: "circle",
        source: "world",
        "source-layer": "labels",
        filter: ["all", ["!", isCountry], near],
        paint: paint["place-dots"],
      },
      {
        id: "places",
        type: "symbol",
        source: "world",
        "source-layer": "labels",
        filter: ["all", ["!", isCountry], near],
        layout: {
          "text-field": name,
          "text-font": LABEL_FONTS,
          "text-size": ["interpolate", ["linear"], ["zoom"], 3, 10.5, 8, 13.5],
          "text-variable-anchor": ["left", "right", "top", "bottom"],
          "text-radial-offset": 0.45,
          "symbol-sort-key": ["get", "rank"],
        },
        paint: paint.places,
      },
      {
        id: "countries",
        type: "symbol",
        source: "world",
        "source-layer": "labels",
        filter: ["all", isCountry, near, filter.label],
        layout: {
          "text-field": name,
          "text-font": LABEL_FONTS,
          "text-size": ["interpolate", ["linear"], ["zoom"], 2, 10, 6, 16],
          "text-letter-spacing": language() === "ur" ? 0 : 0.08,
          "text-max-width": 8,
          "symbol-sort-key": ["get", "rank"],
        },
        paint: paint.countries,
      },
    ],
  };
}

/** Repaint after the theme changed. */
export function paintLayers(map, element) {
  for (const [layer, properties] of Object.entries(paints(element))) {
    for (const [property, value] of Object.entries(properties)) map.setPaintProperty(layer, property, value);
  }
  map.fire("theme");
}

// Choosing a place: a press on the map fills two number fields, and typing in them moves the mark.
import { Marker } from "maplibre-gl";
import { colour } from "./style.js";

const DECIMALS = 5; // about a metre

export function addPicker(map, element) {
  const latitude = document.querySelector(element.dataset.pickLatitude);
  const longitude = document.querySelector(element.dataset.pickLongitude);
  if (!latitude || !longitude) return;
  let marker = null;

  const mark = (position) => {
    marker ??= new Marker({ color: colour(element, "point") });
    marker.setLngLat(position).addTo(map);
  };
  const typed = () => {
    const [y, x] = [latitude.valueAsNumber, longitude.valueAsNumber];
    if (Math.abs(y) <= 90 && Math.abs(x) <= 180) {
      mark([x, y]);
      if (!map.getBounds().contains([x, y])) map.easeTo({ center: [x, y] });
    } else {
      marker?.remove();
      marker = null;
    }
  };
  map.on("click", ({ lngLat }) => {
    const place = lngLat.wrap();
    latitude.value = place.lat.toFixed(DECIMALS);
    longitude.value = place.lng.toFixed(DECIMALS);
    for (const field of [latitude, longitude]) field.dispatchEvent(new Event("change", { bubbles: true }));
    mark(place);
  });
  latitude.addEventListener("input", typed);
  longitude.addEventListener("input", typed);
  typed();
}

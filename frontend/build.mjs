// Bundles the browser's modules and style sheets into the shell's static folder, with a gzip copy beside each.
import { build } from "esbuild";
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const dist = fileURLToPath(new URL("../src/safeconduct/shell/static/dist/", import.meta.url));
const typefaces = fileURLToPath(new URL("../src/safeconduct/shell/typefaces/", import.meta.url));
const worker = fileURLToPath(import.meta.resolve("maplibre-gl")).replace(/[^/\\]*$/, "maplibre-gl-worker.mjs");

await mkdir(dist, { recursive: true });
await rm(`${dist}fonts`, { recursive: true, force: true });
await build({
  entryPoints: ["src/shell.js", "src/map.js", "src/passkey.js", "src/phone.js", "src/phone-worker.js", "src/app.css", "src/map.css"],
  outdir: dist,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  loader: { ".woff2": "file" },
  assetNames: "fonts/[name]",
  legalComments: "linked",
  logLevel: "warning",
});
// The worker is started by URL, so it stays a file of its own; ".js" because every server knows that type.
await copyFile(worker, `${dist}maplibre-gl-worker.js`);

// What is printed is set on the server, with whole typefaces: the browser's pieces lack most characters.
await mkdir(typefaces, { recursive: true });
for (const [family, name] of [["noto-sans", "NotoSans"], ["noto-sans-sc", "NotoSansSC"], ["noto-nastaliq-urdu", "NotoNastaliqUrdu"]]) {
  const folder = fileURLToPath(import.meta.resolve(`@expo-google-fonts/${family}/package.json`)).replace(/package\.json$/, "");
  for (const weight of ["400Regular", "700Bold"]) {
    await copyFile(`${folder}${weight}/${name}_${weight}.ttf`, `${typefaces}${name}-${weight}.ttf`);
  }
  await copyFile(`${folder}LICENSE_FONT`, `${typefaces}${name}-LICENSE.txt`);
}

for (const name of await readdir(dist)) {
  if (!/\.(js|css)$/.test(name)) continue;
  await writeFile(`${dist}${name}.gz`, gzipSync(await readFile(dist + name), { level: 9 }));
}

// Writes a .br and a .gz beside each file of dist that shrinks by it, so that the server compresses nothing itself, and
// says what a first visit loads.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = new URL("../dist", import.meta.url).pathname;
const sizes = new Map();

for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !/\.(js|css|html|svg|woff2)$/.test(entry.name)) continue;
  const path = join(entry.parentPath, entry.name);
  const whole = await readFile(path);
  if (entry.name.endsWith(".woff2")) {
    sizes.set(path, whole.length);
    continue;
  }
  const gz = gzipSync(whole, { level: 9 });
  sizes.set(path, gz.length);
  await writeFile(`${path}.gz`, gz);
  await writeFile(`${path}.br`, brotliCompressSync(whole, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
}

const page = await readFile(join(dist, "index.html"), "utf8");
const named = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((m) => join(dist, m[1]));
const fonts = [...sizes.keys()].filter((path) => /inter-latin-wght-normal.*woff2$/.test(path));
const first = [...new Set([join(dist, "index.html"), ...named, ...fonts])].reduce(
  (n, path) => n + (sizes.get(path) ?? 0),
  0,
);
const limit = 300_000;
console.log(`first load: ${(first / 1000).toFixed(0)} kB of ${limit / 1000} kB, gzipped, with the font`);
if (first > limit) process.exit(1);

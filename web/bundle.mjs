// Bundles third-party browser code, and nothing of ours, into dist/vendor/.
//
// Each file in vendor/ is one module the import map names; code that several of them need lands in shared chunks, so
// Lit exists once on a page. The licence texts of everything bundled go to dist/vendor/LICENSES.txt.
import { readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/**
 * rrweb's recorder walks a page in one go, however large it is. These let our code say which nodes it may see
 * (`hooks`, described in src/cobrowse/recorder.d.ts); a version of rrweb that is written otherwise is an error here.
 */
const BOUNDED = [
  ["Array.from(index.childNodes(n))) {", "hooks.children(n)) {"],
  ["Array.from(index.childNodes(shadowRootEl))) {", "hooks.children(shadowRootEl)) {"],
  [
    "if (this.addedSet.has(n) || this.movedSet.has(n)) return;",
    "if (this.addedSet.has(n) || this.movedSet.has(n) || hooks.omits(n, target, this.mirror.hasNode(n))) return;",
  ],
  ["while (nextId === IGNORED_NODE) {", "while (nextId === IGNORED_NODE || (nextId === -1 && hooks.omitted(nextSibling2))) {"],
];
const HOOKS = "export const hooks = { children: (n) => Array.from(index.childNodes(n)), omits: () => false, omitted: () => false };\n";

const bounded = {
  name: "bounded",
  setup({ onLoad }) {
    onLoad({ filter: /@rrweb[\\/]record[\\/]dist[\\/]record\.js$/ }, async ({ path }) => {
      let contents = await readFile(path, "utf8");
      for (const [found, ours] of BOUNDED) {
        if (contents.split(found).length !== 2) throw new Error(`rrweb's recorder has changed: ${found}`);
        contents = contents.replace(found, () => ours);
      }
      return { contents: contents + HOOKS, loader: "js" };
    });
  },
};

const here = dirname(fileURLToPath(import.meta.url));
const outdir = join(here, "dist", "vendor");

await rm(outdir, { recursive: true, force: true });
const result = await build({
  absWorkingDir: here,
  entryPoints: {
    lit: "vendor/lit.js",
    webawesome: "vendor/webawesome.js",
    "rrweb-record": "vendor/rrweb-record.js",
    "rrweb-replay": "vendor/rrweb-replay.js",
    "rrweb-replay-style": "@rrweb/replay/dist/style.css",
    "webawesome-style": "vendor/webawesome.css",
  },
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["chrome120", "firefox121", "safari17.2"],
  minify: true,
  legalComments: "none",
  loader: { ".svg": "text" },
  define: { "process.env.NODE_ENV": '"production"' },
  // Lit's development build warns on the console; Node's conditions must not leak in.
  conditions: ["browser", "production"],
  chunkNames: "chunk-[hash]",
  plugins: [bounded],
  outdir,
  metafile: true,
  logLevel: "warning",
});

const packages = new Set();
for (const input of Object.keys(result.metafile.inputs)) {
  const match = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
  if (match) packages.add(match[1]);
}

const notices = [];
for (const name of [...packages].sort()) {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  notices.push(`${name} ${version} (${license ?? "see text"})\n\n${texts.join("\n\n").trim()}\n`);
}
await writeFile(join(outdir, "LICENSES.txt"), notices.join(`\n${"-".repeat(100)}\n\n`));

const bytes = Object.values(result.metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
console.log(`Bundled ${packages.size} packages into dist/vendor (${Math.round(bytes / 1024)} KiB).`);

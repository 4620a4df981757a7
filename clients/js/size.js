// Checks that the core, as a bundler would ship it, stays as small as the README says.

import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const MOST_BYTES = 4_096;

const { outputFiles } = await build({
  entryPoints: ["dist/index.js"],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  write: false,
});
const bytes = gzipSync(outputFiles[0].contents, { level: 9 }).length;
console.log(`the core is ${bytes} bytes, minified and gzipped; at most ${MOST_BYTES} are allowed`);
process.exitCode = bytes > MOST_BYTES ? 1 : 0;

import { defineConfig, type Options } from "tsup"

const shared: Options = {
  format: "esm",
  platform: "node",
  target: "node22",
  noExternal: [/./],
  // `node:sqlite` has no other name.
  removeNodeProtocol: false,
  treeshake: true,
  minify: true,
  keepNames: true,
  sourcemap: false,
  dts: false,
  silent: true,
  // A few packages below ours are still CommonJS.
  banner: { js: 'import { createRequire as skeinRequire } from "node:module"; const require = skeinRequire(import.meta.url);' }
}

/**
 * Few files, since loading a hundred modules takes longer than running most commands: what every start needs, and what `skein jobs` needs beyond that, which nobody else should wait for; and one for each thing that the command starts.
 */
export default defineConfig([
  {
    ...shared,
    entry: { skein: "src/main.ts" },
    outDir: "dist",
    splitting: true,
    // Both are built at once.
    clean: ["!boot", "!boot/**"]
  },
  {
    ...shared,
    entry: { thread: "../node/src/boot/thread.ts", process: "../node/src/boot/process.ts" },
    outDir: "dist/boot",
    // Each file stands alone: a chunk would be one more to load.
    splitting: false,
    clean: true
  }
])

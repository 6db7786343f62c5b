import { defineConfig } from "tsup"

/**
 * One file for the command itself, since loading a hundred modules takes longer than running most commands, and one for each thing it starts.
 */
export default defineConfig({
  entry: {
    skein: "src/main.ts",
    "boot/thread": "../node/src/boot/thread.ts",
    "boot/process": "../node/src/boot/process.ts"
  },
  outDir: "dist",
  format: "esm",
  platform: "node",
  target: "node22",
  noExternal: [/./],
  // Each file stands alone: a chunk would be one more to load.
  splitting: false,
  treeshake: true,
  minify: true,
  keepNames: true,
  sourcemap: false,
  dts: false,
  clean: true,
  silent: true,
  // A few packages below ours are still CommonJS.
  banner: { js: 'import { createRequire as skeinRequire } from "node:module"; const require = skeinRequire(import.meta.url);' }
})

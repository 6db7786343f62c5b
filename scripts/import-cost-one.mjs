/**
 * Imports one entry in this fresh process and prints what that cost, as JSON; for `import-cost.mjs`. `count` lists the modules, `time` only measures.
 *
 * `@skein/*` is taken from `dist`, as users get it; inside the workspace the packages export their sources.
 */
import { statSync } from "node:fs"
import { registerHooks } from "node:module"
import { fileURLToPath, pathToFileURL } from "node:url"

const [, , mode, entry] = process.argv
const files = []

registerHooks({
  resolve: (specifier, context, next) => {
    const own = /^@skein\/([a-z]+)(?:\/(.*))?$/.exec(specifier)
    if (own === null) return next(specifier, context)
    return { url: pathToFileURL(`packages/${own[1]}/dist/${own[2] ?? "index"}.js`).href, format: "module", shortCircuit: true }
  },
  ...(mode === "count"
    ? {
        load: (url, context, next) => {
          if (url.startsWith("file:")) files.push(fileURLToPath(url))
          return next(url, context)
        }
      }
    : {})
})

const start = performance.now()
await import(entry)
const ms = performance.now() - start

const modules = files.map((file) => file.replaceAll("\\", "/"))
const effect = modules.map((file) => /\/node_modules\/effect\/dist\/(.*)\.js$/.exec(file)?.[1]).filter((name) => name !== undefined)
console.log(JSON.stringify({ ms, modules, bytes: files.reduce((sum, file) => sum + statSync(file).size, 0), effect }))

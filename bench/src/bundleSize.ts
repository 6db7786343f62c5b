/**
 * Measures what a browser or a function would load: each entry bundled with all that it needs, Effect included, minified, and compressed with gzip.
 *
 * `@skein/parallel/promise` stands on Effect's runtime, which a program that uses Effect anyway has already: the last row is what the façade adds to it.
 */
import { build } from "esbuild"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { main, smoke, type Subject } from "./kit/bench.ts"

const here = fileURLToPath(new URL(".", import.meta.url))

const bundle = async (contents: string): Promise<string> => {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: here, loader: "ts" },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["import"],
    external: ["node:*"],
    target: "es2024",
    write: false,
    logLevel: "error"
  })
  return outputFiles[0]!.text
}

/** All that a module exports is kept, as if it were used. */
const using = (...modules: ReadonlyArray<string>): string =>
  modules.map((module, i) => `import * as m${i} from ${JSON.stringify(module)}\nglobalThis.used${i} = Object.values(m${i})`).join("\n")

const effectRuntime = `import * as Effect from "effect/Effect"
globalThis.used = [Effect.runPromise(Effect.succeed(1)), Effect.runFork(Effect.callback(() => {}))]`

const zipped = async (contents: string): Promise<{ readonly min: number; readonly gzip: number }> => {
  const text = await bundle(contents)
  return { min: Buffer.byteLength(text), gzip: gzipSync(text, { level: 9 }).length }
}

const measured = (name: string, contents: string): Subject<number> => ({
  name,
  run: async (watch) => {
    const { gzip } = await zipped(contents)
    watch.record(gzip)
    return gzip
  }
})

const shared: Subject<number> = {
  name: "@skein/parallel/promise beside Effect and @skein/parallel",
  run: async (watch) => {
    const around = using("@skein/parallel", "effect/Effect")
    const gzip = (await zipped(`${around}\n${using("@skein/parallel/promise").replaceAll("m0", "p0").replaceAll("used0", "promise0")}`))
      .gzip
    const added = gzip - (await zipped(around)).gzip
    watch.record(added)
    return added
  }
}

const others = ["p-map", "p-limit", "p-queue"]
const subjects: ReadonlyArray<Subject<number>> = [
  measured("p-map + p-limit + p-queue", using(...others)),
  measured("@skein/parallel/promise, all of it", using("@skein/parallel/promise")),
  measured(
    "@skein/parallel/promise, parallelMap alone",
    `import { parallelMap } from "@skein/parallel/promise"\nglobalThis.used = parallelMap`
  ),
  measured("the runtime of Effect alone", effectRuntime),
  shared
]

await main([
  {
    title: "minified and compressed with gzip",
    n: 1,
    unit: "bytes",
    baseline: "p-map + p-limit + p-queue",
    // The same sources give the same bundle.
    warmUps: 0,
    runs: 1,
    check: (bytes) => (bytes > 0 ? undefined : "an empty bundle"),
    subjects: smoke ? subjects.slice(0, 2) : subjects
  }
])

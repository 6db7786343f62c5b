/**
 * Measures what importing each entry point costs, against `effect/Effect` alone: fresh processes, interleaved, medians.
 *
 * The packages are measured as users get them, from `dist`, where it has been built; else from their sources, which adds what Node takes to strip the types. Without a compile cache.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { main, size, smoke, type Subject } from "./kit/bench.ts"

const root = new URL("../../", import.meta.url)

/** Entry points by the name under which they are imported, and the file of each. */
const entriesOf = (name: string): Array<readonly [entry: string, url: URL]> => {
  const built = existsSync(new URL(`packages/${name}/dist/index.js`, root))
  const [folder, ending] = built ? ["dist", ".js"] : ["src", ".ts"]
  const base = new URL(`packages/${name}/`, root)
  const exported = JSON.parse(readFileSync(new URL("package.json", base), "utf8")).exports as Record<string, unknown>
  const modules = readdirSync(new URL("src/", base))
    .filter((file) => file.endsWith(".ts") && file !== "index.ts")
    .map((file) => file.slice(0, -3))
  const named: Array<readonly [string, string]> = [
    [`@skein/${name}`, "index"],
    ...modules.map((module) => [`@skein/${name}/${module}`, module] as const)
  ]
  if (exported["./testing"] !== undefined) named.push([`@skein/${name}/testing`, "testing/index"])
  return named.map(([entry, file]) => [entry, new URL(`${folder}/${file}${ending}`, base)] as const).filter(([, url]) => existsSync(url))
}

const entries = [["effect/Effect", undefined] as const, ...entriesOf("core"), ...entriesOf("parallel")]
const chosen = smoke ? entries.slice(0, 2) : entries

const code = (entry: string, url: URL | undefined): string => {
  // Between the packages, `@skein/core/…` resolves to the sources inside the workspace: a hook points it to what is measured.
  const ending = url?.pathname.endsWith(".js") === true
  const hook = ending
    ? `import { registerHooks } from "node:module"
registerHooks({ resolve: (specifier, context, next) => {
  const own = /^@skein\\/([a-z]+)(?:\\/(.*))?$/.exec(specifier)
  return own === null ? next(specifier, context) : { url: new URL("packages/" + own[1] + "/dist/" + (own[2] ?? "index") + ".js", ${JSON.stringify(root.href)}).href, shortCircuit: true }
} })
`
    : ""
  return `${hook}const from = performance.now()
const module = await import(${JSON.stringify(url?.href ?? entry)})
const ms = performance.now() - from
console.log(JSON.stringify({ ms, names: Object.keys(module).length }))`
}

const importing = (entry: string, url: URL | undefined): Subject<number> => ({
  name: entry,
  run: (watch) => {
    const done = spawnSync(process.execPath, ["--input-type=module", "--eval", code(entry, url)], {
      // So that `effect/Effect` is found from here, and the same one.
      cwd: fileURLToPath(new URL(".", import.meta.url)),
      env: { ...process.env, NODE_COMPILE_CACHE: undefined },
      encoding: "utf8"
    })
    if (done.status !== 0) throw new Error(`importing ${entry} failed:\n${done.stderr}`)
    const { ms, names } = JSON.parse(done.stdout) as { readonly ms: number; readonly names: number }
    watch.record(ms)
    return names
  }
})

await main([
  {
    title: "importing one entry point in a fresh process",
    n: size(1),
    unit: "ms",
    baseline: "effect/Effect",
    warmUps: smoke ? 0 : 1,
    runs: 3,
    // What matters for an import is that it gives something; types-only modules give nothing.
    check: (names) => (names >= 0 ? undefined : "no module"),
    subjects: chosen.map(([entry, url]) => importing(entry, url))
  }
])

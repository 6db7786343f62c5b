/**
 * Builds what is published: `dist/` of each library, with the compiler alone, one file a module; the command line as one bundled file, and one for each thing it starts.
 *
 * Why clean first: a module that was renamed leaves its old output behind, and `dist/*` is what gets packed.
 * Nothing needs to be built to run, test or type-check inside the workspace: there the packages export their sources.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"

/** Libraries. */
export const packages = ["core", "parallel", "node", "engine"]

/** Packages that hold a command. */
export const commands = ["cli"]

/** Outputs whose source is gone. */
const orphans = (name) =>
  !existsSync(`packages/${name}/dist`)
    ? []
    : readdirSync(`packages/${name}/dist`, { recursive: true })
        .filter((file) => /\.(?:js|d\.ts)(?:\.map)?$/.test(file))
        .filter((file) => !existsSync(join(`packages/${name}/src`, file.replace(/\.(?:js|d\.ts)(?:\.map)?$/, ".ts"))))
        .map((file) => join(`packages/${name}/dist`, file))

export const build = () => {
  for (const name of packages) {
    for (const file of orphans(name)) rmSync(file)
    // The build information may say "up to date" of an output that somebody removed.
    if (!existsSync(`packages/${name}/dist/index.js`)) rmSync(`packages/${name}/dist`, { recursive: true, force: true })
  }
  const done = spawnSync("node_modules/.bin/tsc", ["-b", ...packages.map((name) => `packages/${name}`)], { stdio: "inherit" })
  // The compiler is content with a project that has no files.
  const missing = packages.filter((name) => !existsSync(`packages/${name}/dist/index.js`))
  if (done.status === 0) for (const name of missing) console.log(`packages/${name}: no main entry was built`)
  return done.status === 0 && missing.length === 0 && commands.every(bundle)
}

const bundle = (name) => {
  const done = spawnSync(resolve("node_modules/.bin/tsup"), [], { cwd: `packages/${name}`, stdio: "inherit" })
  return done.status === 0
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const ok = build()
  for (const name of ok ? packages : []) {
    const modules = readdirSync(`packages/${name}/dist`, { recursive: true }).filter((file) => file.endsWith(".js"))
    console.log(`packages/${name}/dist: ${modules.length} modules`)
  }
  process.exitCode = ok ? 0 : 1
}

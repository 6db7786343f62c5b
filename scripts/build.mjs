/**
 * Builds what is published: `dist/` of each package, with the compiler alone, one file a module.
 *
 * Why clean first: a module that was renamed leaves its old output behind, and `dist/*` is what gets packed.
 * Nothing needs to be built to run, test or type-check inside the workspace: there the packages export their sources.
 */
import { spawnSync } from "node:child_process"
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"

export const packages = ["core", "parallel", "node"]

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
    // Packed with the package; one text for all of them.
    const licence = `packages/${name}/LICENSE`
    if (!existsSync(licence) || readFileSync(licence, "utf8") !== readFileSync("LICENSE", "utf8")) copyFileSync("LICENSE", licence)
  }
  const done = spawnSync("node_modules/.bin/tsc", ["-b", ...packages.map((name) => `packages/${name}`)], { stdio: "inherit" })
  return done.status === 0
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const ok = build()
  if (ok)
    for (const name of packages)
      console.log(
        `packages/${name}/dist  ${readdirSync(`packages/${name}/dist`, { recursive: true }).filter((file) => file.endsWith(".js") && statSync(`packages/${name}/dist/${file}`).isFile()).length} modules`
      )
  process.exitCode = ok ? 0 : 1
}

/**
 * Packs the packages as they would be published and checks the tarballs with publint and attw; of a command, that its bin is there and starts.
 *
 * Why the tarballs and not the folders: what is published has other `exports` (publishConfig) and only the files that `files` names.
 * attw is told that we are ESM only, and is given the list of modules, since it does not look behind the `./*` pattern.
 * Every module that the pattern opens must be in the tarball, and none under `internal/` may be reachable.
 */
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync, rmSync } from "node:fs"
import { build, commands, packages } from "./build.mjs"
import { pack } from "./pack.mjs"

const run = (command, args, options = {}) => {
  const done = spawnSync(command, args, { encoding: "utf8", ...options })
  return { ok: done.status === 0, text: `${done.stdout ?? ""}${done.stderr ?? ""}${done.error?.message ?? ""}`.trim() }
}

const publicModules = (name) =>
  readdirSync(`packages/${name}/src`, { recursive: true })
    .filter((file) => file.endsWith(".ts") && !file.includes("internal/"))
    .map((file) => file.replace(/\.ts$/, ""))
    .map((path) => (path === "index" ? "." : `./${path.replace(/\/index$/, "")}`))
    .sort()

/** What is checked of every tarball. */
const checkAny = (tarball) => {
  const problems = []
  const lint = run("node_modules/.bin/publint", ["run", tarball, "--strict"])
  if (!lint.ok) problems.push(`publint:\n${lint.text}`)
  const listed = run("tar", ["-tzf", tarball]).text.split("\n")
  for (const file of ["package/LICENSE", "package/README.md"]) if (!listed.includes(file)) problems.push(`${file} is not in the tarball`)
  const manifest = JSON.parse(run("tar", ["-xzOf", tarball, "package/package.json"]).text)
  if (JSON.stringify({ ...manifest, devDependencies: undefined }).includes("workspace:"))
    problems.push("a workspace: version is in the published manifest")
  return { problems, listed, manifest }
}

const checkCommand = (tarball) => {
  const { listed, manifest, problems } = checkAny(tarball)
  if (manifest.dependencies !== undefined) problems.push("the command is bundled, and needs no dependencies")
  for (const [name, file] of Object.entries(manifest.bin)) {
    if (!listed.includes(`package/${file.slice(2)}`)) problems.push(`${file}, the bin of ${name}, is not in the tarball`)
  }
  return { problems, modules: Object.keys(manifest.bin), files: listed.length }
}

const check = (name, tarball) => {
  const { listed, manifest, problems } = checkAny(tarball)
  const modules = publicModules(name)
  // Where the types resolve is a matter of the map, so all modules are looked at in one call.
  const types = run("node_modules/.bin/attw", [
    tarball,
    "--profile",
    "esm-only",
    "--format",
    "ascii",
    "--no-emoji",
    "--entrypoints",
    ...modules
  ])
  if (!types.ok) problems.push(`attw:\n${types.text}`)
  for (const module of modules) {
    const path = module === "." ? "index" : module.slice(2)
    const candidates = [`package/dist/${path}.js`, `package/dist/${path}/index.js`]
    if (!candidates.some((file) => listed.includes(file))) problems.push(`${module} is not in the tarball`)
  }
  if (manifest.exports?.["./internal/*"] !== null) problems.push("internal modules can be imported")
  return { problems, modules, files: listed.length }
}

if (!build()) process.exit(1)
rmSync(".cache/packed", { recursive: true, force: true })
const tarballs = pack(".cache/packed")
for (const name of [...packages, ...commands]) {
  const { problems, modules, files } = packages.includes(name) ? check(name, tarballs[name]) : checkCommand(tarballs[name])
  for (const problem of problems) console.log(`@skein/${name}: ${problem}`)
  if (problems.length > 0) process.exitCode = 1
  else {
    const size = Math.round(readFileSync(tarballs[name]).length / 1024)
    console.log(`@skein/${name}: ${modules.length} modules, ${files} files, ${size} kB packed`)
  }
}

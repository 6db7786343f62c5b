/**
 * Writes `api/<package>.d.ts`: everything that users of a package can import, as the compiler declares it, without comments.
 *
 * Why: a change of the public promise must be seen in review, in one place, and never happen by accident. Comments are left out, since they
 * change for other reasons; modules under `internal/` are left out, since nobody can import them, unless a public one passes on all of it.
 * So are the files that workers start with, which nobody calls.
 *
 * `--check` fails when the dump is not what is committed or staged: `pnpm api && git add api` accepts a change.
 * It also fails on an `any` in a public type, written or inferred. In a constraint (`extends Effect<any, any, any>`) it is the right word.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { build, packages } from "./build.mjs"

const withoutComments = (text) =>
  text
    .replace(/^[ \t]*\/\*\*[\s\S]*?\*\/[ \t]*\n/gm, "")
    .replace(/^\/\/# sourceMappingURL=.*\n?/gm, "")
    .replace(/\n{2,}/g, "\n")
    .trim()

const byName = (a, b) => (a < b ? -1 : a > b ? 1 : 0)

const dump = (name) => {
  const dist = `packages/${name}/dist`
  const modules = readdirSync(dist, { recursive: true })
    .filter((file) => file.endsWith(".d.ts") && !file.includes("internal/") && !file.startsWith("boot/"))
    .filter((file) => existsSync(`packages/${name}/src/${file.replace(".d.ts", ".ts")}`))
    // The entry first, it is the table of contents.
    .sort((a, b) => Number(b === "index.d.ts") - Number(a === "index.d.ts") || byName(a, b))
  // What a public module passes on from an internal one is public too, where that is all there is in it.
  for (const file of modules) {
    for (const [, names, from] of readFileSync(`${dist}/${file}`, "utf8").matchAll(
      /^export (?:type )?(?:\*|\{([^}]*)\}) from "\.\/(internal\/[\w/]+)\.ts";?$/gm
    )) {
      const path = join(dirname(file), `${from}.d.ts`)
      const own = [
        ...readFileSync(`${dist}/${path}`, "utf8").matchAll(
          /^export (?:declare )?(?:abstract )?(?:const|class|function|interface|type) (\w+)/gm
        )
      ]
      const passed = (names ?? "").split(",").map((name) => name.trim().replace(/^type /, ""))
      if (!modules.includes(path) && (names === undefined || own.every(([, name]) => passed.includes(name)))) modules.push(path)
    }
  }
  const sections = modules.map((file) => {
    const path = file.replace(/\.d\.ts$/, "").replace(/(?:^|\/)index$/, "")
    const title = path === "" ? `@skein/${name}` : `@skein/${name}/${path}`
    return `// ---- ${title} ${"-".repeat(Math.max(4, 100 - title.length))}\n\n${withoutComments(readFileSync(`${dist}/${file}`, "utf8"))}\n`
  })
  return `// The public declarations of @skein/${name}, made by \`pnpm api\`. Not edited by hand.\n\n${sections.join("\n")}`
}

/** Whether the place lies inside the type arguments of a constraint: looks outwards from bracket to bracket for an `extends Name<`. */
const inConstraint = (text, place) => {
  let depth = 0
  for (let i = place - 1; i >= 0 && text[i] !== ";"; i--) {
    if (">)]}".includes(text[i]) && text[i - 1] !== "=") depth++
    else if ("<([{".includes(text[i]) && --depth < 0) {
      if (/\bextends\s+(?:readonly\s+)?[\w.]*$/.test(text.slice(Math.max(0, i - 120), i))) return true
      depth = 0
    }
  }
  return false
}

/** Every `any` that is not in a constraint, with its line. `Effect<any, any, any>` means "any effect" wherever it stands: `unknown` would refuse some. A function may be called `any`. */
const anys = (text) =>
  [...text.replace(/Effect\.Effect<any, any, any>|\bconst any\b/g, (top) => "_".repeat(top.length)).matchAll(/\bany\b/g)]
    .filter(({ index }) => !inConstraint(text, index))
    .map(({ index }) => {
      const line = text.slice(0, index).split("\n").length
      return { line, text: text.split("\n")[line - 1] }
    })

const git = (...args) => spawnSync("git", args, { encoding: "utf8" })

if (!build()) process.exit(1)
mkdirSync("api", { recursive: true })
for (const file of readdirSync("api")) if (!packages.includes(file.replace(/\.d\.ts$/, ""))) rmSync(`api/${file}`)
let ok = true
for (const name of packages) {
  const text = dump(name)
  writeFileSync(`api/${name}.d.ts`, text)
  for (const { line, text: code } of anys(text)) {
    ok = false
    console.log(`api/${name}.d.ts:${line}: any in a public type: ${code.trim()}`)
  }
}

if (process.argv.includes("--check")) {
  const changed = git("diff", "--exit-code", "--stat", "--patch", "--", "api")
  const untracked = git("ls-files", "--others", "--exclude-standard", "--", "api").stdout.trim()
  if (changed.status !== 0)
    console.log(`${changed.stdout}${changed.stderr}\nthe public API has changed; to accept: pnpm api && git add api`)
  if (untracked !== "") console.log(`not under version control: ${untracked.split("\n").join(", ")}; to accept: git add api`)
  ok &&= changed.status === 0 && untracked === ""
}
console.log(ok ? `api: ${packages.length} packages as promised` : "api: see above")
process.exitCode = ok ? 0 : 1

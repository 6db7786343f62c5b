/**
 * Packs the packages as they would be published, installs the tarballs in a fresh npm project, and uses them there.
 *
 * Real here: pnpm's packing, npm's installation from the tarballs and of `effect` from the registry, the compiler over the shipped declarations,
 * and Node over the shipped JavaScript. Inside the workspace the packages export their sources, so nothing else would see a module
 * missing from a tarball, a wrong export map, or a declaration that names what was not shipped.
 */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")
const packages = ["core", "parallel", "node", "engine"] as const
const commands = ["cli"] as const

const run = (command: string, args: ReadonlyArray<string>, cwd: string): string => {
  // The settings of the package manager that runs the tests are not those of the fresh project.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|pnpm_|VITEST|NODE_ENV|NODE_OPTIONS)/i.test(name)))
  const done = spawnSync(command, args, { cwd, encoding: "utf8", env })
  if (done.status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${done.stdout}${done.stderr}${done.error?.message ?? ""}`)
  return done.stdout
}

/** Every module that the export map of a package opens, as an import specifier. */
const modulesOf = (name: string): ReadonlyArray<string> =>
  readdirSync(join(root, "packages", name, "src"), { recursive: true, encoding: "utf8" })
    // What workers start with is no module for others to load.
    .filter((file) => file.endsWith(".ts") && !file.includes("internal/") && !file.startsWith("boot/"))
    .map((file) => file.replace(/\.ts$/, "").replace(/(?:^|\/)index$/, ""))
    .map((path) => (path === "" ? `@skein/${name}` : `@skein/${name}/${path}`))
    .sort()

const program = `
import { Outcome } from "@skein/core"
import * as Same from "@skein/core/Outcome"
import { parallelMap } from "@skein/parallel"
import * as Effect from "effect/Effect"

const outcome: Outcome.Outcome<number, Error> = new Outcome.Completed({ index: 0, attempts: 1 }, 42, false)
const result = await Effect.runPromise(parallelMap([1, 2, 3], (n) => Effect.succeed(n * 2), { concurrency: 2 }))
const total: number = result.completed
console.log(JSON.stringify([Same.isCompleted(outcome), total]))
`

const tasks = `
import * as Task from "@skein/parallel/Task"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

export const add = Task.make("add", {
  module: import.meta,
  payload: Schema.Struct({ a: Schema.Number, b: Schema.Number }),
  success: Schema.Number,
  run: ({ a, b }) => Effect.succeed(a + b)
})

export const twice = Task.make("twice", {
  handler: { module: new URL("./hash.mjs", import.meta.url), export: "twice" },
  payload: Schema.Number,
  success: Schema.Number
})
`

const flavours = `
import { Processes, Workers } from "@skein/node"
import { TaskRunner } from "@skein/parallel"
import * as Effect from "effect/Effect"
import { add, twice } from "./tasks.ts"

const program = Effect.gen(function* () {
  const { flavour } = yield* TaskRunner.TaskRunner
  return [flavour, yield* add({ a: 1, b: 2 }), yield* twice(4)]
})
const worker = await Effect.runPromise(Effect.provide(program, Workers.layer({ size: 1 })))
const process = await Effect.runPromise(Effect.provide(program, Processes.layer({ size: 1 })))
console.log(JSON.stringify([...worker, ...process]))
`

const commandsProgram = `
import { Command, SpawnHelper } from "@skein/node"
import * as Effect from "effect/Effect"

const say = (word: string) => Effect.map(Command.make("echo", [word]), ({ stdout }) => stdout.trim())
const direct = await Effect.runPromise(say("direct"))
const helped = await Effect.runPromise(Effect.provide(say("helped"), SpawnHelper.layer()))
console.log(JSON.stringify([direct, helped]))
`

describe("the packed packages", () => {
  let project: string
  const modules = packages.flatMap(modulesOf)

  beforeAll(() => {
    project = mkdtempSync(join(tmpdir(), "skein-packed-"))
    run(process.execPath, ["scripts/pack.mjs", project], root)
    const tarballs = readdirSync(project).filter((file) => file.endsWith(".tgz"))
    assert.lengthOf(tarballs, packages.length + commands.length)
    writeFileSync(join(project, "package.json"), JSON.stringify({ name: "fresh", private: true, type: "module" }))
    const versionOf = (name: string): string =>
      `${name}@${(JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")) as { version: string }).version}`
    const others = [versionOf("effect"), versionOf("@types/node")]
    run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", ...tarballs.map((file) => `./${file}`), ...others], project)
    return () => rmSync(project, { recursive: true, force: true })
  })

  it("run a program", () => {
    writeFileSync(join(project, "program.ts"), program)
    assert.strictEqual(run(process.execPath, ["program.ts"], project).trim(), "[true,3]")
  })

  it("run portable tasks in threads and processes, from TypeScript and from JavaScript modules", () => {
    writeFileSync(join(project, "hash.mjs"), `export const twice = (n) => n * 2\n`)
    writeFileSync(join(project, "tasks.ts"), tasks)
    writeFileSync(join(project, "flavours.ts"), flavours)
    assert.strictEqual(run(process.execPath, ["flavours.ts"], project).trim(), '["worker",3,8,"process",3,8]')
  })

  it("run commands, and commands through a helper", () => {
    writeFileSync(join(project, "commands.ts"), commandsProgram)
    assert.strictEqual(run(process.execPath, ["commands.ts"], project).trim(), '["direct","helped"]')
  })

  it("have skein on the path, which runs commands, and tasks in each flavour", () => {
    writeFileSync(join(project, "hash.mjs"), `export const twice = (n) => n * 2\n`)
    writeFileSync(join(project, "tasks.ts"), tasks)
    writeFileSync(join(project, "input.ndjson"), `{"a":1,"b":2}\n{"a":1}\n`)
    // As npm links it; the file in front of it would start the machine's own Node.
    const skein = (...args: ReadonlyArray<string>): string =>
      run(process.execPath, [join(project, "node_modules/.bin/skein"), ...args], project)
    assert.strictEqual(skein("--version").trim(), "skein v0.1.0")
    assert.strictEqual(skein("run", "-k", "--", "echo", "{}", ":::", "a", "b"), "a\nb\n")
    for (const flavour of ["worker", "process"]) {
      const bare = ["map", "--flavour", flavour, "-k", "-o", "values", "-a", "numbers.ndjson"]
      writeFileSync(join(project, "numbers.ndjson"), "1\n2\n")
      assert.strictEqual(skein(...bare, "./hash.mjs#twice"), "2\n4\n")
      assert.strictEqual(skein(...bare, "./tasks.ts#twice"), "2\n4\n")
      const done = spawnSync(
        process.execPath,
        [join(project, "node_modules/.bin/skein"), "map", "-k", "-a", "input.ndjson", "./tasks.ts#add"],
        {
          cwd: project,
          encoding: "utf8"
        }
      )
      const rows = done.stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as { status: string; value?: number; error?: { _tag: string } })
      assert.deepStrictEqual(
        [done.status, ...rows.map(({ error, status, value }) => [status, value ?? error?._tag])],
        [1, ["completed", 3], ["failed", "BadInput"]]
      )
    }
  })

  it("load every public module", () => {
    writeFileSync(
      join(project, "every.mjs"),
      `${modules.map((name) => `await import(${JSON.stringify(name)})`).join("\n")}\nconsole.log("loaded")`
    )
    assert.strictEqual(run(process.execPath, ["every.mjs"], project).trim(), "loaded")
  })

  it("refuse internal modules", () => {
    writeFileSync(join(project, "internal.mjs"), `await import("@skein/core/internal/check").catch((error) => console.log(error.code))`)
    assert.strictEqual(run(process.execPath, ["internal.mjs"], project).trim(), "ERR_PACKAGE_PATH_NOT_EXPORTED")
  })

  it("type-check against the shipped declarations, without skipLibCheck for them", () => {
    writeFileSync(join(project, "program.ts"), program)
    writeFileSync(
      join(project, "every.ts"),
      `${modules.map((name, index) => `import * as m${index} from ${JSON.stringify(name)}`).join("\n")}
export const all: ReadonlyArray<object> = [${modules.map((_, index) => `m${index}`).join(", ")}]
`
    )
    const options = {
      target: "ES2024",
      lib: ["ES2024", "DOM", "ESNext.Disposable"],
      module: "NodeNext",
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      allowImportingTsExtensions: true,
      types: ["node"]
    }
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions: options, include: ["*.ts"] }))
    const done = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", ".", "--pretty", "false"], { cwd: project, encoding: "utf8" })
    // Declarations of others (effect, DOM types of the platform package) are not ours to repair.
    const ours = done.stdout
      .split("\n")
      .filter((line) => /error TS/.test(line) && (!line.includes("node_modules/") || line.includes("node_modules/@skein/")))
    assert.deepStrictEqual(ours, [])
  })
})

// Real here: bundles that esbuild writes, and the programs in them, with their threads and processes.
import { build, type BuildOptions } from "esbuild"
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, describe, expect, it } from "vitest"

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const sources = {
  main: fileURLToPath(new URL("./fixtures/bundle/main.ts", import.meta.url)),
  tasks: fileURLToPath(new URL("./fixtures/bundle/tasks.ts", import.meta.url)),
  hash: fileURLToPath(new URL("./fixtures/bundle/hash.ts", import.meta.url))
}
const boots = { thread: "@skein/node/boot/thread", process: "@skein/node/boot/process" }

const dir = mkdtempSync(join(tmpdir(), "bundle-"))
afterAll(() => rmSync(dir, { recursive: true }))

/** What a program prints: a line for the threads, and one for the processes. */
const linesOf = async (file: string, ...args: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const { stdout } = await promisify(execFile)(process.execPath, [file, ...args], { cwd: dir })
  return stdout.trimEnd().split("\n")
}

const answers = JSON.stringify([3, 4, createHash("sha256").update("skein").digest("hex"), true])

const bundle = async (name: string, options: BuildOptions): Promise<string> => {
  const outdir = join(dir, name)
  await build({ absWorkingDir: at(".."), bundle: true, platform: "node", format: "esm", outdir, logLevel: "error", ...options })
  return join(outdir, "main.js")
}

describe("a program with its task modules", () => {
  it("runs from its sources", async () => {
    expect(await linesOf(sources.main)).toEqual([answers, answers])
  })

  it.each([
    ["as it is", {}],
    ["minified", { minify: true }],
    ["split into chunks", { splitting: true }],
    ["split and minified", { splitting: true, minify: true }]
  ])("runs from a bundle of everything, with the boot files as entries, %s", async (name, options) => {
    const file = await bundle(name, { ...options, entryPoints: { ...sources, ...boots } })
    expect(await linesOf(file, "bundled")).toEqual([answers, answers])
  })

  it("runs from a bundle without its packages, which need no boot files", async () => {
    const file = await bundle("packages", { entryPoints: sources, packages: "external" })
    mkdirSync(join(dir, "node_modules/@skein"), { recursive: true })
    for (const name of ["core", "parallel", "node"]) symlinkSync(at(`../../${name}`), join(dir, "node_modules/@skein", name))
    symlinkSync(at("../node_modules/effect"), join(dir, "node_modules/effect"))
    expect(await linesOf(file)).toEqual([answers, answers])
  })
})

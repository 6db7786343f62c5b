/**
 * What `npm start` promises about signals and exit codes: the program sees each signal once, and whoever started it sees how it ended.
 *
 * Real here: the launcher, a program under it, process groups and signals. Standard input is no terminal, as under CI; in a terminal the kernel
 * delivers Ctrl-C to the whole group itself, which needs a terminal to try.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")

/** Counts signals from the first one on for as long as a copy could be on its way, and exits with 40 + the number. */
const counting = `
let seen = 0
const onSignal = (signal) => {
  console.log(signal)
  if (seen++ === 0) setTimeout(() => process.exit(40 + seen), 600)
}
process.on("SIGINT", onSignal).on("SIGTERM", onSignal)
setInterval(() => {}, 1000)
console.log(["ready", ...process.argv.slice(2)].join(" "))
`

describe("scripts/run.mjs", () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "skein-launcher-"))
    writeFileSync(join(folder, "counting.mjs"), counting)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** Starts a program under the launcher, in a process group of its own; the acts are done one after each line that the program prints. */
  const launch = async (args: ReadonlyArray<string>, ...acts: ReadonlyArray<(launcher: ChildProcess) => void>) => {
    const launcher = spawn(process.execPath, [join(root, "scripts/run.mjs"), ...args], {
      stdio: ["ignore", "pipe", "inherit"],
      detached: true
    })
    let output = ""
    let printed = 0
    launcher.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      for (const _line of chunk.matchAll(/\n/g)) acts[printed++]?.(launcher)
      output += chunk
    })
    const [code, signal] = (await once(launcher, "close")) as [number | null, NodeJS.Signals | null]
    return { code, signal, lines: output.trim().split("\n") }
  }
  const pidOf = (launcher: ChildProcess): number => {
    if (launcher.pid === undefined) throw new Error("the launcher has not started")
    return launcher.pid
  }

  it("passes arguments on", async () => {
    const { lines } = await launch([join(folder, "counting.mjs"), "--smoke", "two words"], (launcher) => launcher.kill("SIGTERM"))
    assert.strictEqual(lines[0], "ready --smoke two words")
  })

  for (const name of ["SIGINT", "SIGTERM"] as const) {
    it(`passes one ${name} on, and the exit code back, when only the launcher gets it`, async () => {
      const ended = await launch([join(folder, "counting.mjs")], (launcher) => launcher.kill(name))
      assert.deepStrictEqual(ended, { code: 41, signal: null, lines: ["ready", name] })
    })

    it(`passes one ${name} on when the whole group gets it, and a copy with it`, async () => {
      const ended = await launch(
        [join(folder, "counting.mjs")],
        (launcher) => process.kill(-pidOf(launcher), name),
        // The program has it: this is what npm does a moment later.
        (launcher) => launcher.kill(name)
      )
      assert.deepStrictEqual(ended, { code: 41, signal: null, lines: ["ready", name] })
    })
  }

  it("dies by the signal by which the program died", async () => {
    writeFileSync(join(folder, "dying.mjs"), `process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000)`)
    const { code, signal } = await launch([join(folder, "dying.mjs")])
    assert.deepStrictEqual({ code, signal }, { code: null, signal: "SIGTERM" })
  })

  it("leaves nothing behind that a stopped program had started", async () => {
    const forever = `console.log("child"); setInterval(() => {}, 1000)`
    const parent = `import { spawn } from "node:child_process"
spawn(process.execPath, ["-e", ${JSON.stringify(forever)}], { stdio: "inherit" })
setInterval(() => {}, 1000)`
    writeFileSync(join(folder, "parent.mjs"), parent)
    // The child holds the launcher's output open: this ends only when the child is gone.
    const ended = await launch([join(folder, "parent.mjs")], (launcher) => launcher.kill("SIGTERM"))
    assert.deepStrictEqual(ended, { code: null, signal: "SIGTERM", lines: ["child"] })
  })

  it("runs the program on the project's own Node", async () => {
    writeFileSync(join(folder, "version.mjs"), `console.log(process.versions.node.split(".")[0])`)
    const { code, lines } = await launch([join(folder, "version.mjs")])
    assert.deepStrictEqual({ code, lines }, { code: 0, lines: ["24"] })
  })
})

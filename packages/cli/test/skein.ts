/** Runs the program as a user does: a process of its own, from its sources. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll } from "vitest"

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))

export interface Done {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Setting {
  readonly stdin?: string | Uint8Array | undefined
  readonly cwd?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
}

export interface Started {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  readonly done: Promise<Done>
}

/** Starts it. Standard input is closed after what it is given; `stdin: undefined` leaves it open. */
export const start = (args: ReadonlyArray<string>, { cwd, env, stdin }: Setting = {}): Started => {
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    stdio: "pipe",
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, CI: undefined, ...env }
  })
  let out = ""
  let err = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text))
  child.stdin.on("error", () => {})
  if (stdin !== undefined) child.stdin.end(stdin)
  return {
    child,
    stdout: () => out,
    stderr: () => err,
    done: new Promise((resolve, reject) => {
      child.on("error", reject)
      child.on("close", (code, signal) => resolve({ code, signal, stdout: out, stderr: err }))
    })
  }
}

export const skein = (args: ReadonlyArray<string>, setting: Setting = {}): Promise<Done> => start(args, { stdin: "", ...setting }).done

/** A folder of a test file. */
export const folder = (): ((name: string) => string) => {
  const dir = mkdtempSync(join(tmpdir(), "skein-cli-"))
  afterAll(() => rmSync(dir, { recursive: true, force: true }))
  let count = 0
  return (name) => join(dir, `${++count}-${name}`)
}

export const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

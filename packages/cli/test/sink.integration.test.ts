// Real here: processes that write to pipes and files, readers that are slow or gone.
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { afterEach, describe, expect, it } from "vitest"
import { scratch } from "./fixtures/scratch.ts"

const path = scratch()

const running = new Set<ChildProcess>()

afterEach(async () => {
  for (const child of running) {
    const ended = once(child, "exit")
    process.kill(-child.pid!, "SIGKILL")
    await ended
  }
  running.clear()
})

const module = fileURLToPath(new URL("fixtures/sinkProgram.ts", import.meta.url))

const start = (out: "pipe" | number, ...args: ReadonlyArray<string>): ChildProcess =>
  spawn(process.execPath, [module, ...args], { stdio: ["ignore", out, "pipe"] })

/** Node makes sockets of what it calls pipes; a shell makes pipes. */
const shell = (script: string, ...args: ReadonlyArray<string>): ChildProcess =>
  spawn("/bin/sh", ["-c", script, "sh", process.execPath, module, ...args], { stdio: ["ignore", "pipe", "pipe"], detached: true })

const expected = (lines: number): string => Array.from({ length: lines }, (_, n) => `${n + 1} ${"x".repeat(90)}\n`).join("")

describe("sink.make", () => {
  it.each([
    ["a pipe", () => shell('"$@" | cat', "5000")],
    ["a pipe whose reader takes its time", () => shell('"$@" | (read -r line; echo "$line"; sleep 0.3; cat)', "5000")],
    ["a pipe, when its scope closes", () => shell('"$@" | (sleep 0.1; cat)', "5000", "leave it to the scope")],
    ["a socket", () => start("pipe", "5000")]
  ])("writes everything in order to %s", async (_what, begin) => {
    const child = begin()
    const [out, said] = await Promise.all([text(child.stdout!), text(child.stderr!)])
    expect([out === expected(5000), said]).toEqual([true, "written\n"])
  })

  it("writes everything in order to a file", async () => {
    const at = path("out")
    const fd = fs.openSync(at, "w")
    const child = start(fd, "5000")
    fs.closeSync(fd)
    expect(await text(child.stderr!)).toBe("written\n")
    expect(fs.readFileSync(at, "utf8") === expected(5000)).toBe(true)
  })

  it.each([
    ["a pipe", () => shell('"$@" | head -n 1', "5000000")],
    ["a pipe that nobody has read", () => shell('(sleep 0.2; "$@") | true', "5000000")]
  ])("says that the reader of %s is gone", async (_what, begin) => {
    const child = begin()
    const [, said] = await Promise.all([text(child.stdout!), text(child.stderr!)])
    expect(said.split("\n").at(-2)).toBe("Closed standard output: its reader is gone")
  })

  it("keeps the bytes of one write together", async () => {
    const child = shell('"$@" | (sleep 0.1; cat)', "0", "together")
    const [out] = await Promise.all([text(child.stdout!), text(child.stderr!)])
    const runs = Array.from(out.matchAll(/(.)\1*/g), ([run, letter]) => `${run.length} ${letter}`)
    expect(runs).toEqual([..."ababab"].map((letter) => `200000 ${letter}`).concat("1 c"))
  })

  it("says that a file may not grow, also where a part of a write was taken", async () => {
    const child = shell('ulimit -f 8; exec "$@" >"$0.out"'.replace("$0.out", path("out")), "200")
    expect(await text(child.stderr!)).toMatch(/^NotWritten standard output: cannot be written: EFBIG/)
  })

  it("says that the disk is full", async () => {
    const fd = fs.openSync("/dev/full", "w")
    const child = start(fd, "10")
    fs.closeSync(fd)
    expect(await text(child.stderr!)).toBe("NotWritten standard output: the disk is full\n")
  })

  it("neither blocks the loop nor the exit of the process while nobody reads", async () => {
    const child = shell('("$@"; echo "exit $?" >&2) | sleep 100000', "5000000", "exit while it waits")
    running.add(child)
    const said: Array<string> = []
    for await (const piece of child.stderr!.setEncoding("utf8")) {
      said.push(piece as string)
      if (said.join("").includes("exit")) break
    }
    expect(said.join("")).toBe("leaves\nexit 7\n")
  })
})

// Real here: programs, their workers and descendants, and signals. The test waits for what it wants to see, and asserts nothing of the time that takes.
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import { carriers, folder, linesOf, type Name, names, until } from "./fixtures/kit.ts"

const soak = process.env["SKEIN_SOAK"] === "1"
const { file, remove } = folder()
afterAll(remove)

const programs: Array<ChildProcess> = []
afterEach(() => {
  for (const program of programs.splice(0)) program.kill("SIGKILL")
})

/** Starts a program; it, its workers and whoever they start carry a mark in their environment. */
const start = (flavour: Name, act: string) => {
  const mark = `SKEIN_TEST_MARK=${randomUUID()}`
  const path = file()
  const program = spawn(process.execPath, [fileURLToPath(new URL("./fixtures/program.ts", import.meta.url)), flavour, act, path], {
    env: { ...process.env, SKEIN_TEST_MARK: mark.split("=")[1] },
    stdio: ["ignore", "ignore", "ignore"]
  })
  programs.push(program)
  const ended = once(program, "exit") as Promise<[code: number | null, signal: string | null]>
  return {
    program,
    ended,
    /** It has written so many lines, or has ended before. */
    wrote: async (lines: number): Promise<void> => {
      await Effect.runPromise(until(() => linesOf(path).length >= lines || program.exitCode !== null))
      expect(program.exitCode).toBe(null)
    },
    lines: () => linesOf(path),
    nobodyLeft: async (): Promise<ReadonlyArray<number>> => {
      await Effect.runPromise(until(() => carriers(mark).length === 0))
      return carriers(mark)
    },
    carriers: () => carriers(mark)
  }
}

describe("when the program of a process pool ends without closing it, nothing of it is left:", () => {
  it.each(["is killed", "is killed, nested"])("it %s while tasks run that started programs", async (act) => {
    const { carriers, ended, nobodyLeft, program, wrote } = start("process", act)
    await wrote(4)
    expect(carriers().length).toBeGreaterThanOrEqual(5)
    program.kill("SIGKILL")
    expect(await ended).toEqual([null, "SIGKILL"])
    expect(await nobodyLeft()).toEqual([])
  })

  it.each([
    ["throws", 1],
    ["exits", 5]
  ] as const)("it %s", async (act, code) => {
    const { ended, nobodyLeft, program, wrote } = start("process", act)
    await wrote(4)
    program.kill("SIGUSR2")
    expect(await ended).toEqual([code, null])
    expect(await nobodyLeft()).toEqual([])
  })

  // The moments are drawn from the seed: some are before the first worker is there.
  it.each(Array.from({ length: soak ? 20 : 3 }, (_, i) => i + 1))("it is killed at the moment of seed %i", async (seed) => {
    const { ended, nobodyLeft, program, wrote } = start("process", seed % 4 === 0 ? "is killed, nested" : "is killed")
    const draw = (seed * 2_654_435_761) % 1_000
    await wrote(draw % 4)
    await Effect.runPromise(Effect.sleep(draw / 2))
    program.kill("SIGKILL")
    await ended
    expect(await nobodyLeft()).toEqual([])
  })
})

describe.each(names)("a program that uses the %s flavour", (flavour) => {
  it("ends by itself when nothing is left to do, though its layer is never closed", async () => {
    const { ended, lines, nobodyLeft } = start(flavour, "ends")
    expect(await ended).toEqual([0, null])
    expect(lines()).toEqual(["called", "called and answered"])
    expect(await nobodyLeft()).toEqual([])
  })

  it.each(["SIGINT", "SIGTERM"] as const)("and is interrupted by %s ends its tasks, and leaves nobody behind", async (signal) => {
    const { ended, nobodyLeft, program, wrote } = start(flavour, "runs main")
    await wrote(flavour === "worker" ? 1 : 4)
    program.kill(signal)
    expect(await ended).toEqual([130, null])
    expect(await nobodyLeft()).toEqual([])
  })
})

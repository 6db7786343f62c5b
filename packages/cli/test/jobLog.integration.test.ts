// Real here: processes that write one log, and are killed while they do.
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import { createInterface } from "node:readline"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { afterEach, describe, expect, it } from "vitest"
import * as jobLog from "../src/jobLog.ts"
import * as lock from "../src/lock.ts"
import { scratch } from "./fixtures/scratch.ts"

const path = scratch()

const running: Array<ChildProcess> = []

afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL")
})

interface Started {
  readonly child: ChildProcess
  readonly line: () => Promise<string>
  readonly rest: () => Promise<ReadonlyArray<string>>
}

const takeLock = fileURLToPath(new URL("fixtures/takeLock.ts", import.meta.url))
const writeLog = fileURLToPath(new URL("fixtures/writeLog.ts", import.meta.url))

const start = (module: string, ...args: ReadonlyArray<string>): Started => {
  const child = spawn(process.execPath, [module, ...args], { stdio: ["pipe", "pipe", "inherit"] })
  running.push(child)
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  return {
    child,
    line: async () => (await lines.next()).value as string,
    rest: async () => {
      const rest: Array<string> = []
      for (let next = await lines.next(); next.done !== true; next = await lines.next()) rest.push(next.value)
      return rest
    }
  }
}

const kill = async ({ child }: Started): Promise<void> => {
  const closed = once(child, "exit")
  child.kill("SIGKILL")
  await closed
}

const idsIn = (at: string): Promise<ReadonlyArray<string>> => {
  const ids: Array<string> = []
  return Effect.runPromise(
    Effect.scoped(
      Effect.as(
        jobLog.open({
          path: at,
          onEntry: ({ id }) => {
            ids.push(id)
          }
        }),
        ids
      )
    )
  )
}

describe("jobLog of a process that is killed", () => {
  it.each(["log", "log.jsonl"])(
    "has every record that was written, whole and once, and the next process goes on after it (%s)",
    async (name) => {
      const at = path(name)
      const told: Array<number> = []
      for (let round = 0, first = 1; round < 5; round++) {
        const writer = start(writeLog, at, String(first))
        for (let lines = 0; lines < 20 + 13 * round; lines++) told.push(Number(await writer.line()))
        await kill(writer)
        told.push(...(await writer.rest()).map(Number))
        first = told.at(-1)! + 2
      }
      const numbers = (await idsIn(at)).map((id) => Number(/echo (\d+)/.exec(id)![1]))
      expect(new Set(numbers).size).toBe(numbers.length)
      expect(told.filter((seq) => !numbers.includes(seq))).toEqual([])
      // At most the one that was being told of when the process died is there and was not told.
      expect(numbers.length - told.length).toBeLessThanOrEqual(5)
      expect(fs.existsSync(`${at}.lock`)).toBe(false)
    }
  )
})

describe("jobLog of a process that may not write so much", () => {
  it("fails at the record that does not fit, and has nothing of it", async () => {
    const at = path("log.jsonl")
    const child = spawn("/bin/sh", ["-c", 'ulimit -f 64; exec "$@"', "sh", process.execPath, writeLog, at, "1"], {
      stdio: ["ignore", "pipe", "pipe"]
    })
    running.push(child)
    const [told, said] = await Promise.all([text(child.stdout), text(child.stderr)])
    expect(said).toMatch(/JobLogError: job log .*: cannot be written: EFBIG/)
    const written = fs.readFileSync(at, "utf8")
    expect([told.trimEnd().split("\n").length, written.endsWith("}\n")]).toEqual([written.split("\n").length - 1, true])
  })
})

describe("lock.take by several processes", () => {
  it("gives what a killed process left to exactly one of those who want it at once", async () => {
    for (let round = 0; round < 3; round++) {
      const at = path("lock")
      const dead = start(takeLock, at)
      await dead.line()
      dead.child.stdin!.write("go")
      expect(await dead.line()).toBe("Mine")
      await kill(dead)
      const others = [start(takeLock, at), start(takeLock, at), start(takeLock, at), start(takeLock, at)]
      for (const other of others) await other.line()
      for (const { child } of others) child.stdin!.write("go")
      const taken = await Promise.all(others.map(({ line }) => line()))
      expect(taken.toSorted()).toEqual(["Held", "Held", "Held", "Mine"])
      expect(lock.take(at)._tag).toBe("Held")
      await Promise.all(others.map(kill))
      expect(lock.take(at)._tag).toBe("Mine")
    }
  })
})

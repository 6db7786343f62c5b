// Real here: the files, and the processes that share them, write to them and are killed. The full size runs with SKEIN_SOAK=1.
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterEach, describe, expect, it } from "vitest"
import type * as SqliteClient from "../src/SqliteClient.ts"
import { failureOf, newFile, withClient } from "./fixtures/databases.ts"
import { until } from "./fixtures/processes.ts"

const soak = process.env["SKEIN_SOAK"] === "1"

const children = new Set<ChildProcess>()
afterEach(() => {
  for (const child of children) child.kill("SIGKILL")
  children.clear()
})

interface Started {
  readonly child: ChildProcess
  /** The lines that it has written and ended. */
  readonly lines: () => ReadonlyArray<string>
  readonly ended: Promise<number | null>
}

const start = (...args: ReadonlyArray<string>): Started => {
  const program = fileURLToPath(new URL("fixtures/databaseProgram.ts", import.meta.url))
  const child = spawn(process.execPath, [program, ...args], { stdio: ["pipe", "pipe", "inherit"] })
  children.add(child)
  let output = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text))
  return {
    child,
    lines: () => output.split("\n").slice(0, -1),
    ended: new Promise((resolve) => child.once("close", resolve))
  }
}

const counter = (sql: SqliteClient.SqliteClient) =>
  Effect.andThen(sql`CREATE TABLE counter (n INTEGER)`, sql`INSERT INTO counter VALUES (0)`)

const numberIn = (sql: SqliteClient.SqliteClient) => Effect.map(sql<{ n: number }>`SELECT n FROM counter`, (rows) => rows[0]!.n)

describe.each(["wal", "delete"] as const)("A file with journal %s that several processes write to", (journal) => {
  it("loses no write", async () => {
    const path = newFile()
    const times = 150
    await withClient(
      (sql) =>
        Effect.gen(function* () {
          yield* counter(sql)
          const others = [start("count", path, `${times}`, journal), start("count", path, `${times}`, journal)]
          yield* Effect.promise(() => until(() => others.every(({ lines }) => lines().length > 0)))
          const own = sql.withTransaction(
            Effect.flatMap(numberIn(sql), (n) => Effect.andThen(Effect.yieldNow, sql`UPDATE counter SET n = ${n + 1}`))
          )
          yield* Effect.repeat(own, { times: times - 1 })
          expect(yield* Effect.promise(() => Promise.all(others.map(({ ended }) => ended)))).toEqual([0, 0])
          expect(yield* numberIn(sql)).toBe(times * 3)
        }),
      { path, journal, busyTimeout: "Infinity" }
    )
  })

  it("leaves the event loop free while it is locked: the lock is given back only after so many ticks", async () => {
    const path = newFile()
    await withClient(
      (sql) =>
        Effect.gen(function* () {
          yield* counter(sql)
          const holder = start("hold", path)
          yield* Effect.promise(() => until(() => holder.lines().length > 0))
          const waiting = yield* Effect.forkChild(sql`UPDATE counter SET n = n + 1`, { startImmediately: true })
          let ticks = 0
          const ticking = setInterval(() => {
            if (++ticks === 30) holder.child.stdin!.end()
          }, 1)
          yield* Fiber.join(waiting)
          clearInterval(ticking)
          expect(ticks).toBeGreaterThanOrEqual(30)
          expect(yield* numberIn(sql)).toBe(101)
        }),
      { path, journal, busyTimeout: "1 minute" }
    )
  })

  it("is waited for as long as was said, and by nobody who was interrupted", async () => {
    const path = newFile()
    await withClient(
      (sql) =>
        Effect.gen(function* () {
          yield* counter(sql)
          const holder = start("hold", path)
          yield* Effect.promise(() => until(() => holder.lines().length > 0))
          const error = yield* Effect.flip(sql.withTransaction(sql`UPDATE counter SET n = 7`))
          expect(error.message).toBe("database is locked for 100ms [SQLITE_BUSY 5]: BEGIN IMMEDIATE")
          expect(yield* failureOf(sql`UPDATE counter SET n = 7`)).toBe("LockTimeoutError SQLITE_BUSY")
          for (const ask of [sql.withTransaction(sql`UPDATE counter SET n = 7`), sql`UPDATE counter SET n = 7`]) {
            const fiber = yield* Effect.forkChild(ask, { startImmediately: true })
            yield* Fiber.interrupt(fiber)
          }
          holder.child.stdin!.end()
          expect(yield* Effect.promise(() => holder.ended)).toBe(0)
          expect(yield* numberIn(sql)).toBe(100)
        }),
      { path, journal, busyTimeout: "100 millis" }
    )
  })
})

describe("A stream of a file that another process writes to", () => {
  it("gives one state of it, and keeps no writer waiting", async () => {
    const path = newFile()
    await withClient(
      (sql) =>
        Effect.gen(function* () {
          yield* counter(sql)
          yield* sql`WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 999) INSERT INTO counter SELECT 0 FROM i`
          const seen = new Set<number>()
          let writer: Started | undefined
          yield* Stream.runForEach(sql<{ n: number }>`SELECT n FROM counter`.stream, ({ n }) =>
            Effect.promise(async () => {
              seen.add(n)
              if (writer !== undefined) return
              writer = start("count", path, "5")
              expect(await writer.ended).toBe(0)
            })
          )
          expect([...seen]).toEqual([0])
          expect(yield* numberIn(sql)).toBe(5)
        }),
      { path }
    )
  })
})

/** The same moments in every run (mulberry32, Tommy Ettinger). */
const random = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

describe("A writer that is killed", () => {
  it.each(Array.from({ length: soak ? 200 : 10 }, (_, seed) => seed))(
    "at moment %i leaves a whole file, with all that was committed and no half of what was not",
    async (seed) => {
      const next = random(seed)
      const path = newFile()
      await withClient((sql) => sql`CREATE TABLE pairs (i INTEGER, which TEXT, filler BLOB, UNIQUE (i, which))`, { path })
      const writer = start("pairs", path)
      const after = 1 + Math.floor(next() * 400)
      await until(() => writer.lines().length >= after)
      await new Promise((resolve) => setTimeout(resolve, next() * 10))
      writer.child.kill("SIGKILL")
      await writer.ended
      const committed = writer.lines().length

      await withClient(
        (sql) =>
          Effect.gen(function* () {
            expect(yield* sql`PRAGMA integrity_check`.values).toEqual([["ok"]])
            const rows = yield* sql<{ i: number; n: number }>`SELECT i, count(*) AS n FROM pairs GROUP BY i ORDER BY i`
            expect(rows.filter(({ n }) => n !== 2)).toEqual([])
            // One more may have been committed and not told.
            expect([committed, committed + 1]).toContain(rows.length)
            expect(rows.at(-1)?.i).toBe(rows.length)
            yield* sql.withTransaction(sql`DELETE FROM pairs`)
          }),
        { path }
      )
    }
  )
})

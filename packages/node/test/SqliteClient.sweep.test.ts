import { Simulator } from "@skein/core/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as SqliteClient from "../src/SqliteClient.ts"
import { newFile } from "./fixtures/databases.ts"

/** How many descriptors of the database and its log this process has; 0 where there is no /proc. */
const descriptors = (): number =>
  fs.existsSync("/proc/self/fd")
    ? fs.readdirSync("/proc/self/fd").filter((name) => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${name}`).startsWith(path)
        } catch {
          return false
        }
      }).length
    : 0

const path = newFile()
const scope = Scope.makeUnsafe()
let sql: SqliteClient.SqliteClient
let other: DatabaseSync
beforeAll(async () => {
  sql = await Effect.runPromise(Scope.provide(SqliteClient.make({ path, busyTimeout: "1 minute" }), scope))
  await Effect.runPromise(sql`CREATE TABLE pairs (i INTEGER, which TEXT)`)
  other = new DatabaseSync(path, { timeout: 0 })
  // Nothing here is about the loss of power, and the disk would take most of the time.
  other.exec("PRAGMA synchronous = OFF")
})
afterAll(async () => {
  other.close()
  await Effect.runPromise(Scope.close(scope, Exit.void))
})

/** Sweeps a program and looks after each run, from another connection, for locks and halves, and for a client that still works. */
const sweep = async (program: () => Effect.Effect<unknown, unknown>, after?: () => void, maxRuns?: number) => {
  const swept = await Simulator.sweep(() => Effect.exit(program()), {
    seeds: 1,
    maxRuns,
    after: () => {
      other.exec("BEGIN IMMEDIATE")
      const halves = other.prepare("SELECT i FROM pairs GROUP BY i HAVING count(*) <> 2").all()
      other.exec("DELETE FROM pairs; COMMIT")
      expect(halves).toEqual([])
      after?.()
      expect(Effect.runSync(sql.withTransaction(sql`SELECT count(*) AS n FROM pairs`))).toEqual([{ n: 0 }])
    }
  })
  expect(swept.interrupted.main).toBeGreaterThan(0)
  if (maxRuns === undefined) expect(swept.every).toBe(1)
}

const pair = (i: number) =>
  sql.withTransaction(
    Effect.gen(function* () {
      yield* sql`INSERT INTO pairs VALUES (${i}, 'first')`
      yield* Effect.sleep(1)
      yield* sql`INSERT INTO pairs VALUES (${i}, 'second')`
    })
  )

describe("SqliteClient interrupted at every step", () => {
  it("leaves no half of a transaction, and no lock", () => sweep(() => pair(1)))

  it("leaves nothing of transactions and statements that are queued", () =>
    sweep(() => Effect.all([pair(1), pair(2), sql`SELECT 1`], { concurrency: "unbounded" })))

  it("leaves nothing of nested transactions, one of which fails", () =>
    sweep(() => sql.withTransaction(Effect.andThen(pair(1), Effect.exit(sql.withTransaction(Effect.andThen(pair(2), Effect.fail("no"))))))))

  it("leaves no snapshot of a stream that is read, and no connection", () => {
    const some = sql`INSERT INTO pairs WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 299) SELECT i / 2, 'half' FROM n`
    const read = Stream.runForEachArray(sql`SELECT * FROM pairs`.stream, () => Effect.sleep(1))
    return sweep(
      () => Effect.andThen(some, read),
      () => {
        // Somebody who still reads an old state would be in the way.
        expect(other.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()).toMatchObject({ busy: 0 })
        // Five of the two connections, and one of a closed third that SQLite keeps for the next.
        expect(descriptors()).toBeLessThanOrEqual(6)
      }
    )
  })

  // Each try asks for a real lock and waits for 5 real milliseconds, so these are fewer.
  it("leaves nothing of what waited for the lock of another process", () => {
    const locked = Effect.acquireUseRelease(
      Effect.sync(() => other.exec("BEGIN IMMEDIATE")),
      () => Effect.sleep(4),
      () => Effect.sync(() => other.exec("ROLLBACK"))
    )
    return sweep(
      () => Effect.all([locked, pair(1), sql`INSERT INTO pairs VALUES (2, 'first'), (2, 'second')`], { concurrency: "unbounded" }),
      undefined,
      250
    )
  }, 60_000)
})

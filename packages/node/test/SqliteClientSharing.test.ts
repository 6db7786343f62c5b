import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"
import * as failure from "../src/internal/sqlite/failure.ts"
import * as statements from "../src/internal/sqlite/statements.ts"
import type * as SqliteClient from "../src/SqliteClient.ts"
import { failureOf, keys, newFile, numbers, scoped, withClient, withTable } from "./fixtures/databases.ts"

describe("SqliteClient.withTransaction", () => {
  it("commits what succeeded and rolls back what failed, nested ones by themselves", () =>
    withTable((sql) =>
      Effect.gen(function* () {
        const put = (a: number) => sql`INSERT INTO t VALUES (${a}, 0)`
        yield* sql.withTransaction(
          Effect.gen(function* () {
            yield* put(1)
            yield* Effect.exit(sql.withTransaction(Effect.andThen(put(2), Effect.fail("no"))))
            yield* sql.withTransaction(put(3))
          })
        )
        yield* Effect.exit(sql.withTransaction(Effect.andThen(put(4), Effect.die("no"))))
        expect(yield* keys(sql)).toEqual([1, 3])
      })
    ))

  it("is taken from the start as one that writes", async () => {
    const path = newFile()
    await withTable(
      (sql) =>
        Effect.gen(function* () {
          const other = new DatabaseSync(path)
          yield* sql.withTransaction(
            Effect.sync(() => {
              expect(() => other.exec("BEGIN IMMEDIATE")).toThrow("locked")
            })
          )
          other.close()
        }),
      { path }
    )
  })

  it("is rolled back when its commit fails, and the next one works", () =>
    withClient((sql) =>
      Effect.gen(function* () {
        yield* sql`CREATE TABLE t (a INTEGER PRIMARY KEY REFERENCES t DEFERRABLE INITIALLY DEFERRED, b REFERENCES t DEFERRABLE INITIALLY DEFERRED)`
        expect(yield* failureOf(sql.withTransaction(sql`INSERT INTO t VALUES (1, 2)`))).toBe("ConstraintError SQLITE_CONSTRAINT")
        yield* sql.withTransaction(sql`INSERT INTO t VALUES (3, 3)`)
        expect(yield* keys(sql)).toEqual([3])
      })
    ))

  it("commits no half of what SQLite rolled back by itself", () =>
    withTable((sql) =>
      Effect.gen(function* () {
        const lost = yield* Effect.flip(
          sql.withTransaction(
            Effect.gen(function* () {
              yield* sql`INSERT INTO t VALUES (1, 0)`
              yield* Effect.ignore(sql`INSERT OR ROLLBACK INTO t VALUES (1, 0)`)
              yield* Effect.ignore(sql`INSERT INTO t VALUES (2, 0)`)
              yield* Effect.ignore(sql.withTransaction(sql`INSERT INTO t VALUES (3, 0)`))
              yield* Effect.ignore(sql`ROLLBACK TO nowhere`)
              yield* Effect.ignore(sql`INSERT INTO t VALUES (5, 0)`)
            })
          )
        )
        expect(lost.message).toContain("the transaction is gone")
        expect(yield* keys(sql)).toEqual([])
        yield* sql.withTransaction(sql`INSERT INTO t VALUES (4, 0)`)
        expect(yield* keys(sql)).toEqual([4])
      })
    ))

  it("keeps others out, who come in the order in which they asked", () =>
    withTable((sql) =>
      Effect.gen(function* () {
        const count = sql<{ n: number }>`SELECT count(*) AS n FROM t`
        const add = (i: number) =>
          sql.withTransaction(
            Effect.gen(function* () {
              const before = (yield* count)[0]!.n
              yield* Effect.yieldNow
              yield* sql`INSERT INTO t VALUES (${before}, ${i})`
            })
          )
        yield* Effect.forEach(
          Array.from({ length: 20 }, (_, i) => i),
          add,
          { concurrency: "unbounded" }
        )
        expect(yield* sql`SELECT b FROM t ORDER BY a`.values).toEqual(Array.from({ length: 20 }, (_, i) => [i]))
      })
    ))

  it("is rolled back when the client is closed in the middle of it, and the rest of it is refused", async () => {
    const path = newFile()
    const going = Latch.makeUnsafe()
    const rest = await withTable(
      (sql) => {
        const put = (a: number) => sql`INSERT INTO t VALUES (${a}, 0)`
        const transaction = put(1).pipe(Effect.andThen(going.await), Effect.andThen(put(2)), sql.withTransaction, failureOf)
        return Effect.forkDetach(transaction, { startImmediately: true })
      },
      { path }
    )
    going.openUnsafe()
    expect(await Effect.runPromise(Fiber.join(rest))).toBe("ConnectionError")
    expect(await withClient(keys, { path })).toEqual([])
  })

  it("interrupted in the middle leaves nothing and gives the connection on", () =>
    withTable((sql) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(sql.withTransaction(Effect.andThen(sql`INSERT INTO t VALUES (1, 1)`, Effect.never)), {
          startImmediately: true
        })
        const queued = yield* Effect.forkChild(sql`INSERT INTO t VALUES (2, 2)`, { startImmediately: true })
        yield* Fiber.interrupt(queued)
        yield* Fiber.interrupt(fiber)
        expect(yield* keys(sql)).toEqual([])
      })
    ))
})

describe("SqliteClient while somebody else has the lock", () => {
  /** Runs an effect with a table and another connection that has the lock, and has it until the end or until it is given back. */
  const whileLocked = (
    use: (sql: SqliteClient.SqliteClient, other: DatabaseSync) => Effect.Effect<void, unknown>,
    options: Partial<SqliteClient.Options> = {},
    lock = "BEGIN IMMEDIATE"
  ) => {
    const path = newFile()
    return withTable(
      (sql) =>
        Effect.acquireUseRelease(
          Effect.sync(() => new DatabaseSync(path)),
          (other) =>
            Effect.andThen(
              sql`INSERT INTO t VALUES (1, 1)`,
              Effect.suspend(() => (other.exec(lock), use(sql, other)))
            ),
          (other) => Effect.sync(() => other.close())
        ),
      { path, busyTimeout: "Infinity", ...options }
    )
  }

  it("is interrupted at once, in a statement and before a transaction", () =>
    whileLocked((sql) =>
      Effect.gen(function* () {
        for (const ask of [sql`DELETE FROM t`, sql.withTransaction(sql`DELETE FROM t`)]) {
          yield* Fiber.interrupt(yield* Effect.forkChild(ask, { startImmediately: true }))
        }
        expect(yield* keys(sql)).toEqual([1])
      })
    ))

  it("waits on when whoever asks must not be interrupted", () =>
    whileLocked((sql, other) =>
      Effect.gen(function* () {
        const asked = yield* Effect.forkChild(Effect.uninterruptible(sql.withTransaction(sql`DELETE FROM t`)), { startImmediately: true })
        const interrupting = yield* Effect.forkChild(Fiber.interrupt(asked), { startImmediately: true })
        yield* Effect.sync(() => other.exec("COMMIT"))
        yield* Fiber.join(interrupting)
        expect(yield* keys(sql)).toEqual([])
      })
    ))

  it("brings a commit that waits for a reader to its end, interrupted or not", () =>
    whileLocked(
      (sql, other) =>
        Effect.gen(function* () {
          const asked = yield* Effect.forkChild(sql.withTransaction(sql`DELETE FROM t`), { startImmediately: true })
          const interrupting = yield* Effect.forkChild(Fiber.interrupt(asked), { startImmediately: true })
          yield* Effect.sync(() => other.exec("COMMIT"))
          yield* Fiber.join(interrupting)
          expect(yield* keys(sql)).toEqual([])
        }),
      { journal: "delete" },
      "BEGIN; SELECT count(*) FROM t"
    ))

  it("rolls back a commit that has waited too long, and works again", () =>
    whileLocked(
      (sql, other) =>
        Effect.gen(function* () {
          expect(yield* failureOf(sql.withTransaction(sql`DELETE FROM t`))).toBe("LockTimeoutError SQLITE_BUSY")
          yield* Effect.sync(() => other.exec("COMMIT"))
          expect(yield* keys(sql)).toEqual([1])
          yield* sql.withTransaction(sql`DELETE FROM t`)
          expect(yield* keys(sql)).toEqual([])
        }),
      { journal: "delete", busyTimeout: "20 millis" },
      "BEGIN; SELECT count(*) FROM t"
    ))

  it("does not wait at all with a busyTimeout of 0", () =>
    whileLocked((sql) => Effect.map(failureOf(sql`DELETE FROM t`), (failure) => expect(failure).toBe("LockTimeoutError SQLITE_BUSY")), {
      busyTimeout: 0
    }))

  it("does not wait for what cannot come: a snapshot that is outdated", () =>
    whileLocked(
      (sql, other) =>
        Effect.gen(function* () {
          const outdated = Effect.gen(function* () {
            yield* keys(sql)
            other.exec("INSERT INTO t VALUES (2, 2)")
            yield* sql`INSERT INTO t VALUES (3, 3)`
          })
          const deferred = Effect.provideService(sql.withTransaction(outdated), SqlClient.BeginTransaction, "BEGIN")
          expect(yield* Effect.map(Effect.flip(deferred), ({ reason }) => reason._tag)).toBe("SerializationError")
          expect(yield* keys(sql)).toEqual([1, 2])
        }),
      {},
      "SELECT 1"
    ))

  it("is waited for by a copy, too, and no longer than was said", () =>
    whileLocked(
      (sql) =>
        Effect.gen(function* () {
          const target = newFile()
          expect(yield* failureOf(sql.backup(target))).toBe("LockTimeoutError SQLITE_BUSY")
          expect(fs.existsSync(target)).toBe(false)
        }),
      { journal: "delete", busyTimeout: "20 millis" },
      "BEGIN EXCLUSIVE"
    ))

  it("is not opened, and leaves the file as it is", async () => {
    const path = newFile()
    const other = new DatabaseSync(path)
    other.exec("CREATE TABLE t (a); BEGIN EXCLUSIVE")
    // To prepare a statement is to read the schema, for which a connection may have to wait, too.
    const unread = new DatabaseSync(path, { timeout: 0 })
    let thrown: unknown
    try {
      statements.prepare(unread, "SELECT * FROM t")
    } catch (cause) {
      thrown = cause
    }
    expect([failure.isBusy(thrown), failure.nameOf(thrown)]).toEqual([true, "SQLITE_BUSY"])
    unread.close()
    expect(await Effect.runPromise(failureOf(scoped(keys, { path, busyTimeout: "20 millis" })))).toBe("LockTimeoutError SQLITE_BUSY")
    other.exec("COMMIT")
    expect(other.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "delete" })
    other.close()
  })
})

describe.each([
  ["in memory", (): Partial<SqliteClient.Options> => ({})],
  ["with a write-ahead log", () => ({ path: newFile() })],
  ["with a rollback journal", () => ({ path: newFile(), journal: "delete" as const })]
])("A stream of SqliteClient %s", (_, options) => {
  it("gives every row, and lets a statement or a transaction run for each", () =>
    withTable(
      (sql) =>
        Effect.gen(function* () {
          yield* numbers(sql, 300)
          const update = ({ a }: { readonly a: number }) => sql`UPDATE t SET b = b + 1 WHERE a = ${a}`
          const stream = sql<{ a: number }>`SELECT * FROM t`.stream
          yield* sql.withTransaction(Stream.runForEach(stream, update))
          // Outside of a transaction each is written to the disk, so not for all.
          const some = Stream.filter(stream, ({ a }) => a % 30 === 0)
          yield* Stream.runForEach(some, update)
          yield* Stream.runForEach(some, (row) => sql.withTransaction(update(row)))
          expect(yield* sql`SELECT sum(b) FROM t`.values).toEqual([[320]])
          expect(yield* Stream.runCount(stream)).toBe(300)
        }),
      options()
    ))

  it("of a statement that writes, writes once", () =>
    withTable(
      (sql) =>
        Effect.gen(function* () {
          yield* numbers(sql, 300)
          expect(yield* Stream.runCount(sql`UPDATE t SET b = b + 1 RETURNING a`.stream)).toBe(300)
          expect(yield* Stream.runCount(Stream.take(sql`UPDATE t SET b = b + 1 RETURNING a`.stream, 1))).toBe(1)
          expect(yield* sql`SELECT DISTINCT b FROM t`.values).toEqual([[2]])
        }),
      options()
    ))

  it("that is left early holds nothing", () =>
    withTable(
      (sql) =>
        Effect.gen(function* () {
          yield* numbers(sql, 1000)
          const some = Stream.take(sql`SELECT * FROM t`.stream, 3)
          expect(yield* Stream.runCount(some)).toBe(3)
          yield* sql.withTransaction(Effect.andThen(Stream.runCount(some), sql`DROP TABLE t`))
          expect(yield* failureOf(Stream.runCount(some))).toBe("SqlSyntaxError SQLITE_ERROR")
        }),
      options()
    ))

  it("sees temporary tables, and nothing of no rows", () =>
    withTable(
      (sql) =>
        Effect.gen(function* () {
          yield* sql`CREATE TEMP TABLE mine AS SELECT 1 AS x`
          expect(yield* Stream.runCollect(sql`SELECT * FROM mine`.stream)).toEqual([{ x: 1 }])
          expect(yield* Stream.runCollect(sql`SELECT * FROM t`.stream)).toEqual([])
        }),
      options()
    ))
})

describe("SqliteClient.backup and export", () => {
  it("make a copy that opens and holds everything", async () => {
    for (const path of [":memory:", newFile()]) {
      const [target, exported] = [newFile(), newFile()]
      await withTable(
        (sql) =>
          Effect.gen(function* () {
            yield* numbers(sql, 5000)
            yield* sql.backup(target)
            fs.writeFileSync(exported, yield* sql.export)
            yield* sql`DELETE FROM t`
          }),
        { path }
      )
      for (const copy of [target, exported]) {
        await withClient(
          (sql) => Effect.map(sql`SELECT count(*), sum(a) FROM t`.values, (rows) => expect(rows).toEqual([[5000, 12502500]])),
          {
            path: copy
          }
        )
      }
    }
  })

  it("touch no file that is there, nor one whose log is", () =>
    withTable((sql) =>
      Effect.gen(function* () {
        const [there, logged] = [newFile(), newFile()]
        fs.writeFileSync(there, "mine")
        fs.writeFileSync(`${logged}-wal`, "mine")
        expect((yield* Effect.flip(sql.backup(there))).message).toContain("EEXIST")
        expect((yield* Effect.flip(sql.backup(logged))).message).toContain("belongs to another database")
        expect(fs.readFileSync(there, "utf8")).toBe("mine")
        expect(fs.existsSync(logged)).toBe(false)
        expect(yield* failureOf(sql.backup(`${there}/x`))).toBe("UnknownError")
      })
    ))

  it("leave nothing when they fail on the way", () =>
    withTable((sql) =>
      Effect.gen(function* () {
        // The file may have this name, its parts may not.
        const target = join(dirname(newFile()), "x".repeat(250))
        expect(yield* failureOf(sql.backup(target))).toBe("ConnectionError SQLITE_CANTOPEN")
        expect(fs.existsSync(target)).toBe(false)
      })
    ))

  it("are refused inside a transaction, which they would wait for", () =>
    withTable((sql) =>
      Effect.gen(function* () {
        expect((yield* Effect.flip(sql.withTransaction(sql.export))).message).toContain("inside a transaction")
        expect(yield* keys(sql)).toEqual([])
      })
    ))

  it("keep statements waiting and leave no transaction open", () =>
    withTable(
      (sql) =>
        Effect.gen(function* () {
          const copying = yield* Effect.forkChild(sql.export, { startImmediately: true })
          yield* sql`INSERT INTO t VALUES (1, 1)`
          expect((yield* Fiber.join(copying)).length).toBeGreaterThan(0)
          yield* sql.withTransaction(sql`INSERT INTO t VALUES (2, 2)`)
          expect(yield* keys(sql)).toEqual([1, 2])
        }),
      { path: newFile() }
    ))

  it("interrupted or closed over leave a whole client and no half files", async () => {
    const [path, target, last] = [newFile(), newFile(), newFile()]
    await withTable(
      (sql) =>
        Effect.gen(function* () {
          yield* numbers(sql, 5000)
          const copying = yield* Effect.forkChild(sql.backup(target), { startImmediately: true })
          yield* Effect.yieldNow
          yield* Fiber.interrupt(copying)
          yield* sql.withTransaction(sql`INSERT INTO t VALUES (6000, 1)`)
          yield* Effect.forkDetach(sql.backup(last), { startImmediately: true })
        }),
      { path }
    )
    const left = fs.readdirSync(dirname(path)).filter((name) => name.includes(".part-"))
    expect(left).toEqual([])
    expect(fs.statSync(last).size).toBe(fs.statSync(path).size)
  })
})

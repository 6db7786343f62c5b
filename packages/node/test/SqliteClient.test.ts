import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Schema from "effect/Schema"
import * as Migrator from "effect/sql/Migrator"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { describe, expect, it } from "vitest"
import { quirks } from "../src/internal/sqlite/quirks.ts"
import * as statements from "../src/internal/sqlite/statements.ts"
import * as SqliteClient from "../src/SqliteClient.ts"
import { failureOf, keys, newFile, numbers, scoped, withClient, withTable } from "./fixtures/databases.ts"
import { until } from "./fixtures/processes.ts"

describe("SqliteClient's options", () => {
  it.each([
    [{ path: "" }, 'path must be the name of a file, or ":memory:", got'],
    [{ path: "a", busyTimeout: -1 }, "busyTimeout must be"],
    [{ path: "a", cache: 2.5 }, "cache must be a whole number of at least 0, got 2.5"],
    [{ path: "a", cache: -1 }, "cache must be a whole number of at least 0, got -1"],
    [{ path: "a", journal: "off" }, "journal must be"],
    [{ path: "a", synchronous: "off" }, "synchronous must be"],
    [{ path: "a", access: true }, "access must be"],
    [{ path: "a", readonly: true }, 'unknown option "readonly"'],
    [{ path: "a", transformQueryNames: 1 }, "transformQueryNames must be a function, got 1"],
    [{ path: "a", spanAttributes: 1 }, "spanAttributes must be an object, got 1"]
  ])("are refused at once when they are wrong: %o", (options, message) => {
    expect(() => SqliteClient.make(options as never)).toThrow(RangeError)
    expect(() => SqliteClient.make(options as never)).toThrow(`SqliteClient.make: ${message}`)
    expect(() => SqliteClient.layer(options as never)).toThrow(`SqliteClient.layer: ${message}`)
  })

  it("rename on the way in and out, and withoutTransforms does not", () =>
    withClient(
      (sql) =>
        Effect.gen(function* () {
          yield* sql`CREATE TABLE t (first_name TEXT)`
          yield* sql`INSERT INTO t ${sql.insert({ firstName: "ann" })}`
          expect(yield* sql`SELECT * FROM t`).toEqual([{ firstName: "ann" }])
          expect(yield* Stream.runCollect(sql`SELECT * FROM t`.stream)).toEqual([{ firstName: "ann" }])
          expect(yield* sql.withoutTransforms()`SELECT * FROM t`).toEqual([{ first_name: "ann" }])
        }),
      {
        transformQueryNames: (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        transformResultNames: (name) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
      }
    ))

  it("set journal, synchronous and foreign keys", () =>
    withClient(
      (sql) =>
        Effect.gen(function* () {
          expect(yield* sql`PRAGMA journal_mode`.values).toEqual([["truncate"]])
          expect(yield* sql`PRAGMA synchronous`.values).toEqual([[2]])
          expect(yield* sql`PRAGMA foreign_keys`.values).toEqual([[1]])
        }),
      { path: newFile(), journal: "truncate", synchronous: "full" }
    ))

  it("keep a write-ahead log by default, which is gone with the client", async () => {
    const path = newFile()
    await withTable(
      (sql) =>
        Effect.gen(function* () {
          expect(yield* sql`PRAGMA journal_mode`.values).toEqual([["wal"]])
          expect(yield* sql`PRAGMA synchronous`.values).toEqual([[1]])
          expect(fs.existsSync(`${path}-wal`)).toBe(true)
        }),
      { path }
    )
    expect(fs.existsSync(`${path}-wal`)).toBe(false)
    expect(fs.existsSync(path)).toBe(true)
  })

  it("keep as many statements as the bound says, the latest used", () => {
    const db = new DatabaseSync(":memory:")
    const kept = statements.make(db, 2)
    const first = ["SELECT 1", "SELECT 2", "SELECT 1", "SELECT 3"].map(kept.get)
    expect(first[2]).toBe(first[0])
    expect([kept.get("SELECT 1") === first[0], kept.get("SELECT 3") === first[3], kept.get("SELECT 2") === first[1]]).toEqual([
      true,
      true,
      false
    ])
    db.close()
  })

  it("keep statements up to the bound, or none, with the same answers", async () => {
    for (const cache of [0, 1, 2]) {
      await withTable(
        (sql) =>
          Effect.gen(function* () {
            for (const i of [1, 2, 3, 4]) {
              yield* sql`INSERT INTO t VALUES (${i}, ${i})`
              expect(yield* sql`SELECT count(*) FROM t`.values).toEqual([[i]])
              expect(yield* sql`SELECT max(a) m FROM t`).toEqual([{ m: i }])
            }
          }),
        { cache }
      )
    }
  })
})

describe("SqliteClient's values", () => {
  const read = (value: unknown) =>
    withClient((sql) => Effect.map(sql`SELECT ${value} AS x, typeof(${value}) AS type`, (rows) => rows[0] as { x: unknown; type: string }))

  it.each([
    [1, 1, "integer"],
    [1.5, 1.5, "real"],
    [Infinity, Infinity, "real"],
    [-0, -0, "real"],
    [2 ** 53, 2 ** 53, "real"],
    [5n, 5, "integer"],
    [true, 1, "integer"],
    [false, 0, "integer"],
    ["ü😀", "ü😀", "text"],
    ["", "", "text"],
    [null, null, "null"],
    [undefined, null, "null"],
    [new Date(0), "1970-01-01T00:00:00.000Z", "text"],
    [new Uint8Array([1, 2]), new Uint8Array([1, 2]), "blob"],
    [new Uint8Array([9, 1, 2]).subarray(1), new Uint8Array([1, 2]), "blob"],
    [new Uint8Array([1, 2]).buffer, new Uint8Array([1, 2]), "blob"]
  ])("come back in the form that the table says: %o", async (value, back, type) => {
    expect(await read(value)).toEqual({ x: back, type })
  })

  it.each([
    [NaN, "got NaN"],
    [new Date(NaN), "got an invalid Date"],
    [{ a: 1 }, "got an object of Object"],
    [() => 1, "got a function"],
    [2n ** 63n, "too large"]
  ])("are refused when SQLite has no form for them: %o", (value, message) =>
    withClient((sql) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(sql.unsafe("SELECT 1, ?", [value]))
        expect(error.message).toContain(message)
      })
    )
  )

  it("are never cut off: text with a NUL is kept whole, or refused where Node would read it up to there", () =>
    withClient((sql) =>
      Effect.gen(function* () {
        const read = sql`SELECT ${"a\0b"} AS x`
        if (quirks().cutsTexts) expect((yield* Effect.flip(read)).message).toContain("text with a NUL")
        else expect(yield* read).toEqual([{ x: "a\0b" }])
      })
    ))

  it("are never rounded: a whole number that is not exact fails the statement, and is read as bigint where that is asked for", () =>
    withTable((sql) =>
      Effect.gen(function* () {
        const large = 2n ** 53n + 1n
        yield* sql`INSERT INTO t VALUES (1, ${large})`
        const get = sql`SELECT b FROM t`
        expect(yield* failureOf(get)).toBe("UnknownError")
        expect(yield* failureOf(Stream.runCollect(get.stream))).toBe("UnknownError")
        const exact = Effect.provideService(SqlClient.SafeIntegers, true)
        expect(yield* exact(get)).toEqual([{ b: large }])
        expect(yield* exact(get.values)).toEqual([[large]])
        expect(yield* exact(Stream.runCollect(get.stream))).toEqual([{ b: large }])
        yield* sql`UPDATE t SET b = 1`
        expect(yield* get).toEqual([{ b: 1 }])
      })
    ))
})

describe("SqliteClient's statements", () => {
  it("give rows, arrays or what was changed, prepared or not", () =>
    withTable((sql) =>
      Effect.gen(function* () {
        expect(yield* sql`INSERT INTO t VALUES (7, 8)`.raw).toEqual({ changes: 1, lastInsertRowid: 7 })
        expect(yield* sql`SELECT * FROM t`.raw).toEqual([{ a: 7, b: 8 }])
        expect(yield* sql`SELECT * FROM t`.values).toEqual([[7, 8]])
        expect(yield* sql`SELECT * FROM t`).toEqual([{ a: 7, b: 8 }])
        expect(yield* sql`SELECT * FROM t`.unprepared).toEqual([{ a: 7, b: 8 }])
        expect(yield* sql`SELECT * FROM t`.valuesUnprepared).toEqual([[7, 8]])
        expect(yield* sql`UPDATE t SET b = 9 RETURNING *`).toEqual([{ a: 7, b: 9 }])
      })
    ))

  it("say that a table has gone since they were prepared", () =>
    withTable((sql) =>
      Effect.gen(function* () {
        expect(yield* keys(sql)).toEqual([])
        yield* sql`DROP TABLE t`
        expect(yield* failureOf(keys(sql))).toBe("SqlSyntaxError SQLITE_ERROR")
      })
    ))

  it("keep a whole number as such in a column of text", () =>
    withClient((sql) =>
      Effect.gen(function* () {
        yield* sql`CREATE TABLE words (word TEXT)`
        yield* sql`INSERT INTO words VALUES (${1})`
        expect(yield* sql`SELECT * FROM words`).toEqual([{ word: "1" }])
      })
    ))

  it("see a changed table", () =>
    withTable((sql) =>
      Effect.gen(function* () {
        yield* sql`INSERT INTO t VALUES (1, 2)`
        expect(yield* sql`SELECT * FROM t`).toEqual([{ a: 1, b: 2 }])
        yield* sql`ALTER TABLE t ADD COLUMN c DEFAULT 3`
        expect(yield* sql`SELECT * FROM t`).toEqual([{ a: 1, b: 2, c: 3 }])
      })
    ))

  it.each(["INSERT INTO t VALUES (1, 1); INSERT INTO t VALUES (2, 2)", "SELECT 1; -- two\n SELECT 2", "SELECT 1;; /* ; */ x"])(
    "are refused when a second one stands behind the first: %s",
    (text) =>
      withTable((sql) =>
        Effect.gen(function* () {
          expect(yield* failureOf(sql.unsafe(text))).toBe("SqlSyntaxError")
          expect(yield* keys(sql)).toEqual([])
        })
      )
  )

  it.each(["SELECT 1 AS x;", "SELECT 1 AS x ; ; \n-- end", "SELECT 1 AS x; /* the end", " SELECT 1 AS x -- ; SELECT 2"])(
    "may end with what SQLite skips: %s",
    (text) => withClient((sql) => Effect.map(sql.unsafe(text), (rows) => expect(rows).toEqual([{ x: 1 }])))
  )
})

describe("SqliteClient's failures", () => {
  it.each([
    ["INSERT INTO u VALUES (1, 'x', 1)", "UniqueViolation SQLITE_CONSTRAINT"],
    ["INSERT INTO u VALUES (2, 'one', 1)", "UniqueViolation SQLITE_CONSTRAINT"],
    ["INSERT INTO u VALUES (2, 'x', NULL)", "ConstraintError SQLITE_CONSTRAINT"],
    ["INSERT INTO u VALUES (2, 'x', -1)", "ConstraintError SQLITE_CONSTRAINT"],
    ["INSERT INTO u VALUES (2, 'x', 9)", "ConstraintError SQLITE_CONSTRAINT"],
    ["INSERT INTO u VALUES ('a', 'x', 1)", "ConstraintError SQLITE_MISMATCH"],
    ["SELEC", "SqlSyntaxError SQLITE_ERROR"],
    ["SELECT * FROM nowhere", "SqlSyntaxError SQLITE_ERROR"],
    ["SELECT nothing FROM u", "SqlSyntaxError SQLITE_ERROR"],
    ["", "SqlSyntaxError"],
    ["SELECT zeroblob(3000000000)", "UnknownError SQLITE_TOOBIG"],
    ["COMMIT", "UnknownError SQLITE_ERROR"]
  ])("say what it was: %s", (text, expected) =>
    withClient((sql) =>
      Effect.gen(function* () {
        yield* sql`CREATE TABLE u (a INTEGER PRIMARY KEY, b TEXT UNIQUE, c INTEGER NOT NULL REFERENCES u CHECK (c > 0))`
        yield* sql`INSERT INTO u VALUES (1, 'one', 1)`
        expect(yield* failureOf(sql.unsafe(text))).toBe(expected)
      })
    )
  )

  it("carry the code, the statement and the columns", () =>
    withTable((sql) =>
      Effect.gen(function* () {
        const insert = sql`INSERT INTO t
          VALUES (${1}, ${2})`
        yield* insert
        const error = yield* Effect.flip(insert)
        expect(error.message).toBe("UNIQUE constraint failed: t.a [SQLITE_CONSTRAINT 1555]: INSERT INTO t VALUES (?, ?)")
        expect(error.reason).toMatchObject({ constraint: "t.a", operation: "execute" })
      })
    ))

  it("say that a full database is full, and leave what was there", () =>
    withTable(
      (sql) =>
        Effect.gen(function* () {
          yield* sql`INSERT INTO t VALUES (1, 1)`
          yield* sql`PRAGMA max_page_count = 8`
          expect(yield* failureOf(sql`INSERT INTO t VALUES (2, zeroblob(1000000))`)).toBe("UnknownError SQLITE_FULL")
          expect(yield* keys(sql)).toEqual([1])
        }),
      { path: newFile() }
    ))

  it("leave a file that is no database untouched", async () => {
    const path = newFile()
    const text = "this is no database\n".repeat(500)
    fs.writeFileSync(path, text)
    for (const access of ["write", "read"] as const) {
      expect(await Effect.runPromise(failureOf(scoped(() => Effect.void, { path, access })))).toBe("UnknownError SQLITE_NOTADB")
    }
    expect(fs.readFileSync(path, "utf8")).toBe(text)
    expect(fs.existsSync(`${path}-wal`) || fs.existsSync(`${path}-journal`) || fs.existsSync(`${path}-shm`)).toBe(false)
  })

  it("leave a file untouched whose first page is damaged", async () => {
    const path = newFile()
    await withTable((sql) => numbers(sql, 5000), { path, journal: "delete" })
    const bytes = fs.readFileSync(path)
    bytes.fill(0xff, 100, 2000)
    fs.writeFileSync(path, bytes)
    expect(await Effect.runPromise(failureOf(scoped(keys, { path })))).toBe("UnknownError SQLITE_CORRUPT")
    expect(fs.readFileSync(path).equals(bytes)).toBe(true)
  })

  it("say that a file cannot be opened", async () => {
    const nowhere = `${newFile()}/x.db`
    expect(await Effect.runPromise(failureOf(scoped(keys, { path: nowhere })))).toBe("ConnectionError SQLITE_CANTOPEN")
    expect(await Effect.runPromise(failureOf(scoped(keys, { path: newFile(), access: "read" })))).toBe("ConnectionError SQLITE_CANTOPEN")
  })

  it("come for whatever is asked of a closed client", async () => {
    const sql = await withClient((sql) => Effect.andThen(sql`SELECT 1`, Effect.succeed(sql)), { path: newFile() })
    const target = newFile()
    const asked = [sql`SELECT 1`, Stream.runCollect(sql`SELECT 1`.stream), sql.withTransaction(Effect.void), sql.backup(target), sql.export]
    for (const ask of asked) expect(await Effect.runPromise(failureOf<unknown>(ask))).toBe("ConnectionError")
    expect(fs.existsSync(target)).toBe(false)
  })
})

describe("SqliteClient with access read", () => {
  it("reads and streams, and refuses to write", async () => {
    const path = newFile()
    await withTable((sql) => numbers(sql, 3), { path })
    await withClient(
      (sql) =>
        Effect.gen(function* () {
          expect(yield* keys(sql)).toEqual([1, 2, 3])
          expect(yield* Stream.runCount(sql`SELECT * FROM t`.stream)).toBe(3)
          expect(yield* sql.withTransaction(keys(sql))).toEqual([1, 2, 3])
          expect(yield* failureOf(sql`DELETE FROM t`)).toBe("AuthorizationError SQLITE_READONLY")
        }),
      { path, access: "read" }
    )
  })
})

describe("SqliteClient.layer", () => {
  it("gives the client as Effect's SqlClient and as its own, one and the same", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const own = yield* SqliteClient.SqliteClient
        expect(yield* SqlClient.SqlClient).toBe(own)
        expect(own.driver).toBe("skein-sqlite")
      }).pipe(Effect.provide(SqliteClient.layer({ path: ":memory:" })))
    ))

  it("tells the Reactivity of whoever made it what has changed, when it is committed", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const reactivity = yield* Reactivity.Reactivity
        const sql = yield* SqliteClient.make({ path: ":memory:" })
        const events: Array<string> = []
        yield* sql`CREATE TABLE t (a)`
        yield* Effect.forkChild(
          Stream.runForEach(sql.reactive(["t"], sql`SELECT count(*) AS n FROM t`.values), (rows) =>
            Effect.sync(() => events.push(`${rows[0]![0]}`))
          ),
          { startImmediately: true }
        )
        yield* Effect.promise(() => until(() => events.length === 1))
        yield* sql.withTransaction(
          Effect.andThen(
            reactivity.mutation(["t"], sql`INSERT INTO t VALUES (1)`),
            Effect.sync(() => events.push("before the commit"))
          )
        )
        yield* Effect.promise(() => until(() => events.length === 2))
        yield* reactivity.mutation(["t"], sql`INSERT INTO t VALUES (2)`)
        yield* Effect.promise(() => until(() => events.includes("2")))
        expect(events[1]).toBe("before the commit")
      }).pipe(Effect.scoped, Effect.provide(Reactivity.layer))
    ))

  it("carries Effect's persisted queue: what is offered twice comes once, what fails comes again", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const queue = yield* PersistedQueue.make({ name: "jobs", schema: Schema.String })
        yield* queue.offer("one", { id: "1" })
        yield* queue.offer("one", { id: "1" })
        yield* queue.offer("two", { id: "2" })
        const seen: Array<string> = []
        yield* Effect.ignore(
          queue.take((element) =>
            Effect.andThen(
              Effect.sync(() => seen.push(element)),
              Effect.fail("again")
            )
          )
        )
        yield* queue.take((element) => Effect.sync(() => seen.push(element)))
        yield* queue.take((element) => Effect.sync(() => seen.push(element)))
        expect(seen.toSorted()).toEqual(["one", "one", "two"])
      }).pipe(
        Effect.scoped,
        Effect.provide(
          PersistedQueue.layer.pipe(Layer.provide(PersistedQueue.layerStoreSql()), Layer.provide(SqliteClient.layer({ path: newFile() })))
        )
      )
    ))

  it("carries Effect's key-value store and migrations", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const store = yield* KeyValueStore.KeyValueStore
        yield* store.set("a", "1")
        yield* store.set("a", "2")
        yield* store.set("b", new Uint8Array([1, 2]))
        expect([yield* store.get("a"), yield* store.get("c"), yield* store.size]).toEqual(["2", undefined, 2])
        expect(yield* store.getUint8Array("b")).toEqual(new Uint8Array([1, 2]))
        const sql = yield* SqlClient.SqlClient
        const run = Migrator.make({})({ loader: Migrator.fromRecord({ "0001_first": sql`CREATE TABLE first (a)` }) })
        expect(yield* run).toEqual([[1, "first"]])
        expect(yield* run).toEqual([])
      }).pipe(Effect.provide(KeyValueStore.layerSql().pipe(Layer.provideMerge(SqliteClient.layer({ path: ":memory:" })))))
    ))
})

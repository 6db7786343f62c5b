// Real here: the files, and the user that may not write to them.
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { describe, expect, it } from "vitest"
import * as sqliteFile from "../../src/internal/store/sqliteFile.ts"
import type * as schema from "../../src/internal/store/sqliteSchema.ts"
import { steps } from "../../src/internal/store/sqliteSchema.ts"
import * as sqliteStore from "../../src/internal/store/sqliteStore.ts"
import * as SqliteStore from "../../src/SqliteStore.ts"
import { live } from "../engineKit.ts"
import { around, failure, filesOf, folder, newFile, settings, withStore } from "./fixtures/storeFiles.ts"
import { ended, idsOf, owning, reasonOf, running, runOf, submitted } from "./storeKit.ts"

describe("A file that is closed and opened again", () => {
  it("has everything that was kept", async () => {
    const path = newFile()
    const whole = runOf("whole", { labels: { a: "b" }, key: "k", upstream: ["x"], description: { deep: [null] } })
    await withStore(path, (store) =>
      owning(store, (owner) =>
        Effect.andThen(
          store.request({ _tag: "Remove", id: "a" }),
          owner.append([
            { type: "submitted", run: whole },
            submitted("a"),
            running("a"),
            ended("a"),
            { type: "schedule", name: "s", state: [1] }
          ])
        )
      )
    )
    await withStore(path, (store) =>
      owning(store, (owner) =>
        Effect.gen(function* () {
          expect(owner.token).toBe(2)
          const { runs, schedules } = yield* owner.load
          expect(runs[0]).toStrictEqual(whole)
          expect(runs.map(({ state }) => state)).toEqual(["waiting", "completed"])
          expect([...schedules]).toEqual([["s", [1]]])
          expect((yield* store.requests).map(({ request }) => request)).toEqual([{ _tag: "Remove", id: "a" }])
        })
      )
    )
  })

  it("has nothing beside it but the empty file of the lock, also after it was only read", async () => {
    const path = newFile()
    await withStore(path, (store) => owning(store, (owner) => owner.append([submitted("a")])))
    await withStore(path, (store) => Effect.map(store.list(), (runs) => expect(idsOf(runs)).toEqual(["a"])), { access: "read" })
    expect(filesOf(path)).toEqual(["jobs.db", "jobs.db-owner"])
    expect(fs.statSync(`${path}-owner`).size).toBe(0)
  })

  it("gives many runs in the order of submission, in pages", async () => {
    const path = newFile()
    const ids = Array.from({ length: 2_345 }, (_, i) => `${i}`)
    await withStore(path, (store) =>
      owning(store, (owner) =>
        Effect.gen(function* () {
          yield* owner.append(ids.map((id) => submitted(id)))
          expect(idsOf((yield* owner.load).runs)).toEqual(ids)
        })
      )
    )
  })

  it.each(["a b?x=1#%25 ä.db", "-wal", "%"])("may be called %s", async (name) => {
    const path = join(dirname(newFile()), name)
    await withStore(path, (store) => owning(store, (owner) => owner.append([submitted("a")])))
    await withStore(path, (store) => Effect.map(store.list(), (runs) => expect(idsOf(runs)).toEqual(["a"])), { access: "read" })
    expect(filesOf(path)).toEqual([name, `${name}-owner`].sort())
  })
})

describe("A file that cannot be a store", () => {
  const store = async (): Promise<string> => {
    const path = newFile()
    await withStore(path, (store) => owning(store, (owner) => owner.append(Array.from({ length: 100 }, (_, i) => submitted(`${i}`)))))
    fs.rmSync(`${path}-owner`)
    return path
  }
  const database = (path: string, text: string): void => {
    const db = new DatabaseSync(path)
    db.exec(text)
    db.close()
  }

  it.each<readonly [what: string, make: () => string | Promise<string>, message: string]>([
    [
      "a newer version",
      async () => {
        const path = await store()
        database(path, "PRAGMA user_version = 99")
        return path
      },
      "has version 99, and this program knows version 1 at most"
    ],
    [
      "a database of another program",
      () => {
        const path = newFile()
        database(path, "CREATE TABLE runs (id)")
        return path
      },
      "cannot be read: it is a SQLite database of another program"
    ],
    [
      "a database of another program with a write-ahead log",
      () => {
        const path = newFile()
        database(path, "PRAGMA journal_mode = wal; PRAGMA application_id = 5; CREATE TABLE runs (id)")
        return path
      },
      "cannot be read: it is a SQLite database of another program"
    ],
    [
      "a text",
      () => {
        const path = newFile()
        fs.writeFileSync(path, "jobs: none\n".repeat(1_000))
        return path
      },
      "cannot be read: it is no database of SQLite"
    ],
    [
      "a store that was cut off",
      async () => {
        const path = await store()
        fs.truncateSync(path, 4096 * 5)
        return path
      },
      "cannot be read: it is damaged"
    ],
    [
      "a store that was cut off in its first page",
      async () => {
        const path = await store()
        fs.truncateSync(path, 50)
        return path
      },
      "cannot be read: it is damaged"
    ]
  ])("is refused and left alone: %s", async (_, make, message) => {
    const path = await make()
    const before = around(path)
    for (const access of ["write", "read"] as const) {
      expect((await failure(path, { access })).message).toBe(`job store ${JSON.stringify(path)} ${message}`)
      expect(around(path)).toEqual(before)
    }
  })

  it("is refused while the other program has it open and its tables are in the write-ahead log", async () => {
    const path = newFile()
    const db = new DatabaseSync(path)
    db.exec("PRAGMA journal_mode = wal; CREATE TABLE runs (id)")
    expect(fs.statSync(path).size).toBeLessThanOrEqual(4096)
    const log = fs.readFileSync(`${path}-wal`)
    expect((await failure(path)).message).toContain("another program")
    expect(fs.readFileSync(`${path}-wal`)).toEqual(log)
    db.close()
    expect(filesOf(path)).toEqual(["jobs.db"])
  })

  it("is refused when what it has to give was damaged further back", async () => {
    const path = await store()
    database(path, "UPDATE runs SET description = '{' WHERE id = '7'")
    await withStore(path, (store) =>
      Effect.gen(function* () {
        expect((yield* Effect.flip(store.list())).message).toContain("cannot be read: it is damaged: ")
        expect(yield* reasonOf(owning(store, (owner) => owner.load))).toBe("NotAStore")
        expect((yield* store.list({ limit: 50 })).length).toBe(50)
      })
    )
  })

  it("is not made by a reader", async () => {
    const path = newFile()
    expect((await failure(path, { access: "read" })).message).toContain("there is no such file")
    expect(filesOf(path)).toEqual([])
    fs.writeFileSync(path, "")
    expect((await failure(path, { access: "read" })).message).toContain("it is empty: open it for writing once")
    expect(around(path)).toEqual({ "jobs.db": "" })
  })

  it("is nothing that can be opened: a folder", async () => {
    expect((await failure(folder)).reason._tag).toBe("Unavailable")
  })
})

describe("A file of an older version", () => {
  const later: schema.Steps = [
    ...steps,
    ["ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT 'none'"],
    ["CREATE INDEX runs_note ON runs (note)"]
  ]
  const old = async (): Promise<string> => {
    const path = newFile()
    await withStore(path, (store) => owning(store, (owner) => owner.append([submitted("a")])))
    return path
  }
  const look = (path: string): unknown => {
    const db = new DatabaseSync(path)
    const notes = db.prepare("SELECT name FROM pragma_table_info('runs') WHERE name = 'note'").all().length
    const { user_version: version } = db.prepare("PRAGMA user_version").get() as { user_version: number }
    db.close()
    return [version, notes]
  }

  it("is brought up with all that is in it, and is newer then for the older program", async () => {
    const path = await old()
    await live(
      Effect.gen(function* () {
        const store = yield* sqliteStore.make(settings(path, later))
        expect(idsOf(yield* store.list())).toEqual(["a"])
        yield* owning(store, (owner) => owner.append([submitted("b")]))
      })
    )
    expect(look(path)).toEqual([3, 1])
    expect((await failure(path)).reason).toEqual({ _tag: "Newer", version: 3, known: 1 })
  })

  it("stays as it is when a step fails", async () => {
    const path = await old()
    const wrong: schema.Steps = [...later, ["CREATE TABLE more (a)", "CREATE TABLE runs (a)"]]
    expect(await Effect.runPromise(reasonOf(sqliteStore.make(settings(path, wrong))).pipe(Effect.scoped))).toBe("Unavailable")
    expect(look(path)).toEqual([1, 0])
    await withStore(path, (store) => Effect.map(store.list(), (runs) => expect(idsOf(runs)).toEqual(["a"])))
  })

  it("is not brought up by a reader", async () => {
    const path = await old()
    const reading = sqliteStore.make({ ...settings(path, later), access: "read" })
    const error = await Effect.runPromise(Effect.scoped(Effect.flip(reading)))
    expect(error.message).toContain("it has the older version 1: open it for writing once")
    expect(look(path)).toEqual([1, 0])
  })
})

describe("A store that cannot be written", () => {
  it("is full when there is no room: the batch is not kept, and there may be room again", async () => {
    const path = newFile()
    await live(
      Effect.gen(function* () {
        const sql = yield* sqliteFile.open(settings(path))
        const store = yield* sqliteStore.over(settings(path), sql)
        const owner = yield* store.own
        yield* owner.append([submitted("a")])
        const pages = yield* sql<{ page_count: number }>`PRAGMA page_count`
        yield* sql.unsafe(`PRAGMA max_page_count = ${pages[0]!.page_count + 5}`)
        const large = submitted("large", { description: "x".repeat(100_000) })
        expect(yield* reasonOf(owner.append([running("a"), large]))).toBe("Full")
        expect(yield* store.list()).toStrictEqual([runOf("a")])
        yield* sql`PRAGMA max_page_count = 1000`
        yield* owner.append([running("a"), large])
        expect(idsOf(yield* store.list({ state: ["running"] }))).toEqual(["a"])
      })
    )
  })

  it("may not be written by this user: it cannot be opened for writing, and is read", async () => {
    const path = newFile()
    await withStore(path, (store) => owning(store, (owner) => owner.append([submitted("a")])))
    const before = around(path)
    // Nothing is forbidden to root.
    const root = process.geteuid?.() === 0
    fs.chmodSync(path, 0o444)
    if (root) process.seteuid!(65_534)
    try {
      const error = await failure(path)
      expect([error.reason._tag, error.message.includes("readonly") || error.message.includes("unable to open")]).toEqual([
        "Unavailable",
        true
      ])
    } finally {
      if (root) process.seteuid!(0)
    }
    expect(around(path)).toEqual(before)
    await withStore(path, (store) => Effect.map(store.list(), (runs) => expect(idsOf(runs)).toEqual(["a"])), { access: "read" })
  })

  it("was opened for reading: it cannot be owned, and takes no request", async () => {
    const path = newFile()
    await withStore(path, () => Effect.void)
    await withStore(
      path,
      (store) =>
        Effect.gen(function* () {
          expect((yield* Effect.flip(store.own)).message).toContain("it was opened for reading")
          expect((yield* Effect.flip(store.request({ _tag: "Remove", id: "a" }))).message).toContain("it was opened for reading")
          expect(filesOf(path)).not.toContain("jobs.db-owner")
        }),
      { access: "read" }
    )
  })

  it("was closed: nothing can be asked any more", async () => {
    const path = newFile()
    const scope = Scope.makeUnsafe()
    const store = await Effect.runPromise(Scope.provide(SqliteStore.make({ path }), scope))
    await Effect.runPromise(Scope.close(scope, Exit.void))
    expect(await Effect.runPromise(Effect.scoped(reasonOf(store.list())))).toBe("Unavailable")
    expect(await Effect.runPromise(Effect.scoped(reasonOf(store.own)))).toBe("Unavailable")
  })
})

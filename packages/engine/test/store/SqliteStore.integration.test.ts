// Real here: the files, the locks of the operating system on them, the users that may not write, and the processes that share them and are killed. The full size runs with SKEIN_SOAK=1.
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import * as sqliteFile from "../../src/internal/store/sqliteFile.ts"
import * as schema from "../../src/internal/store/sqliteSchema.ts"
import * as sqliteStore from "../../src/internal/store/sqliteStore.ts"
import type * as JobStore from "../../src/JobStore.ts"
import * as SqliteStore from "../../src/SqliteStore.ts"
import { live } from "../engineKit.ts"
import { after } from "./fixtures/batches.ts"
import { ended, idsOf, owning, reasonOf, running, runOf, submitted } from "./storeKit.ts"

const soak = process.env["SKEIN_SOAK"] === "1"

const folder = fs.mkdtempSync(join(tmpdir(), "skein-store-test-"))
fs.chmodSync(folder, 0o755)
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

/** A file that is not there yet, in a folder of its own. */
const newFile = (): string => join(fs.mkdtempSync(join(folder, "f-")), "jobs.db")

/** All files beside one, with what is in them. */
const around = (path: string): Readonly<Record<string, string>> =>
  Object.fromEntries(fs.readdirSync(dirname(path)).map((name) => [name, fs.readFileSync(join(dirname(path), name), "base64")]))

const filesOf = (path: string): ReadonlyArray<string> => fs.readdirSync(dirname(path)).sort()

const withStore = <A>(
  path: string,
  use: (store: JobStore.JobStore) => Effect.Effect<A, unknown, Scope.Scope>,
  options: Partial<SqliteStore.Options> = {}
): Promise<A> => live(Effect.flatMap(SqliteStore.make({ path, ...options }), use))

const failure = (path: string, options: Partial<SqliteStore.Options> = {}): Promise<JobStore.StoreError> =>
  Effect.runPromise(Effect.flip(Effect.scoped(SqliteStore.make({ path, ...options }))))

const settings = (path: string, steps = schema.steps): sqliteFile.Settings => ({
  path,
  access: "write",
  synchronous: "normal",
  busyMillis: 10_000,
  steps
})

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
}

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
  const program = fileURLToPath(new URL("fixtures/storeProgram.ts", import.meta.url))
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

/** The same moments in every run (mulberry32, Tommy Ettinger). */
const random = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

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
    ...schema.steps,
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

describe("A file that several have open", () => {
  it("has one owner among the handles of a process, by whatever name they know it", async () => {
    const path = newFile()
    const link = join(dirname(path), "link.db")
    await withStore(path, (first) => {
      fs.symlinkSync(basename(path), link)
      return Effect.gen(function* () {
        const second = yield* SqliteStore.make({ path: link })
        const reader = yield* SqliteStore.make({ path: link, access: "read" })
        yield* owning(first, () =>
          Effect.gen(function* () {
            expect(yield* reasonOf(second.own)).toBe("Owned")
            expect([yield* first.isOwned, yield* second.isOwned, yield* reader.isOwned]).toEqual([true, true, true])
            expect(filesOf(path)).toEqual(["jobs.db", "jobs.db-owner", "jobs.db-shm", "jobs.db-wal", "link.db"])
          })
        )
        expect(yield* reader.isOwned).toBe(false)
        yield* owning(second, ({ token }) => Effect.sync(() => expect(token).toBe(2)))
      })
    })
  })

  it("is taken in the scope in which that failed before, once the owner has gone", async () => {
    const path = newFile()
    await withStore(path, (store) =>
      Effect.gen(function* () {
        const db = new DatabaseSync(path)
        db.exec("DROP TABLE meta")
        expect(yield* reasonOf(store.own)).toBe("Unavailable")
        expect(yield* store.isOwned).toBe(false)
        db.exec("CREATE TABLE meta (name, value); INSERT INTO meta VALUES ('token', 4)")
        db.close()
        expect((yield* store.own).token).toBe(5)
      })
    )
  })

  it("is lost for an owner whose lock file was removed, when another takes it", async () => {
    const path = newFile()
    await withStore(path, (store) =>
      owning(store, (owner) =>
        Effect.gen(function* () {
          yield* owner.append([submitted("a")])
          fs.rmSync(`${path}-owner`)
          const other = yield* SqliteStore.make({ path })
          const taken = yield* other.own
          expect(yield* reasonOf(owner.append([submitted("b")]))).toBe("Fenced")
          yield* taken.append([submitted("c")])
          expect(idsOf(yield* store.list())).toEqual(["a", "c"])
        })
      )
    )
  })

  it("can be taken however often somebody asks whether it is owned", async () => {
    const path = newFile()
    await withStore(path, (store) =>
      Effect.gen(function* () {
        const asking = yield* Effect.forkChild(Effect.forever(Effect.andThen(store.isOwned, Effect.yieldNow)))
        for (let i = 1; i <= 50; i++) yield* owning(store, ({ token }) => Effect.sync(() => expect(token).toBe(i)))
        expect(asking.pollUnsafe()).toBe(undefined)
      })
    )
  })

  it("tells who watches of what another handle has written", async () => {
    const path = newFile()
    await withStore(path, (store) =>
      Effect.gen(function* () {
        const other = yield* SqliteStore.make({ path })
        const told: Array<string> = []
        yield* store.watch((changed) => told.push(changed))
        yield* other.request({ _tag: "Remove", id: "a" })
        yield* Effect.promise(() => until(() => told.length > 0))
        expect(told).toEqual(["unknown"])
      })
    )
  })

  it("is asked ten times a second however many watch, and never while nobody does", async () => {
    const path = newFile()
    await live(
      Effect.gen(function* () {
        const sql = yield* sqliteFile.open(settings(path))
        let asked = 0
        const counting = new Proxy(sql, { apply: (target, self, args) => (asked++, Reflect.apply(target, self, args)) })
        const store = yield* sqliteStore.over(settings(path), counting)
        const inSecond = Effect.suspend(() => {
          asked = 0
          return Effect.map(TestClock.adjust("1 second"), () => asked)
        })
        expect(yield* inSecond).toBe(0)
        for (let round = 0; round < 2; round++) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* store.watch(() => {})
              yield* Effect.scoped(
                Effect.andThen(
                  store.watch(() => {}),
                  store.watch(() => {})
                )
              )
              expect(yield* inSecond).toBe(10)
            })
          )
          expect(yield* inSecond).toBe(0)
        }
      }).pipe(Effect.provide(TestClock.layer()))
    )
  })

  it("is made once by processes that open it at the same time", async () => {
    const path = newFile()
    const all = Array.from({ length: 4 }, () => start("open", path))
    await until(() => all.every(({ lines }) => lines().length === 1))
    for (const { child } of all) child.stdin!.end()
    expect(await Promise.all(all.map(({ ended }) => ended))).toEqual([0, 0, 0, 0])
    // When two close it at the same moment, each may leave the log to the other.
    await withStore(path, (store) => Effect.map(store.list(), (runs) => expect(runs).toEqual([])))
    expect(filesOf(path)).toEqual(["jobs.db"])
  })

  it("shows a request of another process to who watches", async () => {
    const path = newFile()
    await withStore(path, (store) =>
      Effect.gen(function* () {
        const told: Array<string> = []
        yield* store.watch((changed) => told.push(changed))
        const other = start("request", path)
        yield* Effect.promise(() => until(() => told.length > 0))
        expect(told[0]).toBe("unknown")
        const requests = yield* store.requests
        expect(requests.map(({ request }) => request)).toEqual([{ _tag: "Remove", id: "a" }])
        expect(yield* Effect.promise(() => other.ended)).toBe(0)
        expect(other.lines()).toEqual([`${requests[0]!.number}`])
      })
    )
  })
})

describe("Owners that are killed", () => {
  it("never have the store at the same time, and the next takes it over at once, with a larger token", async () => {
    const path = newFile()
    const next = random(1)
    await withStore(path, (store) =>
      Effect.gen(function* () {
        let last = 0
        for (let round = 0; round < (soak ? 100 : 20); round++) {
          const owner = start("own", path)
          yield* Effect.promise(() => until(() => owner.lines().length > 0))
          const token = Number(owner.lines()[0])
          expect(token).toBeGreaterThan(last)
          expect(yield* reasonOf(store.own)).toBe("Owned")
          expect(yield* store.isOwned).toBe(true)
          yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, next() * 20)))
          owner.child.kill("SIGKILL")
          yield* Effect.promise(() => owner.ended)
          last = yield* owning(store, ({ token }) => Effect.succeed(token))
          expect(last).toBe(token + 1)
        }
      })
    )
    expect(filesOf(path)).toEqual(["jobs.db", "jobs.db-owner"])
  })

  it("are one at a time where several want it at once", async () => {
    const path = newFile()
    await withStore(path, () => Effect.void)
    for (let round = 0; round < 3; round++) {
      const all = Array.from({ length: 3 }, () => start("own", path))
      const outcomes = all.map(({ ended }) => ended)
      // So end those that do not get it.
      let failed = 0
      for (const outcome of outcomes) void outcome.then((code) => (failed += code === 3 ? 1 : 0))
      await until(() => failed === 2)
      const owners = all.filter(({ lines }) => lines().length > 0)
      expect(owners.length).toBe(1)
      owners[0]!.child.kill("SIGKILL")
      await Promise.all(outcomes)
    }
  })

  it.each(Array.from({ length: soak ? 200 : 10 }, (_, seed) => seed))(
    "at moment %i of their appends leave whole batches, with all that was kept",
    async (seed) => {
      const next = random(seed)
      const path = newFile()
      const writer = start("append", path)
      const enough = 1 + Math.floor(next() * 100)
      await until(() => writer.lines().length >= enough)
      await new Promise((resolve) => setTimeout(resolve, next() * 10))
      writer.child.kill("SIGKILL")
      await writer.ended
      const told = writer.lines().length - 1

      await withStore(path, (store) =>
        owning(store, (owner) =>
          Effect.gen(function* () {
            const { runs, schedules } = yield* owner.load
            const last = schedules.get("last") as number
            // One more may have been kept and not told.
            expect([told, told + 1]).toContain(last)
            expect(runs.map(({ id, state }) => `${id} ${state}`)).toEqual(after(last))
            expect(idsOf(yield* store.list({ labels: { batch: `${last}` } })).length).toBe(20)
            expect(yield* store.list({ labels: { batch: `${last - 2}` } })).toEqual([])
          })
        )
      )
      const db = new DatabaseSync(path)
      expect(db.prepare("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }])
      expect(db.prepare("SELECT count(*) AS n FROM labels").get()).toEqual({ n: after(9).length })
      db.close()
    }
  )

  it("leave a write-ahead log that is believed, also where the file alone is damaged", async () => {
    const path = newFile()
    expect(await start("crash", path).ended).toBe(null)
    expect(filesOf(path)).toContain("jobs.db-wal")
    // As after a kill in the middle of moving the log into the file: the first page is there, which counts pages that are not.
    const copy = newFile()
    fs.copyFileSync(path, copy)
    fs.copyFileSync(`${path}-wal`, `${copy}-wal`)
    const db = new DatabaseSync(copy)
    db.exec("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    fs.writeFileSync(path, fs.readFileSync(copy).subarray(0, 4096))

    await withStore(path, (store) =>
      owning(store, (owner) =>
        Effect.map(owner.load, ({ runs }) => expect(runs.map(({ id, state }) => `${id} ${state}`)).toEqual(after(2)))
      )
    )
  })
})

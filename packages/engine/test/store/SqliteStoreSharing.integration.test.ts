// Real here: the files, the locks of the operating system on them, and the processes that share them and are killed. The full size runs with SKEIN_SOAK=1.
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as fs from "node:fs"
import { basename, dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { describe, expect, it } from "vitest"
import * as sqliteFile from "../../src/internal/store/sqliteFile.ts"
import * as sqliteStore from "../../src/internal/store/sqliteStore.ts"
import * as SqliteStore from "../../src/SqliteStore.ts"
import { live } from "../engineKit.ts"
import { after } from "./fixtures/batches.ts"
import { filesOf, newFile, settings, start, until, withStore } from "./fixtures/storeFiles.ts"
import { idsOf, owning, reasonOf, submitted } from "./storeKit.ts"

const soak = process.env["SKEIN_SOAK"] === "1"

/** The same moments in every run (mulberry32, Tommy Ettinger). */
const random = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

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

  it("is taken while somebody asks whether it is owned, who holds the lock for a moment", async () => {
    const path = newFile()
    await withStore(path, (store) =>
      Effect.gen(function* () {
        yield* owning(store, () => Effect.void)
        const asking = new DatabaseSync(`${path}-owner`)
        asking.exec("BEGIN; SELECT * FROM sqlite_schema")
        setTimeout(() => asking.close(), 50)
        expect((yield* store.own).token).toBe(2)
        expect(asking.isOpen).toBe(false)
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

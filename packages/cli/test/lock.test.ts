import * as fs from "node:fs"
import { basename, dirname } from "node:path"
import { describe, expect, it } from "vitest"
import * as lock from "../src/lock.ts"
import { scratch } from "./fixtures/scratch.ts"

const path = scratch()

const mine = (at: string): Extract<lock.Taken, { readonly _tag: "Mine" }> => {
  const taken = lock.take(at)
  if (taken._tag === "Mine") return taken
  throw new Error("it is held")
}

const beside = (at: string): ReadonlyArray<string> => fs.readdirSync(dirname(at)).filter((name) => name.startsWith(basename(at)))

const owner = (fields: Partial<lock.Owner>): string => {
  const at = path("lock")
  mine(at)
  const now = JSON.parse(fs.readFileSync(at, "utf8")) as lock.Owner
  fs.writeFileSync(at, JSON.stringify({ ...now, token: "token", ...fields }))
  return at
}

/** Above what Linux gives out, by its largest `pid_max`. */
const nobody = 4_194_305

describe("lock.take", () => {
  it("gives it to one, and to the next when that one is done", () => {
    const at = path("lock")
    const first = mine(at)
    expect(lock.take(at)).toMatchObject({ _tag: "Held", by: { pid: process.pid } })
    first.release()
    expect(beside(at)).toEqual([])
    expect(mine(at).from).toBeUndefined()
  })

  it("takes over what a dead process left, and says from whom", () => {
    const at = owner({ pid: nobody })
    const taken = mine(at)
    expect(taken.from?.pid).toBe(nobody)
    expect(lock.take(at)._tag).toBe("Held")
    taken.release()
    expect(beside(at)).toEqual([])
  })

  it("takes over what a dead process left whose number another one has now", () => {
    expect(lock.take(owner({ began: "1" }))._tag).toBe("Mine")
  })

  it("leaves what a process on another machine has", () => {
    expect(lock.take(owner({ pid: nobody, host: "elsewhere" }))._tag).toBe("Held")
  })

  it("leaves a lock file that is none of ours", () => {
    const at = path("lock")
    fs.writeFileSync(at, "4711\n")
    expect(lock.take(at)).toEqual({ _tag: "Held", by: undefined })
    expect(fs.readFileSync(at, "utf8")).toBe("4711\n")
  })

  it("takes over although another process died while it was taking over", () => {
    const at = owner({ pid: nobody })
    fs.copyFileSync(owner({ pid: nobody, token: "other" }), `${at}.token`)
    expect(lock.take(at)._tag).toBe("Mine")
    expect(beside(at)).toEqual([basename(at)])
  })

  it("does not remove the lock of another when it is released late", () => {
    const at = path("lock")
    const first = mine(at)
    fs.rmSync(at)
    mine(at)
    first.release()
    expect(lock.take(at)._tag).toBe("Held")
  })
})

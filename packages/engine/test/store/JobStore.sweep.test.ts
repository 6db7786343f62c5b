import { Simulator } from "@skein/core/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { afterAll, describe, expect, it } from "vitest"
import * as JobStore from "../../src/JobStore.ts"
import * as SqliteStore from "../../src/SqliteStore.ts"
import { idsOf, owning, running, submitted } from "./storeKit.ts"

const scope = Scope.makeUnsafe()
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

const stores = [
  { kind: "in this process", store: JobStore.memory() },
  { kind: "of SQLite", store: await Effect.runPromise(Scope.provide(SqliteStore.make({ path: ":memory:" }), scope)) }
]

describe.each(stores)("A job store $kind, wherever its user is interrupted,", ({ store }) => {
  const sweep = async (program: () => Effect.Effect<unknown, unknown>, after: (run: Simulator.Run<unknown, unknown>) => void) => {
    const swept = await Simulator.sweep(() => Effect.exit(program()), { seeds: 1, after: (run) => after(run as never) })
    expect(swept.interrupted.main).toBeGreaterThan(0)
    expect(swept.every).toBe(1)
  }
  const emptied = (): ReadonlyArray<string> => {
    const runs = Effect.runSync(store.list())
    Effect.runSync(owning(store, (owner) => owner.append(runs.map(({ id }) => ({ type: "removed", id })))))
    return runs.map(({ id, state }) => `${id} ${state}`)
  }

  it("is free again, and has whole appends only", async () => {
    const seen = new Set<string>()
    await sweep(
      () =>
        owning(store, (owner) =>
          Effect.andThen(owner.append([submitted("a"), submitted("b")]), owner.append([running("a"), running("b"), submitted("c")]))
        ),
      () => {
        expect(Effect.runSync(store.isOwned)).toBe(false)
        seen.add(emptied().join(", "))
      }
    )
    expect([...seen].sort()).toEqual(["", "a running, b running, c waiting", "a waiting, b waiting"])
  })

  it("has an owner or none when two want it at once, and is free after both", async () => {
    await sweep(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const take = Effect.exit(
            owning(store, () =>
              Effect.acquireUseRelease(
                Effect.sync(() => log.push("+")),
                () => Effect.yieldNow,
                () => Effect.sync(() => log.push("-"))
              )
            )
          )
          const one = yield* Effect.forkChild(take)
          yield* take
          yield* Fiber.join(one)
          expect(["+-", "+-+-"]).toContain(log.join(""))
        }),
      () => expect(Effect.runSync(store.isOwned)).toBe(false)
    )
  })

  it("tells nobody who has left", async () => {
    let told = 0
    await sweep(
      () =>
        Effect.scoped(
          Effect.andThen(
            store.watch(() => void told++),
            Effect.yieldNow
          )
        ),
      () => {
        told = 0
        Effect.runSync(owning(store, (owner) => owner.append([submitted("a")])))
        expect(told).toBe(0)
        expect(idsOf(Effect.runSync(store.list()))).toEqual(["a"])
        emptied()
      }
    )
  })
})

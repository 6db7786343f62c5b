import { Simulator } from "@skein/core/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { describe, expect, it } from "vitest"
import * as Condition from "../src/Condition.ts"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import { flaky } from "./engineKit.ts"

// Set by `pnpm soak`: the same suite at full size.
const soak = process.env["SKEIN_SOAK"] === "1"
const patience = soak ? 3_600_000 : 60_000

/** What a run of a program under test leaves behind for its checks. */
class State {
  engine: Engine.Engine | undefined
  running = 0
  peak = 0
  closed = false
  startedAfterClose = 0
  /** How often each run was told to have ended. */
  readonly ends = new Map<string, number>()

  /** Makes the engine under test in a scope, and notes when that is closed. */
  within(
    options: Engine.Options,
    body: (engine: Engine.Engine) => Effect.Effect<unknown, unknown, Scope.Scope>
  ): Effect.Effect<unknown, unknown> {
    const program = Effect.gen({ self: this }, function* () {
      const onChange = (run: Job.Run): void => {
        if (run.state._tag === "Ended") this.ends.set(run.id, (this.ends.get(run.id) ?? 0) + 1)
      }
      const engine = yield* Engine.make({ ...options, onChange })
      this.engine = engine
      return yield* body(engine)
    })
    return Effect.ensuring(
      Effect.scoped(program),
      Effect.sync(() => (this.closed = true))
    )
  }

  /** Work that takes something and gives it back, in several steps. */
  work(millis: number): Effect.Effect<number> {
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        if (this.closed) this.startedAfterClose++
        this.peak = Math.max(this.peak, ++this.running)
      }),
      () => Effect.as(Effect.andThen(Effect.yieldNow, Effect.sleep(millis)), millis),
      () =>
        Effect.andThen(
          Effect.yieldNow,
          Effect.sync(() => this.running--)
        )
    )
  }
}

const programs: Record<string, { readonly bound: number; readonly run: (state: State) => Effect.Effect<unknown, unknown> }> = {
  "a graph under a limit": {
    bound: 2,
    run: (state) =>
      state.within({ limits: { jobs: 2 } }, (engine) =>
        Effect.gen(function* () {
          const a = Job.make("a", { run: state.work(2) })
          const b = Job.make("b", { input: Job.result(a), run: (n) => state.work(n) })
          const c = Job.make("c", { after: Job.afterAny([a, b]), run: Effect.andThen(state.work(1), Effect.fail("no")) })
          const d = Job.make("d", { after: [b, c], run: state.work(1) })
          const handles = yield* engine.submitAll([a, b, c, d])
          return yield* handles[3].await
        })
      )
  },
  "retries and time limits": {
    bound: 1,
    run: (state) =>
      state.within({ limits: { jobs: 1 }, grace: 5 }, (engine) =>
        Effect.gen(function* () {
          const retry = { times: 2, schedule: Schedule.spaced(2) }
          yield* engine.submit(Job.make("a", { retry, run: Effect.andThen(state.work(1), flaky(1)) }))
          yield* engine.submit(Job.make("b", { retry, attemptTimeout: 2, timeout: 5, run: state.work(100) }))
          yield* engine.submit(Job.make("c", { queueTimeout: 3, run: state.work(1) }))
          yield* engine.awaitIdle
        })
      )
  },
  "cancels and reruns": {
    bound: 2,
    run: (state) =>
      state.within({ limits: { jobs: 2 } }, (engine) =>
        Effect.gen(function* () {
          const a = Job.make("a", { run: state.work(5) })
          const b = Job.make("b", { after: a, run: state.work(1) })
          const handles = yield* engine.submitAll([a, b])
          yield* Effect.sleep(1)
          yield* handles[0].cancel("no")
          const again = yield* engine.rerun(handles[0])
          const last = yield* engine.rerun(handles[1])
          yield* Effect.sleep(1)
          yield* engine.cancel({ name: "a" })
          yield* again.await
          yield* last.await
        })
      )
  },
  "waits inside jobs": {
    bound: 1,
    run: (state) =>
      state.within({ limits: { jobs: 1 } }, (engine) =>
        Effect.gen(function* () {
          const child = Job.make("child", { run: state.work(3) })
          const parent = yield* engine.submit(
            Job.make("parent", {
              run: Effect.gen(function* () {
                yield* state.work(1)
                const handle = yield* engine.submit(child)
                yield* Effect.timeoutOption(handle.await, 1)
                yield* state.work(1)
                return yield* handle.await
              })
            })
          )
          yield* parent.await
        })
      )
  },
  "conditions and a resize": {
    bound: 2,
    run: (state) =>
      state.within({ limits: { jobs: 1 } }, (engine) =>
        Effect.gen(function* () {
          const ref = yield* SubscriptionRef.make(false)
          yield* engine.submit(Job.make("a", { when: Condition.ref(ref, (on) => on), run: state.work(2) }))
          yield* engine.submit(Job.make("b", { when: Condition.after(3), run: state.work(2) }))
          yield* engine.submit(Job.make("never", { when: Condition.after(1_000), run: state.work(2) }))
          yield* SubscriptionRef.set(ref, true)
          yield* engine.resize({ jobs: 2 })
          yield* engine.awaitState("a#1", "ended", { within: 4 })
        })
      )
  },
  "a close that drains": {
    bound: 1,
    run: (state) =>
      state.within({ limits: { jobs: 1 }, onClose: "drain" }, (engine) =>
        Effect.gen(function* () {
          const a = Job.make("a", { run: state.work(2) })
          yield* engine.submitAll([a, Job.make("b", { after: a, run: state.work(1) })])
        })
      )
  }
}

describe("an engine that is interrupted at any step", () => {
  for (const [name, { bound, run }] of Object.entries(programs)) {
    it(
      `leaves nothing behind of ${name}`,
      async () => {
        let state = new State()
        const ways = new Set<string>()
        const sweep = await Simulator.sweep(
          () => {
            state = new State()
            return run(state)
          },
          {
            seeds: soak ? 40 : 2,
            maxRuns: soak ? 20_000 : 1_500,
            after: (result) => {
              expect(state.running).toBe(0)
              expect(state.startedAfterClose).toBe(0)
              expect(state.peak).toBeLessThanOrEqual(bound)
              if (state.engine === undefined) return
              ways.add(result.exit !== undefined && Exit.isSuccess(result.exit) ? "ended" : "interrupted")
              const runs = Effect.runSync(state.engine.list())
              const { limits } = Effect.runSync(state.engine.stats)
              expect(limits["jobs"]!.used).toBe(0)
              for (const { id, state: stands } of runs) {
                expect(stands._tag).toBe("Ended")
                expect(state.ends.get(id)).toBe(1)
              }
            }
          }
        )
        expect(sweep.runs).toBeGreaterThan(50)
        expect(ways).toContain("interrupted")
      },
      patience
    )
  }
})

import { Simulator } from "@skein/core/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { describe, expect, it } from "vitest"
import * as Condition from "../src/Condition.ts"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import * as JobSchedule from "../src/JobSchedule.ts"
import * as Sentinel from "../src/Sentinel.ts"
import { memory } from "./JobScheduleKit.ts"

// Set by `pnpm soak`: the same suite at full size.
const soak = process.env["SKEIN_SOAK"] === "1"
const patience = soak ? 3_600_000 : 60_000

interface State {
  engine: Engine.Engine | undefined
  status: (() => JobSchedule.Status) | undefined
  running: number
  peak: number
  closed: boolean
  startedAfterClose: number
}

const work = (state: State, millis: number): Job.Job<void> =>
  Job.make("work", {
    run: Effect.acquireUseRelease(
      Effect.sync(() => {
        if (state.closed) state.startedAfterClose++
        state.peak = Math.max(state.peak, ++state.running)
      }),
      () => Effect.sleep(millis),
      () =>
        Effect.andThen(
          Effect.yieldNow,
          Effect.sync(() => void state.running--)
        )
    )
  })

type Body = (engine: Engine.Engine, state: State) => Effect.Effect<unknown, unknown, never>

const scheduled =
  (
    options: Partial<JobSchedule.Options<void>>,
    millis: number,
    body: (handle: JobSchedule.Handle<void>) => Effect.Effect<unknown, unknown>
  ): Body =>
  (engine, state) =>
    Effect.scoped(
      Effect.gen(function* () {
        const all = { every: 10, job: () => work(state, millis), ...options } as JobSchedule.Options<void>
        const handle = yield* JobSchedule.start(engine, JobSchedule.make("s", all), { memory: memory() })
        state.status = () => handle.status
        yield* body(handle)
      })
    )

const programs: Record<string, { readonly bound: number; readonly run: Body }> = {
  "a schedule that skips, to its end": { bound: 1, run: scheduled({ runs: 3 }, 15, (handle) => handle.await) },
  "a schedule that queues, and is stopped": {
    bound: 1,
    run: scheduled({ overlap: "queue" }, 15, (handle) => Effect.andThen(Effect.sleep(27), handle.stop()))
  },
  "a schedule that cancels, and is stopped hard": {
    bound: 1,
    run: scheduled({ overlap: "cancel" }, 15, (handle) => Effect.andThen(Effect.sleep(27), handle.stop({ running: "interrupt" })))
  },
  "a schedule that is paused, triggered and resumed": {
    bound: 3,
    run: scheduled({ overlap: { allow: 2 } }, 5, (handle) =>
      Effect.gen(function* () {
        yield* handle.pause
        yield* handle.trigger
        yield* Effect.sleep(15)
        yield* handle.resume
        yield* Effect.sleep(10)
      })
    )
  },
  "a sentinel": {
    bound: 1,
    run: (engine, state) =>
      Effect.scoped(
        Effect.gen(function* () {
          const ref = yield* SubscriptionRef.make(0)
          const handle = yield* Sentinel.start(
            engine,
            Sentinel.make("s", { when: Condition.ref(ref, (n) => n % 2 === 1), job: work(state, 15), overlap: "queue", runs: 2 })
          )
          state.status = () => handle.status
          for (let i = 1; i < 4; i++) {
            yield* SubscriptionRef.set(ref, i)
            yield* Effect.sleep(4)
          }
          yield* handle.await
        })
      )
  }
}

describe("a schedule or sentinel that is interrupted at any step", () => {
  for (const [name, { bound, run }] of Object.entries(programs)) {
    it(
      `leaves nothing behind: ${name}`,
      async () => {
        const fresh = (): State => ({ engine: undefined, status: undefined, running: 0, peak: 0, closed: false, startedAfterClose: 0 })
        let state = fresh()
        const ways = new Set<string>()
        const sweep = await Simulator.sweep(
          () => {
            const mine = (state = fresh())
            const program = Effect.flatMap(Engine.make(), (engine) => {
              mine.engine = engine
              // What the scope of a schedule leaves behind is the engine's.
              const idle = Effect.andThen(
                Effect.sync(() => void (mine.closed = true)),
                engine.awaitIdle
              )
              return Effect.ensuring(run(engine, mine), idle)
            })
            return Effect.scoped(program)
          },
          {
            seeds: soak ? 40 : 2,
            maxRuns: soak ? 20_000 : 600,
            after: (result) => {
              expect(state.running).toBe(0)
              expect(state.peak).toBeLessThanOrEqual(bound)
              if (state.engine === undefined || state.status === undefined) return
              ways.add(result.exit !== undefined && Exit.isSuccess(result.exit) ? "ended" : "interrupted")
              const status = state.status()
              expect(status.state).toBe("ended")
              expect(status.running).toEqual([])
              for (const job of Effect.runSync(state.engine.list())) expect(job.state._tag).toBe("Ended")
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

import { Simulator } from "@skein/core/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import * as Engine from "../src/Engine.ts"
import * as EngineStream from "../src/EngineStream.ts"
import * as Job from "../src/Job.ts"
import * as StreamJob from "../src/StreamJob.ts"

// Set by `pnpm soak`: the same suite at full size.
const soak = process.env["SKEIN_SOAK"] === "1"
const patience = soak ? 3_600_000 : 60_000

/** What observers leave in an engine and in its runs while they watch. */
interface Watched {
  readonly core: { readonly listeners: Set<unknown> }
}
const watchersOf = (engine: Engine.Engine, handles: ReadonlyArray<Job.Handle<unknown, unknown>>): number =>
  handles.reduce(
    (n, handle) => {
      const { listeners, waiters } = handle as unknown as { readonly listeners?: Set<unknown>; readonly waiters?: Set<unknown> }
      return n + (listeners?.size ?? 0) + (waiters?.size ?? 0)
    },
    (engine as unknown as Watched).core.listeners.size
  )

class State {
  engine: Engine.Engine | undefined
  running = 0
  peak = 0
  /** What was still there when the fiber under test had ended and the engine went on. */
  left = 0
  readonly ways = new Set<string>()

  readonly work = Effect.acquireUseRelease(
    Effect.sync(() => {
      this.peak = Math.max(this.peak, ++this.running)
    }),
    () => Effect.sleep(1),
    () =>
      Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => this.running--)
      )
  )

  elements(n: number): Stream.Stream<number> {
    return Stream.fromIterable(Array.from({ length: n }, (_, i) => i)).pipe(
      Stream.rechunk(1),
      Stream.tap(() => this.work)
    )
  }

  within(body: (engine: Engine.Engine) => Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> {
    return Effect.scoped(
      Effect.flatMap(Engine.make({ limits: { jobs: 1 } }), (engine) => {
        this.engine = engine
        return body(engine)
      })
    )
  }

  /** Waits for a fiber that may be interrupted while the engine goes on. */
  child<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const fiber = yield* Effect.forkChild(effect)
      const exit = yield* Fiber.await(fiber)
      this.ways.add(Exit.isSuccess(exit) ? "ended" : "interrupted")
    })
  }
}

const programs: Record<string, (state: State) => Effect.Effect<unknown, unknown>> = {
  "a reader and the job that it reads": (state) =>
    state.within((engine) =>
      Effect.gen(function* () {
        const { job, stream } = yield* StreamJob.submit(engine, StreamJob.make("job", { run: state.elements(4), buffer: 1 }))
        yield* state.child(Stream.runDrain(stream))
        yield* job.await
      })
    ),
  "a job that reads and sends to another one": (state) =>
    state.within((engine) =>
      Effect.gen(function* () {
        const echo = StreamJob.make("echo", {
          run: (inbox: StreamJob.Inbox<number>) => Stream.tap(inbox.stream, () => state.work),
          buffer: 1,
          inbox: 1
        })
        const parent = yield* engine.submit(
          Job.make("parent", {
            run: Effect.gen(function* () {
              const { endInbox, send, stream } = yield* StreamJob.submit(engine, echo)
              const sender = Effect.andThen(Effect.forEach([1, 2, 3], send), endInbox)
              const reader = Stream.runDrain(Stream.tap(stream, () => Effect.yieldNow))
              yield* Effect.all([sender, reader], { concurrency: 2 })
            })
          })
        )
        yield* parent.await
        yield* engine.cancel({ name: "echo" })
      })
    ),
  "a reader of states": (state) =>
    state.within((engine) =>
      Effect.gen(function* () {
        const handle = yield* engine.submit(Job.make("job", { run: state.work }))
        yield* state.child(Stream.runDrain(EngineStream.ofJob(handle)))
        state.left += watchersOf(engine, [handle])
        yield* handle.await
      })
    ),
  "a reader of ends": (state) =>
    state.within((engine) =>
      Effect.gen(function* () {
        const handles = yield* engine.submitAll([1, 2, 3].map((n) => Job.make(String(n), { run: state.work })))
        yield* state.child(Stream.runDrain(EngineStream.outcomes(handles)))
        state.left += watchersOf(engine, handles)
        yield* engine.awaitIdle
      })
    ),
  "a reader of changes": (state) =>
    state.within((engine) =>
      Effect.gen(function* () {
        yield* engine.submitAll([1, 2].map((n) => Job.make(String(n), { run: state.work })))
        yield* state.child(
          EngineStream.changes(engine, { from: "start" }).pipe(
            Stream.takeUntil((run) => run.name === "2" && run.state._tag === "Ended"),
            Stream.runDrain
          )
        )
        state.left += watchersOf(engine, [])
        yield* engine.awaitIdle
      })
    )
}

describe("streams that are interrupted at any step", () => {
  for (const [name, run] of Object.entries(programs)) {
    it(
      `leave nothing behind of ${name}`,
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
              expect(state.peak).toBeLessThanOrEqual(1)
              expect(state.left).toBe(0)
              ways.add(result.exit !== undefined && Exit.isSuccess(result.exit) ? "ended" : "interrupted")
              for (const way of state.ways) ways.add(way)
              if (state.engine === undefined) return
              for (const { state: stands } of Effect.runSync(state.engine.list())) expect(stands._tag).toBe("Ended")
              expect(Effect.runSync(state.engine.stats).limits["jobs"]!.used).toBe(0)
            }
          }
        )
        expect(sweep.runs).toBeGreaterThan(50)
        expect([...ways].toSorted()).toEqual(["ended", "interrupted"])
      },
      patience
    )
  }
})

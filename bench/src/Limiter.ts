/**
 * Measures a `Limiter` with many fibers waiting for it, against the same fibers without any bound, a naive limiter of some 15 lines, and Effect's `Semaphore` and
 * `PartitionedSemaphore`.
 *
 * Each fiber asks for one of 16 permits, suspends once while it holds it, and gives it back. All fibers are started before the first of them is done, so all but 16 wait at once. Effect's
 * `Semaphore` looks at every waiter on each release, which makes it quadratic: it is measured as far as that ends within seconds. `PartitionedSemaphore` has one partition here.
 */
import * as Limiter from "@skein/core/Limiter"
import * as Effect from "effect/Effect"
import * as PartitionedSemaphore from "effect/PartitionedSemaphore"
import * as Semaphore from "effect/Semaphore"
import { type Comparison, main, size, type Subject, type Table } from "./kit/bench.ts"

const permits = 16

/** What a bound is here: it wraps a task. `peak` is the most that were seen running at once. */
type Bound = <A>(task: Effect.Effect<A>) => Effect.Effect<A>
interface Answer {
  readonly done: number
  readonly peak: number
}

/** First in, first out, no priorities, no weights, no limits, not safe against interruption: the least a limiter can cost. */
const naive = (): Bound => {
  let free = permits
  let head = 0
  let queue: Array<(go: Effect.Effect<void>) => void> = []
  const take = Effect.callback<void>((resume) => {
    if (free > 0) {
      free--
      resume(Effect.void)
    } else queue.push(resume)
  })
  const release = Effect.sync(() => {
    if (head === queue.length) free++
    else queue[head++]!(Effect.void)
    if (head === queue.length) queue = []
    if (queue.length === 0) head = 0
  })
  return (task) => Effect.flatMap(take, () => Effect.ensuring(task, release))
}

const subject = (name: string, n: number, make: Effect.Effect<Bound>): Subject<Answer> => ({
  name,
  run: () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const bound = yield* make
        let running = 0
        let peak = 0
        let done = 0
        // One suspension while the permit is held. The same effect for all: nothing else is allocated for a task.
        const task = bound(
          Effect.andThen(
            Effect.suspend(() => {
              if (++running > peak) peak = running
              return Effect.yieldNow
            }),
            Effect.sync(() => {
              running--
              done++
            })
          )
        )
        yield* Effect.forEach(Array.from({ length: n }), () => task, { concurrency: "unbounded", discard: true })
        return { done, peak }
      })
    )
})

const comparison = (full: number): Comparison<Answer> => {
  const n = size(full)
  const all: Array<Subject<Answer>> = [
    subject(
      "unbounded",
      n,
      Effect.succeed((task) => task)
    ),
    subject(
      "Limiter",
      n,
      Effect.map(
        Limiter.make({ permits }),
        (limiter): Bound =>
          (task) =>
            limiter.withPermit(task)
      )
    ),
    subject("naive limiter", n, Effect.sync(naive))
  ]
  if (full <= 100_000) {
    all.push(
      subject(
        "PartitionedSemaphore",
        n,
        Effect.map(
          PartitionedSemaphore.make<string>({ permits }),
          (semaphore): Bound =>
            (task) =>
              semaphore.withPermit("one")(task)
        )
      )
    )
  }
  if (full <= 10_000) {
    all.push(
      subject(
        "Semaphore",
        n,
        Effect.map(
          Semaphore.make(permits),
          (semaphore): Bound =>
            (task) =>
              semaphore.withPermit(task)
        )
      )
    )
  }
  return {
    title: `${full.toLocaleString("en-US")} fibers`,
    n,
    baseline: "unbounded",
    check: ({ done, peak }, { name }) => {
      if (done !== n) return `${done} of ${n} ran`
      if (name !== "unbounded" && peak > permits) return `${peak} ran at once, the bound is ${permits}`
      return n > permits && peak < permits ? `only ${peak} ran at once` : undefined
    },
    warmUps: full >= 1_000_000 ? 1 : 2,
    runs: full >= 1_000_000 ? 2 : full >= 100_000 ? 3 : full <= 1_000 ? 20 : 5,
    subjects: all,
    // A million suspended fibers are more than the heap that Node allows itself on a small machine.
    flags: full >= 1_000_000 ? ["--max-old-space-size=8192"] : []
  }
}

/** How much more a task costs when a hundred times as many wait. */
const growth = (tables: ReadonlyArray<Table>): ReadonlyArray<string> => {
  const valueAt = (table: number, name: string): number => tables[table]!.rows.find((row) => row.name === name)!.value
  return [
    "Growth of the cost of a task from 10,000 to 1,000,000 waiting:",
    ...["unbounded", "Limiter", "naive limiter"].map((name) => `  ${name}: ${(valueAt(3, name) / valueAt(1, name)).toFixed(2)} ×`)
  ]
}

await main([1_000, 10_000, 100_000, 1_000_000].map(comparison), growth)

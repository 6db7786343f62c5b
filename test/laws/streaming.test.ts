/** The laws where outcomes are read while the call runs. */
import type * as Outcome from "@skein/core/Outcome"
import { parallelStream } from "@skein/parallel/parallelStream"
import {
  cleanBeforeReturn,
  equal,
  equalWords,
  everywhere,
  fail,
  isTrue,
  recorder,
  stoppedOnce,
  toEffect,
  underEverySchedule,
  valueOf,
  type Work,
  wordOf
} from "@skein/test/kit"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { describe, it } from "vitest"

type Order = "completion" | "input"
const orders: ReadonlyArray<Order> = ["completion", "input"]

const works: ReadonlyArray<Work> = [
  { name: "a", takes: 3, cleanup: { takes: 1 } },
  { name: "b", takes: 1 },
  { name: "endless", takes: Infinity, cleanup: { takes: 5 } },
  { name: "payment", takes: 4, uninterruptible: true },
  { name: "messy", takes: Infinity, cleanup: { ends: "die" } },
  { name: "c", takes: 2 }
]

describe("law 1: a stream that is left early ends when its tasks have ended", () => {
  const leave: Readonly<Record<string, (stream: Stream.Stream<Outcome.Outcome<string, string>>) => Effect.Effect<unknown, unknown>>> = {
    "by Stream.take": (stream) => Stream.runCollect(Stream.take(stream, 1)),
    "by a reader that fails": (stream) => Effect.exit(Stream.runForEach(stream, () => Effect.fail("enough"))),
    "by a time limit of the reader": (stream) => Effect.timeoutOption(Stream.runDrain(stream), 3),
    "by a consumer that ends while another task fails": (stream) => Effect.raceFirst(Stream.runDrain(stream), Effect.sleep(2))
  }
  for (const [name, read] of Object.entries(leave)) {
    for (const order of orders) {
      it(`${name}, ${order} order`, () => {
        let record = recorder()
        return everywhere(undefined, {
          program: () => {
            record = recorder()
            const stream = parallelStream(works, (work) => toEffect(work, record), { concurrency: 5, order })
            return Effect.andThen(Effect.exit(Effect.onExit(read(stream), () => record.mark("returned"))), Effect.sleep(1_000))
          },
          seeds: 300,
          after: () => {
            cleanBeforeReturn(record)
            stoppedOnce(record)
          }
        })
      })
    }
  }
})

describe("law 1: what a stream could not end within the grace is marked as abandoned", () => {
  for (const order of orders) {
    it(`${order} order`, () => {
      let words: Array<string> = []
      return underEverySchedule(undefined, {
        program: () =>
          Effect.gen(function* () {
            words = []
            const tasks: ReadonlyArray<Work> = [
              { name: "stubborn", takes: 50, uninterruptible: true },
              { name: "soft", takes: Infinity, cleanup: { takes: 1 } }
            ]
            const record = recorder()
            const stream = parallelStream(tasks, (work) => toEffect(work, record), { timeout: 2, grace: 5, order })
            yield* Stream.runForEach(stream, (outcome) => Effect.sync(() => words.push(`${outcome.index} ${wordOf(outcome)}`)))
            isTrue("it returned before the end", !record.events.includes("stubborn gives"))
            yield* Effect.sleep(100)
            isTrue("it ended after all", record.events.includes("stubborn is clean"))
          }),
        seeds: 400,
        after: () => equalWords("outcomes", words.toSorted(), ["0 timeout call abandoned", "1 timeout call"])
      })
    })
  }
})

describe("law 3: a stream gives each outcome once, and in the order that was asked for", () => {
  const three: ReadonlyArray<Work> = [
    { name: "slow", takes: 5 },
    { name: "quick", takes: 1 },
    { name: "bad", takes: 3, ends: "fail" },
    { name: "soon", takes: 2 }
  ]
  for (const order of orders) {
    it(`${order} order`, () => {
      let words: Array<string> = []
      return everywhere(undefined, {
        program: () => {
          words = []
          const record = recorder()
          return Stream.runForEach(
            parallelStream(three, (work) => toEffect(work, record), { order }),
            (outcome) => Effect.sync(() => words.push(outcome._tag === "Completed" ? outcome.value : wordOf(outcome)))
          )
        },
        after: ({ interrupted }) => {
          if (interrupted !== undefined) return
          const [slow, quick, soon] = ["slow", "quick", "soon"].map(valueOf)
          equalWords("outcomes", words, order === "completion" ? [quick, soon, "failed", slow] : [slow, quick, "failed", soon])
        }
      })
    })
  }
})

describe("law 4: a stream has at most so many tasks running, and so many outcomes that nobody has read", () => {
  for (const order of orders) {
    for (const buffer of [0, 1, 3]) {
      it(`${order} order, buffer ${buffer}`, () => {
        let [pulled, consumed, running] = [0, 0, 0]
        const concurrency = 2
        return everywhere(undefined, {
          program: () =>
            Effect.suspend(() => {
              ;[pulled, consumed, running] = [0, 0, 0]
              const items = function* (): Generator<number> {
                for (let i = 0; i < 9; i++) {
                  pulled++
                  yield i
                }
              }
              const task = (i: number) =>
                Effect.suspend(() => {
                  let inside = 0
                  const enter = Effect.suspend(() => {
                    running += inside = 1
                    return Effect.sleep((i * 7) % 4)
                  })
                  return Effect.onExit(enter, () => Effect.sync(() => (running -= inside)))
                })
              const stream = parallelStream(items(), task, { concurrency, buffer, order })
              // The reader is slower than the tasks. What he has asked the next chunk for is consumed.
              return Stream.runForEachArray(stream, (chunk) =>
                Effect.andThen(
                  Effect.sleep(3),
                  Effect.sync(() => {
                    consumed += chunk.length
                  })
                )
              )
            }),
          seeds: 300,
          invariant: () => {
            if (running > concurrency) fail(`${running} run at once`)
            if (pulled - consumed > concurrency + buffer) fail(`${pulled} pulled, ${consumed} consumed`)
          },
          after: ({ interrupted }) => {
            equal("running at the end", running, 0)
            if (interrupted === undefined) equal("all were consumed", consumed, 9)
          }
        })
      })
    }
  }
})

describe("law 9: a stream under a deadline gives what it had and ends", () => {
  for (const order of orders) {
    it(`${order} order`, () => {
      let words: Array<string> = []
      return underEverySchedule(undefined, {
        program: () => {
          words = []
          const record = recorder()
          const tasks: ReadonlyArray<Work> = [
            { name: "endless", takes: Infinity, cleanup: { takes: 2 } },
            { name: "a", takes: 3 },
            { name: "b" },
            { name: "late", takes: 20 }
          ]
          const stream = parallelStream(tasks, (work) => toEffect(work, record), { timeout: 5, concurrency: 2, order })
          return Stream.runForEach(stream, (outcome) => Effect.sync(() => words.push(`${outcome.index} ${wordOf(outcome)}`)))
        },
        seeds: 400,
        after: () => equalWords("outcomes", words.toSorted(), ["0 timeout call", "1 completed", "2 completed", "3 timeout call"])
      })
    })
  }
})

describe("law 16: a stream costs the same for each task, however long it is", () => {
  it("and keeps nothing of what was read", () => {
    let alive = 0
    let most = 0
    return underEverySchedule(undefined, {
      program: () =>
        Effect.suspend(() => {
          alive = 0
          most = 0
          const stream = parallelStream(
            Array.from({ length: 300 }, (_, i) => i),
            (i) => Effect.as(Effect.yieldNow, i),
            { concurrency: 3, buffer: 3, onOutcome: () => (most = Math.max(most, ++alive)) }
          )
          return Stream.runForEach(stream, () => Effect.sync(() => alive--))
        }),
      seeds: 20,
      after: () => {
        equal("outcomes that were not read", alive, 0)
        if (most > 3 + 3 + 3) fail(`${most} outcomes lay about`)
      }
    })
  })
})

describe("law 15: a stream that has ended can be run again, and is another call", () => {
  it("with tasks of its own", () => {
    let starts = 0
    return underEverySchedule(undefined, {
      program: () =>
        Effect.gen(function* () {
          starts = 0
          const stream = parallelStream([1, 2], () => Effect.sync(() => ++starts))
          const first = yield* Stream.runHead(stream)
          const second = yield* Stream.runCollect(stream)
          isTrue("the first run gave one", Option.isSome(first))
          equal("the second run gave all", second.length, 2)
        }),
      seeds: 200,
      after: () => isTrue(`each run starts its own: ${starts}`, starts === 4 || starts === 3)
    })
  })
})

/** Laws 3, 6, 7 and 13: one outcome for each input, no failure lost, nobody harmed by the others, nobody disturbed by those who look on. */
import * as GatherResult from "@skein/core/GatherResult"
import type * as Outcome from "@skein/core/Outcome"
import { fanOut, Joiner, parallelGather, ParallelExecutor, parallelMap } from "@skein/parallel"
import { parallelStream } from "@skein/parallel/parallelStream"
import {
  cleanupErrorOf,
  equal,
  equalWords,
  errorOf,
  everywhere,
  fail,
  isTrue,
  law,
  lawForAll,
  recorder,
  underEverySchedule,
  valueOf,
  withPolicy,
  type Work,
  wordOf,
  wordsOf
} from "@skein/test/kit"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { describe, it } from "vitest"

type Result = GatherResult.GatherResult<unknown, unknown>

const thrown = (reason: Cause.Reason<unknown>): unknown =>
  reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? reason.defect : "interrupted"

const faults = (cause: Cause.Cause<unknown>): Array<string> =>
  cause.reasons.flatMap((reason) =>
    reason._tag === "Fail" ? [String(reason.error)] : reason._tag === "Die" ? [String(reason.defect)] : []
  )

/** All that could be seen of a result, as one word. */
const pictureOf = (result: Result): string =>
  JSON.stringify([
    { ...result, list: undefined, outcomes: undefined, abandoned: result.abandoned.length, elapsed: 0 },
    result.list.map((outcome) => JSON.stringify(outcome))
  ])

/** Ends in every way there is, and has more than there are places. */
const mixed: ReadonlyArray<Work> = [
  { name: "a", takes: 3 },
  { name: "b", takes: 1, ends: "fail" },
  { name: "c", takes: Infinity },
  { name: "d", takes: 2, ends: "die" },
  { name: "e", takes: 7, uninterruptible: true },
  { name: "f", takes: 1 },
  { name: "g" },
  { name: "h" }
]

lawForAll("law 3: one outcome per input, in input order, also for inputs that never started", (subject) => {
  let result: Result | undefined
  let seen: Array<unknown> = []
  return everywhere(subject, {
    program: () => {
      result = undefined
      seen = []
      return Effect.map(
        subject.run(mixed, { concurrency: 2, timeout: 5, onOutcome: (outcome) => seen.push(outcome) }, recorder()),
        (answer) => {
          result = answer.result
        }
      )
    },
    after: ({ interrupted }) => {
      isTrue("an outcome was told twice", new Set(seen).size === seen.length)
      if (result === undefined) return
      equalWords(
        "indexes",
        result.list.map(({ index }) => index),
        result.list.map((_, i) => i)
      )
      isTrue(
        "the observer saw another outcome than is in the result",
        result.list.every((outcome) => seen.includes(outcome))
      )
      equal("counts", result.completed + result.failed + result.timedOut + result.cancelled + result.notStarted, result.total)
      // A body that a stranger interrupted spawns no more; a lazy source was read as far as there were places.
      if (interrupted === undefined && result.exhausted) equal("total", result.total, mixed.length)
      else
        isTrue(
          "a source of unknown size that was not read to its end is not exhausted",
          interrupted !== undefined || subject.size === "unknown"
        )
    }
  })
})

lawForAll("law 3: an outcome is never changed after it was returned", (subject) => {
  let before = ""
  let after = ""
  return underEverySchedule(subject, {
    program: () =>
      Effect.gen(function* () {
        const works: ReadonlyArray<Work> = [
          { name: "a", takes: 40, uninterruptible: true },
          { name: "b", takes: Infinity, cleanup: { takes: 30, ends: "die" } },
          { name: "c" }
        ]
        const { result } = yield* subject.run(works, { timeout: 2, grace: 3 }, recorder())
        before = pictureOf(result!)
        yield* Effect.forEach(result!.abandoned, (abandoned) => abandoned.await)
        yield* Effect.sleep(100)
        after = pictureOf(result!)
        isTrue("both were abandoned", result!.abandoned.length === 2)
        isTrue("a result is frozen", Object.isFrozen(result))
      }),
    after: () => equal("the result", after, before)
  })
})

describe("law 3: a source of unknown size that was not read to its end says so, and was read no further than there were places", () => {
  let pulled = 0
  const count = (i: number): number => {
    pulled = i + 1
    return i
  }
  const generator = function* (): Generator<number> {
    for (let i = 0; ; i++) yield count(i)
  }
  const asyncGenerator = async function* (): AsyncGenerator<number> {
    for (let i = 0; ; i++) yield count(i)
  }
  const task = (n: number): Effect.Effect<number> => Effect.as(Effect.sleep(2), n)
  const tasks = function* (): Generator<Effect.Effect<number>> {
    for (const n of generator()) yield task(n)
  }
  const options = { concurrency: 2, timeout: 5 } as const
  const until = Joiner.until<number, never>(() => false)
  const calls: Readonly<Record<string, () => Effect.Effect<GatherResult.GatherResult<unknown, unknown>, unknown>>> = {
    "parallelMap over a generator": () => parallelMap(generator(), task, options),
    "parallelMap over an async generator": () => parallelMap(asyncGenerator(), task, options),
    "parallelMap over a Stream": () => parallelMap(Stream.fromIterable(generator(), { chunkSize: 1 }), task, options),
    "parallelGather of a generator": () => parallelGather(tasks(), options),
    "fanOut of a generator": () => fanOut(tasks(), until, options),
    "ParallelExecutor.map over a generator": () =>
      Effect.scoped(
        Effect.flatMap(ParallelExecutor.make({ concurrency: 2 }), (executor) => executor.map(generator(), task, { timeout: 5 }))
      )
  }
  for (const [name, call] of Object.entries(calls)) {
    it(name, () => {
      let result: Result | undefined
      return everywhere(undefined, {
        program: () =>
          Effect.suspend(() => {
            result = undefined
            pulled = 0
            return Effect.map(call(), (r) => {
              result = r
            })
          }),
        seeds: 400,
        after: ({ interrupted }) => {
          if (result === undefined) return
          equal("exhausted", result.exhausted, false)
          // A Stream may have been asked for one more, which nobody took.
          isTrue(
            "one outcome for each item that was taken",
            result.total === pulled || (name.includes("Stream") && result.total === pulled - 1)
          )
          isTrue(`never more than the bound ahead: ${pulled}`, interrupted !== undefined || pulled <= 2 * 3)
        }
      })
    })
  }
})

/** Each of these faults must be found exactly once, with the one that had it. */
const faulty: ReadonlyArray<Work> = [
  { name: "fails", takes: 1, ends: "fail" },
  { name: "dies", takes: 1, ends: "die" },
  { name: "fails in cleanup", takes: Infinity, cleanup: { ends: "fail" } },
  { name: "dies in cleanup", takes: Infinity, cleanup: { takes: 2, ends: "die" } },
  { name: "is fine", takes: 1 },
  { name: "fails late", takes: 20, ends: "fail", uninterruptible: true },
  { name: "has no fault", takes: Infinity }
]

lawForAll("law 6: each failure appears exactly once, with the name and index of its task", (subject) => {
  let errors: ReadonlyArray<GatherResult.TaskError<unknown>> | undefined
  let list: ReadonlyArray<Outcome.Outcome<unknown, unknown>> = []
  return underEverySchedule(subject, {
    program: () =>
      Effect.map(subject.run(faulty, { concurrency: "unbounded", timeout: 10 }, recorder()), ({ result }) => {
        errors = GatherResult.errors(result!)
        list = result!.list
      }),
    after: () => {
      const stopsOthers = subject.onFailure === "interrupt"
      // Where the first failure stops the others, the second of two at one instant may have been asked to stop before it came to it.
      const wanted = faulty.flatMap(({ cleanup, ends, name }, index) =>
        ends !== undefined ? [[index, errorOf(name)]] : cleanup?.ends === undefined ? [] : [[index, cleanupErrorOf(name)]]
      )
      const told = errors!.flatMap(({ cause, index }) => faults(cause).map((fault) => [index, fault]))
      const missing = wanted
        .filter(([index, fault]) => told.filter((t) => t[0] === index && t[1] === fault).length !== 1)
        .map(([, fault]) => fault)
      const allowed = stopsOthers ? missing.filter((fault) => fault !== errorOf("fails") && fault !== errorOf("dies")) : missing
      equalWords("lost or doubled", allowed, [])
      if (missing.length > 1) fail(`lost ${missing.join()}`)
      if (told.length !== wanted.length - missing.length) fail(`told ${told.map(([, fault]) => fault).join()}`)
      // Who failed after he was asked to stop has not failed.
      for (const name of ["fails in cleanup", "dies in cleanup", "fails late"]) {
        const { _tag } = list[faulty.findIndex((work) => work.name === name)]!
        if (_tag !== "TimedOut" && _tag !== "Cancelled") fail(`${name} is ${_tag}`)
      }
    }
  })
})

describe("law 6: a function that throws fails its own item, wherever it is called from", () => {
  const task = (n: number): Effect.Effect<number> => {
    if (n === 2) throw new Error("no effect")
    return Effect.as(Effect.sleep(n), n)
  }
  const items = [1, 2, 3]
  const asyncItems = async function* (): AsyncGenerator<number> {
    yield* items
  }
  const list = (stream: Stream.Stream<Outcome.Outcome<number, never>>) => Stream.runCollect(stream)
  const listOf = <E>(call: Effect.Effect<Result, E>) => Effect.map(call, (result) => result.list)
  const calls: Readonly<Record<string, Effect.Effect<ReadonlyArray<Outcome.Outcome<unknown, unknown>>, unknown>>> = {
    parallelMap: listOf(parallelMap(items, task)),
    "parallelMap over an async iterable": Effect.suspend(() => listOf(parallelMap(asyncItems(), task))),
    "parallelMap over a Stream": listOf(parallelMap(Stream.fromIterable(items), task)),
    "parallelStream in input order": list(parallelStream(items, task, { order: "input" })),
    "ParallelExecutor.map": Effect.scoped(Effect.flatMap(ParallelExecutor.make(), (executor) => listOf(executor.map(items, task))))
  }
  for (const [name, call] of Object.entries(calls)) {
    it(name, () => {
      let words: Array<string> = []
      return underEverySchedule(undefined, {
        program: () => {
          words = []
          return Effect.map(call, (outcomes) => {
            words = outcomes.map((outcome) => (outcome._tag === "Failed" ? faults(outcome.cause).join() : wordOf(outcome)))
          })
        },
        seeds: 300,
        after: () => equalWords("outcomes", words, ["completed", "Error: no effect", "completed"])
      })
    })
  }
})

law("law 6: a group that collects fails with every cause", withPolicy("collect"), (subject) => {
  let told: Array<string> = []
  return everywhere(subject, {
    program: () =>
      Effect.map(
        subject.run(
          faulty.filter(({ ends }) => ends !== undefined),
          { concurrency: 1 },
          recorder()
        ),
        ({ exit }) => {
          told = exit._tag === "Failure" && !Cause.hasInterrupts(exit.cause) ? faults(exit.cause) : ["interrupted"]
        }
      ),
    after: ({ interrupted }) => {
      if (interrupted === undefined) equalWords("causes", told, [errorOf("fails"), errorOf("dies"), errorOf("fails late")])
    }
  })
})

lawForAll("law 6: a task that dies with undefined or with something that is no error has failed all the same", (subject) => {
  // What dies with nothing is easily taken for what has no fault.
  const strange: ReadonlyArray<Work> = [
    { name: "dies with nothing", ends: "die", error: { is: undefined } },
    { name: "dies with null", ends: "die", error: { is: null } },
    { name: "fails with nothing", ends: "fail", error: { is: undefined } },
    { name: "dies with a word", ends: "die", error: { is: "a word" } },
    { name: "dies with 0", ends: "die", error: { is: 0 } }
  ]
  let words: Array<string> = []
  let told: ReadonlyArray<unknown> = []
  return underEverySchedule(subject, {
    program: () =>
      // One after the other: a failure that stops the others comes to each of them first in some order.
      Effect.map(
        Effect.forEach(strange, (work) => subject.run([work], {}, recorder())),
        (answers) => {
          words = answers.flatMap(({ result }) => wordsOf(result))
          told = answers.flatMap(({ result }) => GatherResult.errors(result!)).flatMap(({ cause }) => cause.reasons.map(thrown))
        }
      ),
    after: () => {
      equalWords(
        "outcomes",
        words,
        strange.map(() => "failed")
      )
      equalWords(
        "what they failed with",
        told,
        strange.map(({ error }) => error!.is)
      )
    }
  })
})

law(
  "law 7: where failures are tolerated, the others run to their end and keep their values",
  withPolicy("isolate", "collect"),
  (subject) => {
    const works: ReadonlyArray<Work> = [
      { name: "a", takes: 4 },
      { name: "b", takes: 1, ends: "fail" },
      { name: "c", takes: 1, ends: "die" },
      { name: "d", takes: Infinity, cleanup: { ends: "die" } },
      { name: "e", takes: 5, cleanup: { ends: "fail" } },
      { name: "f", takes: 3 },
      { name: "g" }
    ]
    let result: Result | undefined
    return everywhere(subject, {
      program: () => {
        result = undefined
        return Effect.map(subject.run(works, { concurrency: 3, taskTimeout: 6 }, recorder()), (answer) => {
          result = answer.result
        })
      },
      after: ({ interrupted }) => {
        if (result === undefined) return
        const values = result.list.map((outcome, i) => (outcome._tag === "Completed" ? outcome.value : works[i]!.name))
        const wanted = works.map(({ cleanup, ends, name }) => (ends === undefined && cleanup === undefined ? valueOf(name) : name))
        const missing = wanted.slice(0, result.total).filter((word, i) => values[i] !== word)
        if (interrupted === undefined) {
          equalWords("values", values, wanted)
          equalWords("outcomes", wordsOf(result), ["completed", "failed", "failed", "timeout task", "failed", "completed", "completed"])
          // One of them was interrupted by a stranger: that is its own misfortune. (In a group it may have been the body, which cancels all; of a source that pulls in a fiber, that one, and then there are no more.)
        } else if (subject.kind === "gather" && missing.length > 1) fail(`one was interrupted, and ${missing.join()} are missing`)
        else if (subject.kind === "gather" && result.total < works.length && result.exhausted)
          fail("it was not read to its end, and says that it was")
      }
    })
  }
)

lawForAll("law 13: an observer that throws changes no outcome", (subject) => {
  const watch = (onOutcome: (() => void) | undefined) =>
    Effect.map(
      subject.run(mixed, { concurrency: 2, timeout: 5, onOutcome }, recorder()),
      ({ exit, result }) => `${exit._tag} ${wordsOf(result).join()}`
    )
  let calls = 0
  let alone = ""
  let watched = ""
  return underEverySchedule(subject, {
    program: () =>
      Effect.gen(function* () {
        calls = 0
        watched = yield* watch(() => {
          calls++
          throw new Error("not interested")
        })
        // Each task notes what became of it in the order of the schedule; the same seed would not meet the second run in the same state.
        alone = yield* watch(undefined)
      }),
    after: () => {
      isTrue("it was called", calls > 0)
      if (!watched.includes("failed") || subject.onFailure !== "interrupt") equal("the outcomes", watched, alone)
    }
  })
})

lawForAll("law 13: observers see every outcome, those of tasks that never started too", (subject) => {
  let seen: Array<string> = []
  return underEverySchedule(subject, {
    program: () => {
      seen = []
      const works = [{ name: "a", takes: Infinity }, { name: "b" }, { name: "c" }]
      return Effect.timeoutOption(
        subject.run(works, { concurrency: 1, onOutcome: (outcome) => seen.push(`${outcome.index} ${outcome.status}`) }, recorder()),
        1
      )
    },
    // A lazy source of unknown size was not asked for more.
    after: () =>
      equalWords("seen", seen.toSorted(), subject.size === "unknown" ? ["0 cancelled"] : ["0 cancelled", "1 notStarted", "2 notStarted"])
  })
})

lawForAll("law 3: empty input", (subject) =>
  underEverySchedule(subject, {
    program: () =>
      Effect.map(subject.run([], {}, recorder()), ({ exit, result }) => {
        equal("exit", exit._tag, "Success")
        equal("outcomes", result?.total ?? 0, 0)
        equal("all succeeded", result?.allSucceeded ?? true, true)
        equal("rate", result?.successRate ?? 0, 0)
      }),
    after: () => undefined
  })
)

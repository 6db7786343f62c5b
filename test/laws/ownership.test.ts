/** Laws 1, 2 and 18: who owns the tasks, and what their end waits for. */
import {
  cleanBeforeReturn,
  equalWords,
  everywhere,
  fail,
  interruptAtEveryStep,
  isTrue,
  law,
  lawForAll,
  quiet,
  racing,
  type Recorder,
  recorder,
  stoppedOnce,
  type Subject,
  type SubjectOptions,
  subjects,
  underEverySchedule,
  type Work,
  wordsOf
} from "@skein/test/kit"
import { Simulator } from "@skein/core/testing"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { expect } from "vitest"

/** One of each kind: at once, with slow cleanup, for ever, not to be interrupted, failing cleanup, and more than there are places. */
const works: ReadonlyArray<Work> = [
  { name: "quick" },
  { name: "slow", takes: 5, cleanup: { takes: 3 } },
  { name: "endless", takes: Infinity, cleanup: { takes: 2 } },
  { name: "payment", takes: 4, uninterruptible: true },
  { name: "messy", takes: Infinity, cleanup: { ends: "die" } },
  { name: "queued" }
]

/** Also where more runs than there is work. */
const owners: ReadonlyArray<Subject> = [...subjects, racing]

/** Runs a subject, notes its return, and then waits long enough for anything left behind to show itself. */
const owned = (subject: Subject, works: ReadonlyArray<Work>, options: SubjectOptions, record: Recorder) =>
  Effect.andThen(Effect.exit(Effect.onExit(subject.run(works, options, record), () => record.mark("returned"))), Effect.sleep(1_000))

law("law 1: no task outlives its owner, whether the owner returns, fails or has no time left", owners, (subject) => {
  let record = recorder()
  const bad = subject.onFailure === "interrupt" ? [...works, { name: "bad", takes: 3, ends: "fail" as const }] : works
  return everywhere(subject, {
    program: () => owned(subject, bad, { concurrency: 3, timeout: 6 }, (record = recorder())),
    after: () => cleanBeforeReturn(record)
  })
})

law("law 1: no task outlives an owner that is interrupted", owners, (subject) => {
  let record = recorder()
  return everywhere(subject, {
    program: () => {
      record = recorder()
      return Effect.timeoutOption(owned(subject, works, { concurrency: 3 }, record), 2)
    },
    after: () => cleanBeforeReturn(record)
  })
})

lawForAll("law 1: what does not end within the grace is listed as abandoned, and only that goes on", (subject) => {
  let record = recorder()
  let words: Array<string> = []
  let listed: Array<number> = []
  return underEverySchedule(subject, {
    program: () =>
      Effect.gen(function* () {
        record = recorder()
        const { result } = yield* subject.run(
          [
            { name: "stubborn", takes: 50, uninterruptible: true },
            { name: "soft", takes: Infinity, cleanup: { takes: 1 } }
          ],
          { timeout: 2, grace: 5 },
          record
        )
        record.note("returned")
        words = wordsOf(result)
        listed = result!.abandoned.map(({ index }) => index)
        yield* Effect.forEach(result!.abandoned, (abandoned) => abandoned.await)
        record.note("it has ended")
      }),
    after: () => {
      equalWords("outcomes", words, ["timeout call abandoned", "timeout call"])
      equalWords("abandoned", listed, [0])
      equalWords("afterwards", record.events.slice(record.events.indexOf("returned")), [
        "returned",
        "stubborn gives",
        "stubborn is clean",
        "it has ended"
      ])
    }
  })
})

lawForAll("law 1: a call inside a region that cannot be interrupted still stops its own tasks, and ends", (subject) => {
  let record = recorder()
  let words: Array<string> = []
  return underEverySchedule(subject, {
    program: () => {
      record = recorder()
      const run = subject.run(
        [
          { name: "a", takes: 1 },
          { name: "endless", takes: Infinity, cleanup: { takes: 2 } }
        ],
        { timeout: 5 },
        record
      )
      return Effect.uninterruptible(
        Effect.map(run, ({ result }) => {
          words = wordsOf(result)
          record.note("returned")
        })
      )
    },
    after: () => {
      cleanBeforeReturn(record)
      equalWords("outcomes", words, ["completed", "timeout call"])
    }
  })
})

law("law 2: interrupting the owner interrupts each task once", owners, (subject) => {
  let record = recorder()
  return everywhere(subject, {
    // Two interruptions of the owner, and its own timeout in between.
    program: () => {
      record = recorder()
      return Effect.timeoutOption(Effect.timeoutOption(owned(subject, works, { concurrency: "unbounded", timeout: 3 }, record), 3), 4)
    },
    after: () => {
      stoppedOnce(record)
      cleanBeforeReturn(record)
    }
  })
})

law("law 2: cleanup is waited for, however long it takes", owners, (subject) => {
  let record = recorder()
  return everywhere(subject, {
    program: () => {
      record = recorder()
      return Effect.timeoutOption(owned(subject, [{ name: "slow", takes: Infinity, cleanup: { takes: 86_400_000 } }], {}, record), 1)
    },
    after: () => cleanBeforeReturn(record)
  })
})

lawForAll("law 2: a wait of more than ten seconds for cleanup says in the log who is waited for", async (subject) => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => {
    lines.push(String(message))
  })
  const program = Effect.timeoutOption(
    subject.run(
      [
        { name: "tidy", takes: Infinity, cleanup: { takes: 11_000 } },
        { name: "quick", takes: Infinity, cleanup: { takes: 9_000 } }
      ],
      {},
      recorder()
    ),
    1
  ).pipe(Effect.provideService(Logger.CurrentLoggers, new Set([logger])))
  await Simulator.check(program, { seeds: 20 })
  // Of calls inside of calls each one says it.
  expect(lines).toHaveLength(20 * (subject.levels ?? 1))
  // Only inputs with names and spawned tasks have a name to say.
  for (const line of lines) expect(line).toMatch(/has waited 10 s for tasks that were asked to stop: (?:tidy|#0)$/)
})

law("law 18: wherever anybody is interrupted, nothing leaks and every resource is given back", owners, (subject) => {
  let open = 0
  let most = 0
  const resource = Effect.acquireRelease(
    Effect.sync(() => {
      most = Math.max(most, ++open)
    }),
    () =>
      Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => open--)
      )
  )
  let record = recorder()
  return interruptAtEveryStep(
    subject,
    {
      program: () => {
        open = 0
        record = recorder()
        const inner = subject.run(
          [
            { name: "a", takes: 1 },
            { name: "b", takes: 2, cleanup: { takes: 1 } }
          ],
          { concurrency: 1 },
          record
        )
        return Effect.scoped(
          Effect.andThen(
            resource,
            Effect.onExit(inner, () => record.mark("returned"))
          )
        )
      },
      after: () => {
        if (open !== 0) fail(`${open} resources are still open`)
        cleanBeforeReturn(record)
      }
    },
    { seeds: 2 }
  ).then(() => isTrue("the resource was used", most === 1))
})

law("law 18: an interruption of the owner alone reaches each of its steps, and its children too", subjects.slice(0, 1), async (subject) => {
  const swept = await Simulator.sweep(() => quiet(subject.run([{ name: "a" }, { name: "b", takes: 1 }], {}, recorder())), {
    seeds: 2,
    defects: "ignore"
  })
  expect(swept.every).toBe(1)
  expect(swept.interrupted.main).toBeGreaterThan(swept.steps / 4)
  expect(swept.interrupted.children).toBeGreaterThan(swept.steps / 4)
})

import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import { describe, expect, it } from "vitest"
import * as Engine from "../src/Engine.ts"
import { openOutputs, type OutputSettings, readSettings } from "../src/internal/output/outputs.ts"
import * as Job from "../src/Job.ts"
import * as JobOutput from "../src/JobOutput.ts"
import { always } from "./engineKit.ts"
import { inRun } from "./outputKit.ts"

const settings = (some: Partial<OutputSettings> = {}): OutputSettings => ({ directory: undefined, tail: 1_000, kept: 1_000_000, ...some })

/** The messages in a log. */
const messages = (log: JobOutput.Stream): ReadonlyArray<string> =>
  log.text
    .split("\n")
    .slice(0, -1)
    .map((line) => /message=("[^"]*"|\S+)/.exec(line)![1]!)

describe("the options of an engine for output", () => {
  it.each([
    ["a directory without a name", { directory: "" }, "Engine.make: directory must be a string that is not empty"],
    ["a directory that is no text", { directory: 1 }, "Engine.make: directory must be a string"],
    ["a tail of less than nothing", { outputTail: -1 }, "Engine.make: outputTail must be a whole number of at least 0"]
  ])("refuse %s", (_what, options, message) => {
    expect(() => readSettings("Engine.make", options)).toThrow(message)
  })
})

describe("the output of runs that run at once", () => {
  it("never mixes: each has its own, in its order, whoever of its fibers wrote it", () => {
    const letters = ["a", "b", "c"]
    const runs = Array.from({ length: 50 }, (_, i) => `run ${i}`)
    const work = (id: string): Effect.Effect<void> =>
      Effect.forEach(
        letters,
        (letter) =>
          Effect.gen(function* () {
            yield* JobOutput.stdout(`${id} ${letter}\n`)
            yield* Effect.yieldNow
            yield* Fiber.join(yield* Effect.forkChild(JobOutput.stderr(`${id} ${letter}!\n`)))
            yield* Effect.log(`${id} ${letter}?`)
            yield* Effect.sleep(1)
          }),
        { discard: true }
      )
    return always(
      () =>
        Effect.gen(function* () {
          const outputs = yield* openOutputs(settings())
          const all = runs.map((id) => outputs.of(id, "fresh"))
          const silent = Logger.layer([])
          yield* Effect.forEach(runs, (id, i) => inRun(all[i]!, work(id)), { concurrency: "unbounded", discard: true }).pipe(
            Effect.provide(silent)
          )
          const views = yield* Effect.forEach(all, (output) => output.view)
          return views.map(({ log, stderr, stdout }) => [stdout.text, stderr.text, messages(log).join()])
        }),
      runs.map((id) => [
        letters.map((letter) => `${id} ${letter}\n`).join(""),
        letters.map((letter) => `${id} ${letter}!\n`).join(""),
        letters.map((letter) => `"${id} ${letter}?"`).join()
      ]),
      40
    )
  })
})

describe("the log of a run", () => {
  const logged = <A>(effect: Effect.Effect<A>): Effect.Effect<ReadonlyArray<string>> =>
    Effect.scoped(
      Effect.gen(function* () {
        const output = (yield* openOutputs(settings())).of("a", "fresh")
        yield* inRun(output, effect)
        return messages((yield* output.view).log)
      })
    )

  it("has what its fibers log, beside the loggers that were there", () => {
    const seen: Array<unknown> = []
    const there = Logger.make(({ message }) => void seen.push(message))
    return always(() => {
      seen.length = 0
      return logged(Effect.andThen(Effect.log("one"), Effect.logWarning("two"))).pipe(
        Effect.map((own) => [own, seen.flat()]),
        Effect.provide(Logger.layer([there]))
      )
    }, [
      ["one", "two"],
      ["one", "two"]
    ])
  })

  it("has nothing below the level that was asked for, and each message on one line", () =>
    always(
      () => logged(Effect.andThen(Effect.logDebug("no"), Effect.log("two\nlines"))).pipe(Effect.provide(Logger.layer([]))),
      [String.raw`"two\nlines"`]
    ))

  it("does not fail a job whose message cannot be written", () => {
    const odd = {
      toJSON() {
        throw new Error("odd")
      }
    }
    return always(() => Effect.map(logged(Effect.log(odd)), (lines) => lines.length).pipe(Effect.provide(Logger.layer([]))), 1)
  })

  it("has what is logged in a run inside of a run only once, in the inner one", () =>
    always(
      () =>
        Effect.gen(function* () {
          const outputs = yield* openOutputs(settings())
          const [outer, inner] = [outputs.of("outer", "fresh"), outputs.of("inner", "fresh")]
          yield* inRun(outer, inRun(inner, Effect.log("x"))).pipe(Effect.provide(Logger.layer([])))
          return [messages((yield* outer.view).log), messages((yield* inner.view).log)]
        }),
      [[], ["x"]]
    ))
})

describe("what is kept of output in memory", () => {
  it("is the last of it, and how much came before", () =>
    always(
      () =>
        Effect.gen(function* () {
          const output = (yield* openOutputs(settings({ tail: 5 }))).of("a", "fresh")
          yield* inRun(output, Effect.andThen(JobOutput.stdout("012"), JobOutput.stdout("3456789")))
          const before = (yield* output.view).stdout
          output.end()
          return [before, (yield* output.view).stdout]
        }),
      Array.from({ length: 2 }, () => ({ text: "56789", size: 10, dropped: 5, path: undefined, failure: undefined }))
    ))

  it("takes nothing of who writes after the end", () =>
    always(
      () =>
        Effect.gen(function* () {
          const output = (yield* openOutputs(settings())).of("a", "fresh")
          yield* inRun(output, JobOutput.stdout("in time"))
          const channel = output.channel("stdout")!
          output.end()
          channel.push("late")
          yield* inRun(output, Effect.andThen(JobOutput.stdout("late"), JobOutput.stderr("late")))
          const { stderr, stdout } = yield* output.view
          return [stdout.text, stderr.text]
        }),
      ["in time", ""]
    ))

  it("goes with the oldest of the ended runs when it is too much, never with one that runs", () =>
    always(
      () =>
        Effect.gen(function* () {
          const outputs = yield* openOutputs(settings({ kept: 10 }))
          const all = ["a", "b", "c", "d"].map((id) => outputs.of(id, "fresh"))
          for (const output of all) yield* inRun(output, JobOutput.stdout("01234"))
          for (const output of all.slice(1)) output.end()
          const texts = Effect.forEach(all, (output) => Effect.map(output.view, ({ stdout }) => stdout.text))
          const before = yield* texts
          all[2]!.forget()
          // What was forgotten is its handle's, and leaves room.
          const more = outputs.of("e", "fresh")
          yield* inRun(more, JobOutput.stdout("56789"))
          more.end()
          return [before, yield* texts]
        }),
      [
        ["01234", "", "01234", "01234"],
        ["01234", "", "01234", "01234"]
      ]
    ))

  it("is nothing where the tail is nothing", () =>
    always(
      () =>
        Effect.gen(function* () {
          const output = (yield* openOutputs(settings({ tail: 0 }))).of("a", "fresh")
          yield* inRun(output, JobOutput.stdout("x"))
          return (yield* output.view).stdout.size
        }),
      0
    ))

  it("has no folder, for there is none", () =>
    always(
      () =>
        Effect.gen(function* () {
          const output = (yield* openOutputs(settings())).of("a", "fresh")
          const folder = yield* inRun(output, JobOutput.directory)
          yield* inRun(output, JobOutput.flush)
          return [Option.isNone(folder), (yield* output.view).directory]
        }).pipe(Effect.orDie),
      [true, undefined]
    ))
})

describe("the output of the jobs of an engine", () => {
  it("never mixes, in jobs with several attempts neither", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 7 } })
          const names = Array.from({ length: 50 }, (_, i) => `job ${i}`)
          const handles = yield* engine.submitAll(
            names.map((name) => {
              let attempt = 0
              return Job.make(name, {
                run: Effect.gen(function* () {
                  attempt++
                  for (const letter of ["a", "b"]) {
                    yield* JobOutput.stdout(`${name} ${attempt}${letter}\n`)
                    yield* Effect.yieldNow
                    yield* Effect.log(`${name} ${attempt}${letter}`)
                  }
                  if (attempt === 1) return yield* Effect.fail("again")
                }),
                retry: { times: 1 }
              })
            })
          )
          yield* engine.awaitIdle
          const views = yield* Effect.forEach(handles, (handle) => handle.output)
          const expected = (name: string): ReadonlyArray<string> => ["1a", "1b", "2a", "2b"].map((part) => `${name} ${part}`)
          return names.filter((name, i) => {
            const { log, stdout } = views[i]!
            return (
              stdout.text !== expected(name).join("\n") + "\n" ||
              messages(log).join() !==
                expected(name)
                  .map((line) => JSON.stringify(line))
                  .join()
            )
          })
        }).pipe(Effect.provide(Logger.layer([]))),
      [],
      15
    ))

  it("is its own for each rerun, and empty for a job that never ran", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          let runs = 0
          const job = Job.make("a", { run: Effect.suspend(() => JobOutput.stdout(`run ${++runs}`)) })
          const failing = Job.make("b", { run: Effect.fail("no") })
          const [first, , skipped] = yield* engine.submitAll([job, failing, Job.make("c", { after: failing, run: JobOutput.stdout("c") })])
          yield* first.await
          const second = yield* engine.rerun(first)
          yield* engine.awaitIdle
          const texts = yield* Effect.forEach([first, second, skipped], (handle) => handle.output)
          return texts.map(({ stdout }) => stdout.text)
        }),
      ["run 1", "run 2", ""]
    ))

  it("does not go to the job that submits, nor to the engine around", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const inner = Job.make("inner", { run: Effect.andThen(JobOutput.stdout("inner"), Effect.log("said")) })
          const outer = yield* engine.submit(
            Job.make("outer", {
              run: Effect.scoped(
                Effect.gen(function* () {
                  const same = yield* engine.submit(inner)
                  const other = yield* (yield* Engine.make()).submit(Job.with(inner, { id: "other" }))
                  yield* Effect.andThen(same.await, other.await)
                  const views = [yield* same.output, yield* other.output]
                  return views.map(({ log, stdout }) => [stdout.text, ...messages(log)].join(" "))
                })
              )
            })
          )
          const texts = yield* outer.join
          const { log, stdout } = yield* outer.output
          return [...texts, stdout.text, log.text]
        }).pipe(Effect.provide(Logger.layer([]))),
      ["inner said", "inner said", "", ""]
    ))
})

describe("JobOutput outside of a job", () => {
  it("does nothing", () =>
    always(
      () =>
        Effect.gen(function* () {
          yield* JobOutput.stdout("x")
          yield* JobOutput.stderr("x")
          yield* JobOutput.flush
          return Option.isNone(yield* JobOutput.directory)
        }).pipe(Effect.orDie),
      true
    ))
})

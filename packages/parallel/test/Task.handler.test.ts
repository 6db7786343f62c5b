/** Plain functions in a module of their own, called inline. A module is loaded and a promise awaited, so time is real here; what is asserted holds however slow the machine is. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { Deadline, type Progress } from "@skein/core"
import * as Task from "@skein/parallel/Task"
import * as TaskHandler from "@skein/parallel/TaskHandler"
import type * as TaskRunner from "@skein/parallel/TaskRunner"
import { parallelMap } from "@skein/parallel/parallelMap"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { reasons } from "./kit.ts"
import { defects, refusal } from "./Task.kit.ts"
import * as handlers from "./Task.handlers.ts"

const module = new URL("./Task.handlers.ts", import.meta.url)

class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { id: Schema.Number }) {}

const of = <P extends Task.AnySchema, A extends Task.AnySchema, E extends Task.AnySchema = typeof Schema.Never>(
  name: string,
  payload: P,
  success: A,
  error?: E
) => Task.make(name, { handler: { module, export: name }, payload, success, error })

const causeOf = async (effect: Effect.Effect<unknown, unknown>): Promise<Cause.Cause<unknown>> => {
  const exit = await Effect.runPromiseExit(effect)
  if (Exit.isFailure(exit)) return exit.cause
  throw new Error("it succeeded")
}

describe("a task of a plain function", () => {
  it("gives what the function returns, at once or later", async () => {
    const add = of("add", Schema.Struct({ a: Schema.Number, b: Schema.Number }), Schema.Number)
    expect(await Effect.runPromise(add({ a: 1, b: 2 }))).toBe(3)
    expect(await Effect.runPromise(of("later", Schema.Number, Schema.Number)(4))).toBe(8)
  })

  it("calls it with the JSON form of the payload, a fresh one for each call", async () => {
    const payload = Schema.Struct({ at: Schema.Date, big: Schema.BigInt, odd: Schema.Number, none: Schema.optional(Schema.Number) })
    const forms = of("forms", payload, Schema.String)
    const given = { at: new Date(0), big: 7n, odd: Number.NaN, none: undefined }
    expect(await Effect.runPromise(forms(given))).toBe('{"at":"1970-01-01T00:00:00.000Z","big":"7","odd":"NaN","none":null}')
    const echo = of("echo", payload, payload)
    const back = await Effect.runPromise(echo(given))
    expect(back).toEqual(given)
    expect(back).not.toBe(given)
  })

  it("passes bytes both ways beside the JSON", async () => {
    const Bytes = Task.buffer(Uint8Array)
    const measure = of("measure", Bytes, Schema.Struct({ bytes: Bytes, sum: Schema.Number }))
    expect(await Effect.runPromise(measure(new Uint8Array([1, 2, 3])))).toEqual({ bytes: new Uint8Array([2, 3, 4]), sum: 6 })
  })

  it("fails with the typed error where its schema accepts what was thrown, else with a defect", async () => {
    const find = of("find", Schema.Number, Schema.String, NotFound)
    for (const id of [1, 2]) {
      const error = await Effect.runPromise(Effect.flip(find(id)))
      expect(error).toBeInstanceOf(NotFound)
      expect(error).toMatchObject({ id })
    }
    class Told extends Schema.TaggedError<Told>()("NotFound", { id: Schema.Number, message: Schema.String }) {}
    const told = await Effect.runPromise(Effect.flip(of("find", Schema.Number, Schema.String, Told)(2)))
    expect(told).toMatchObject({ id: 2, message: "no 2" })
    const [defect] = defects(await causeOf(find(0))) as [TypeError]
    expect(defect).toBeInstanceOf(TypeError)
    expect([defect.message, (defect.cause as Error).message]).toEqual(["zero is not an id", "below one"])
    expect(defect.stack).toContain("Task.handlers")
  })

  it("refuses results that cannot travel or do not fit", async () => {
    const odd = of("odd", Schema.String, Schema.Number)
    const refused = async (what: string): Promise<ReadonlyArray<string>> => refusal(await Effect.runPromise(Effect.flip(odd(what))))
    expect(await refused("function")).toEqual([
      "Unserializable",
      "yes",
      'task "odd": its result cannot travel: a function cannot travel\n  at ["deep"][0]'
    ])
    expect((await refused("cycle"))[2]).toContain("it is cyclic, or nested too deep")
    expect((await refused("text"))[2]).toContain("its result cannot travel: Expected")
    expect((await refused("nothing"))[2]).toContain("its result cannot travel: Expected")
    expect(await Effect.runPromise(odd("infinite"))).toBe(Number.POSITIVE_INFINITY)
    expect(await Effect.runPromise(of("odd", Schema.String, Schema.Void)("nothing"))).toBe(undefined)
  })

  it("asks again for a module that was not there", async () => {
    const folder = mkdtempSync(join(tmpdir(), "skein-task-"))
    try {
      const file = join(folder, "late.mjs")
      const late = Task.make("late", {
        handler: { module: pathToFileURL(file), export: "late" },
        payload: Schema.Number,
        success: Schema.Number
      })
      expect(refusal(await Effect.runPromise(Effect.flip(late(1))))[0]).toBe("ModuleNotFound")
      writeFileSync(file, "export const late = (n) => n + 1")
      expect(await Effect.runPromise(late(1))).toBe(2)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it("fails with a typed error where its module or its export is missing", async () => {
    const missing = Task.make("x", {
      handler: { module: new URL("./no-such.ts", module), export: "x" },
      payload: Schema.Null,
      success: Schema.Null
    })
    expect(refusal(await Effect.runPromise(Effect.flip(missing(null)))).slice(0, 2)).toEqual(["ModuleNotFound", "no"])
    for (const name of ["notAFunction", "nowhere"]) {
      expect(refusal(await Effect.runPromise(Effect.flip(of(name, Schema.Null, Schema.Null)(null))))[2]).toContain(
        `it exports no function named "${name}"`
      )
    }
  })

  it("aborts the signal when it is interrupted, and waits for the function", async () => {
    const wait = of("wait", Schema.Null, Schema.Void)
    const fiber = Effect.runFork(wait(null))
    while (!handlers.events.includes("started")) await new Promise((resolve) => setTimeout(resolve, 1))
    const exit = await Effect.runPromise(Effect.andThen(Fiber.interrupt(fiber), Fiber.await(fiber)))
    expect(handlers.events).toEqual(["started", "cleaned up"])
    expect(Exit.isFailure(exit) && reasons(exit.cause)).toBe("Interrupt+Die(the call was interrupted)")
  })

  it("speaks to the caller: progress, log lines, the time that is left", async () => {
    const told: Array<unknown> = []
    const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
      told.push([logLevel, String(message), { ...Context.get(fiber.context, References.CurrentLogAnnotations) }])
    })
    const speak = of("speak", Schema.Null, Schema.Boolean)
    const onProgress = ({ done, message, total }: Progress.Progress): void => void told.push([done, total, message])
    const map = parallelMap([null], speak, { onProgress })
    const result = await Effect.runPromise(Effect.provideService(map, Logger.CurrentLoggers, new Set([logger])))
    expect(result.outcomes[0]).toMatchObject({ value: false })
    expect(told).toEqual([
      [1, 2, "half"],
      ["Info", "heard", { from: "handler" }],
      ["Error", "Error: grave", {}]
    ])
    const within = Effect.provideService(Deadline.within(speak(null), "1 hour"), Logger.CurrentLoggers, new Set([logger]))
    expect(await Effect.runPromise(within)).toBe(true)
  })
})

describe("TaskHandler.execute", () => {
  it("stands on modules that load nothing of Effect", () => {
    const seen = new Set<string>()
    const visit = (url: URL): void => {
      if (seen.has(url.href)) return
      seen.add(url.href)
      for (const [, specifier] of readFileSync(url, "utf8").matchAll(/^(?:import|export) (?!type\b).*from "(.*)"/gm)) {
        expect(specifier).toMatch(/^\.\.?\//)
        visit(new URL(specifier!, url))
      }
    }
    visit(new URL("../src/TaskHandler.ts", import.meta.url))
    expect(seen.size).toBe(9)
  })

  const call = (handler: (payload: never, context: TaskHandler.Context) => unknown, meta?: TaskRunner.Meta) => {
    const answers: Array<TaskRunner.Answer> = []
    const sent: Array<string> = []
    const port = { settle: (answer: TaskRunner.Answer) => void answers.push(answer), send: (text: string) => void sent.push(text) }
    return { answers, sent, handle: TaskHandler.execute(handler as never)({ text: "1" }, meta, port) }
  }

  it("gives a signal that is aborted already to those who ask for it late", async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { answers, handle } = call(async (_, context) => {
      await promise
      return context.signal.aborted
    })
    handle.interrupt()
    handle.interrupt()
    resolve()
    await new Promise((done) => setTimeout(done, 1))
    expect(answers).toEqual([{ ok: true, text: "true" }])
  })

  it("knows the time that is left, as the caller last said", () => {
    const left: Array<boolean> = []
    let ask: () => number | undefined = () => undefined
    const never = new Promise(() => {})
    const { handle } = call(
      (_, { remaining }) => {
        ask = remaining
        return never
      },
      { remaining: 3_600_000 }
    )
    left.push(ask()! > 3_000_000)
    handle.receive('["left",7200000]')
    left.push(ask()! > 7_000_000)
    handle.receive('["deadline"]')
    left.push(ask() === 0)
    expect(left).toEqual([true, true, true])
    let none: unknown = 1
    call((_, { remaining }) => void (none = remaining()))
    expect(none).toBe(undefined)
  })

  it("sends no line that the caller would drop", () => {
    const speak = (_: never, { log }: TaskHandler.Context): void => log("x", { level: "Debug" })
    expect(call(speak).sent).toEqual([])
    expect(call(speak, { level: "Debug" }).sent).toEqual(['["log",{"level":"Debug","message":["x"]}]'])
    expect(call(speak, { level: "None" }).sent).toEqual([])
  })

  it("says nothing after its answer", () => {
    let late: (() => void) | undefined
    const { answers, sent } = call((_, { log, report }) => {
      late = () => {
        log("late")
        report({ done: 1 })
      }
    })
    late!()
    expect([answers, sent]).toEqual([[{ ok: true, text: "null" }], []])
  })

  it("has an answer of the same shape for a call that could not begin", async () => {
    const answer = TaskHandler.broken(new RangeError("no stack"))
    const runner = { flavour: "broken", run: () => Effect.succeed(answer) }
    const { TaskRunner: service } = await import("@skein/parallel/TaskRunner")
    const cause = await causeOf(Effect.provideService(of("echo", Schema.Null, Schema.Null)(null), service, runner))
    expect((defects(cause)[0] as Error).message).toBe("no stack")
  })
})

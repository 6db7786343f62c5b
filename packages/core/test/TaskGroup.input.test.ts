import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describe, expect, it } from "vitest"
import * as TaskGroup from "../src/TaskGroup.ts"

/** What callers without types may write. */
const run = TaskGroup.run as (options: unknown, body: unknown) => Effect.Effect<unknown, unknown>
const make = TaskGroup.make as (options: unknown) => unknown
const body = () => Effect.void

const inGroup = (use: (spawn: (effect: unknown, options?: unknown) => unknown) => unknown): unknown =>
  Effect.runSync(
    TaskGroup.run({}, (group: TaskGroup.TaskGroup<never>) =>
      Effect.sync(() => {
        try {
          return use(group.spawn as (effect: unknown, options?: unknown) => unknown)
        } catch (error) {
          return error
        }
      })
    )
  )

const anObject = { is: "an object" }

describe("TaskGroup.run and make refuse at once", () => {
  it.each([
    [{ concurrency: 0 }, `concurrency must be a whole number of at least 1, or "unbounded", got 0`],
    [{ concurrency: -1 }, `concurrency must be a whole number of at least 1, or "unbounded", got -1`],
    [{ concurrency: 2.5 }, `concurrency must be a whole number of at least 1, or "unbounded", got 2.5`],
    [{ concurrency: Number.NaN }, `concurrency must be a whole number of at least 1, or "unbounded", got NaN`],
    [{ concurrency: Infinity }, `concurrency must be a whole number of at least 1, or "unbounded", got Infinity`],
    [{ concurrency: "many" }, `concurrency must be a whole number of at least 1, or "unbounded", got "many"`],
    [{ concurrency: null }, `concurrency must be a whole number of at least 1, or "unbounded", got null`],
    [{ timeout: -1 }, "timeout must be a duration that is not negative, got -1"],
    [{ timeout: "-1 seconds" }, `timeout must be a duration that is not negative, got "-1 seconds"`],
    [{ taskTimeout: Number.NaN }, "taskTimeout must be a duration that is not negative, got NaN"],
    [{ taskTimeout: "soon" }, `taskTimeout must be a duration that is not negative, got "soon"`],
    [{ queueTimeout: -5n }, "queueTimeout must be a duration that is not negative, got -5n"],
    [{ grace: anObject }, "grace must be a duration that is not negative, got an object"],
    [{ onFailure: "ignore" }, `onFailure must be "interrupt" | "collect" | "isolate", got "ignore"`],
    [{ onFailure: true }, `onFailure must be "interrupt" | "collect" | "isolate", got true`],
    [{ outcomes: "some" }, `outcomes must be "keep" | "drop", got "some"`],
    [{ name: 7 }, "name must be a string, got 7"],
    [{ onOutcome: "log" }, `onOutcome must be a function, got "log"`],
    [{ onProgress: anObject }, "onProgress must be a function, got an object"],
    [{ attemptTimeout: 5 }, "attemptTimeout must be given as taskTimeout, got 5"],
    [{ retry: { times: 3 } }, "retry must be given to Effect.retry around the task, got an object"]
  ])("%o", (options, message) => {
    expect(() => run(options, body)).toThrow(new RangeError(`TaskGroup.run: ${message}`))
    expect(() => make(options)).toThrow(new RangeError(`TaskGroup.make: ${message}`))
  })

  it.each([
    [{ concurency: 2 }, "concurency"],
    [{ limit: 1 }, "limit"]
  ])("%o, an option that a group does not have", (options, name) => {
    expect(() => run(options, body)).toThrow(RangeError)
    expect(() => run(options, body)).toThrow(`TaskGroup.run: unknown option "${name}", known are name, concurrency`)
  })

  it.each([
    [7, "7"],
    ["fast", `"fast"`],
    [null, "null"]
  ])("options that are %s", (options, got) => {
    expect(() => run(options, body)).toThrow(new RangeError(`TaskGroup.run: options must be an object, got ${got}`))
  })

  it.each([
    [undefined, "undefined"],
    [Effect.void, "an object"]
  ])("a body that is %s", (wrong, got) => {
    expect(() => run({}, wrong)).toThrow(TypeError)
    expect(() => run({}, wrong)).toThrow(`TaskGroup.run: body must be a function, got ${got}`)
  })
})

describe("TaskGroup.run", () => {
  it.each([
    [42, "42"],
    [undefined, "undefined"],
    [Promise.resolve(1), "an object (Promise)"]
  ])("dies when the body gives %s in the place of an effect", async (wrong, got) => {
    const exit = await Effect.runPromiseExit(run({}, () => wrong))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toEqual(
      new TypeError(`TaskGroup.run: body must be a function that gives an Effect, got ${got}`)
    )
  })
})

describe("TaskGroup.spawn refuses at once", () => {
  it.each([
    [undefined, "undefined"],
    [() => Effect.void, "a function"],
    [Promise.resolve(1), "an object (Promise)"]
  ])("%s in the place of an effect", (wrong, got) => {
    expect(inGroup((spawn) => spawn(wrong))).toEqual(new TypeError(`TaskGroup.spawn: effect must be an Effect, got ${got}`))
  })

  it.each([
    [{ timeout: -1 }, "TaskGroup.spawn: timeout must be a duration that is not negative, got -1"],
    [{ timeout: Number.NaN }, "TaskGroup.spawn: timeout must be a duration that is not negative, got NaN"],
    [{ priority: "urgent" }, `TaskGroup.spawn: priority must be "high" | "normal" | "low", got "urgent"`],
    [{ name: 7 }, "TaskGroup.spawn: name must be a string, got 7"],
    [{ nam: "typo" }, `TaskGroup.spawn: unknown option "nam", known are name, timeout, priority`],
    ["fast", `TaskGroup.spawn: options must be an object, got "fast"`]
  ])("%o", (options, message) => {
    expect(inGroup((spawn) => spawn(Effect.void, options))).toEqual(new RangeError(message))
  })
})

/** Makes functions that submit: reads what is to be run, and finds the engine anew at each call. */
import * as Settings from "@skein/core/Settings"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Engine from "../../Engine.ts"
import * as Job from "../../Job.ts"
import type { Meta } from "../../Launcher.ts"
import { Description, known as jobOptions } from "../description.ts"
import { isTask, ofEffect } from "../work.ts"
import { isOwn } from "./own.ts"

const where = "Launcher.define"
const kinds = ["run", "call", "task", "job"] as const
const own = ["description", "tags", "onInterrupt"] as const

type AnyJob = Job.Job<unknown, unknown, unknown>
type JobOptions = Job.Options<unknown>
type Make = (args: ReadonlyArray<unknown>, options: JobOptions) => AnyJob
type Fn = (...args: ReadonlyArray<unknown>) => unknown

interface Given extends Omit<JobOptions, "id"> {
  readonly run?: unknown
  readonly call?: unknown
  readonly task?: unknown
  readonly job?: unknown
  readonly description?: unknown
  readonly tags?: unknown
  readonly onInterrupt?: unknown
}

/** What all launchers that `with` makes of one share. */
interface Shared {
  readonly name: string
  readonly description: string | undefined
  readonly tags: ReadonlyArray<string>
  readonly kind: Meta["kind"]
  readonly make: Make
  readonly onInterrupt: "cancel" | "leave" | undefined
  calls: number
}

const functionOf = (option: string, value: unknown): Fn => {
  if (typeof value === "function") return value as Fn
  throw new TypeError(Settings.mustBe(where, option, "a function", value).message)
}

const effectOf = (value: unknown): Effect.Effect<unknown, unknown> => {
  if (Effect.isEffect(value)) return value as Effect.Effect<unknown, unknown>
  throw new TypeError(Settings.mustBe(where, "run", "a function that gives an Effect", value).message)
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"

/** Nobody can stop a promise, so what waits for one is stopped when that has settled. */
const called = (f: Fn, args: ReadonlyArray<unknown>): Effect.Effect<unknown, Cause.UnknownError> =>
  Effect.suspend(() => {
    let value: unknown
    try {
      value = f(...args)
    } catch (error) {
      return Effect.fail(thrown(error))
    }
    if (Effect.isEffect(value))
      throw new TypeError(`${where}: call must be a function that gives a value or a promise, and run one that gives an Effect`)
    if (!isThenable(value)) return Effect.succeed(value)
    return Effect.uninterruptible(Effect.tryPromise({ try: () => value, catch: thrown }))
  })

const thrown = (error: unknown): Cause.UnknownError =>
  new Cause.UnknownError(error, error instanceof Error && error.message !== "" ? error.message : undefined)

/** How the job of one call is made. */
const makerOf = (name: string, kind: Meta["kind"], what: unknown): Make => {
  switch (kind) {
    case "run": {
      const f = functionOf(kind, what)
      return (args, options) => Job.make(name, { ...options, input: args, run: (given) => effectOf(f(...given)) }) as AnyJob
    }
    case "call": {
      const f = functionOf(kind, what)
      return (args, options) => Job.make(name, { ...options, input: args, run: (given) => called(f, given) })
    }
    case "task": {
      if (!isTask(what)) throw new TypeError(Settings.mustBe(where, kind, "a Task", what).message)
      return (args, options) => Job.task(what, args[0], { ...options, name } as never)
    }
    case "job": {
      const f = functionOf(kind, what)
      return (args, options) => {
        const job = f(...args) as AnyJob
        return Object.keys(options).length === 0 ? job : Job.with(job, options)
      }
    }
  }
}

export const define = (name: string, options: Given): unknown => {
  if (typeof name !== "string" || name === "") throw Settings.mustBe(where, "name", "a string that is not empty", name)
  Settings.known(where, options, [...kinds, ...own, ...jobOptions.filter((option) => option !== "id")])
  const { call, description, job, onInterrupt, run, tags, task, ...rest } = options
  const given = { run, call, task, job }
  const [kind, other] = kinds.filter((kind) => given[kind] !== undefined)
  if (kind === undefined || other !== undefined) {
    throw new RangeError(
      `${where}: options must be with one of ${kinds.join(", ")}, got ${kind === undefined ? "none" : `${kind} and ${other}`}`
    )
  }
  const make = makerOf(name, kind, given[kind])
  check(where, name, rest)
  return launcherOf(
    {
      name,
      description: Settings.text(where, "description", description),
      tags: tagsOf(tags),
      kind,
      make,
      onInterrupt: onInterrupt === undefined ? undefined : Settings.oneOf(where, "onInterrupt", onInterrupt, ["cancel", "leave"]),
      calls: 0
    },
    rest
  )
}

/** Refuses wrong options at once, and not at the first call. */
const check = (where: string, name: string, options: JobOptions): unknown =>
  new Description(where, name, ofEffect(where, Effect.void, undefined), undefined, options)

const tagsOf = (tags: unknown): ReadonlyArray<string> => {
  if (tags === undefined) return []
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === "string")) return [...tags]
  throw Settings.mustBe(where, "tags", "an array of strings", tags)
}

const launcherOf = (shared: Shared, options: JobOptions): unknown => {
  const jobOf = (...args: ReadonlyArray<unknown>): AnyJob => shared.make(args, options)
  const take = (job: AnyJob): Effect.Effect<Job.Handle<unknown, unknown>, Engine.SubmitError, Engine.Engine> =>
    Effect.map(
      Effect.flatMap(
        Effect.service(Engine.Engine),
        (engine) => engine.submit(job) as Effect.Effect<Job.Handle<unknown, unknown>, Engine.SubmitError>
      ),
      (handle) => {
        shared.calls++
        return handle
      }
    )
  const cancels = (shared.onInterrupt ?? (options.key === undefined ? "cancel" : "leave")) === "cancel"
  const launch = (...args: ReadonlyArray<unknown>): unknown =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const job = jobOf(...args)
        return Effect.flatMap(take(job), (handle) => {
          const join = restore(handle.join)
          return cancels && isOwn(job, handle) ? Effect.onInterrupt(join, () => handle.cancel("its caller was interrupted")) : join
        })
      })
    )
  const { description, kind, name, tags } = shared
  const properties = {
    name,
    job: jobOf,
    submit: (...args: ReadonlyArray<unknown>) => Effect.suspend(() => take(jobOf(...args))),
    with: (more: JobOptions) => {
      Settings.known("Launcher.with", more, jobOptions)
      const both = { ...options, ...more }
      check("Launcher.with", name, both)
      return launcherOf(shared, both)
    }
  }
  for (const [property, value] of Object.entries(properties)) Object.defineProperty(launch, property, { value, configurable: true })
  return Object.defineProperty(launch, "meta", {
    get: (): Meta => ({ name, description, tags, kind, calls: shared.calls }),
    configurable: true
  })
}

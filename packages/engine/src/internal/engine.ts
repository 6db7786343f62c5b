/** The face of an engine: reads the options, and turns calls into steps of the core. */
import * as Settings from "@skein/core/Settings"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type * as Engine from "../Engine.ts"
import type * as Job from "../Job.ts"
import { dumpOf, graphOf, limitsOf } from "./dump.ts"
import { words } from "./ends.ts"
import { type CoreSettings, EngineCore } from "./engineCore.ts"
import { StateNotReached, SubmitError } from "./errors.ts"
import { jobOf } from "./inside.ts"
import type { Journal } from "./journal.ts"
import type { Run } from "./run.ts"
import { Refusal, Registrar } from "./submit.ts"

const own = ["limits", "onClose", "retention", "onChange"]
const refused = ["concurrency", "timeout", "taskTimeout", "attemptTimeout", "queueTimeout", "retry", "span", "metrics"]

const limitsFrom = (where: string, limits: unknown): Record<string, number> => {
  if (typeof limits !== "object" || limits === null || Array.isArray(limits)) throw Settings.mustBe(where, "limits", "a record", limits)
  const read: Record<string, number> = {}
  for (const [name, limit] of Object.entries(limits)) {
    if (limit === undefined) continue
    if (limit !== "unbounded" && !(Number.isSafeInteger(limit) && limit >= 1)) {
      throw Settings.mustBe(where, `limits.${name}`, `a whole number of at least 1, or "unbounded"`, limit)
    }
    read[name] = limit === "unbounded" ? Infinity : (limit as number)
  }
  return read
}

const settingsOf = (where: string, options: Engine.Options): CoreSettings => {
  const pump = Settings.read(where, options, own)
  for (const name of refused) {
    if (name in options) throw new RangeError(`${where}: unknown option ${JSON.stringify(name)}, known are name, grace, ${own.join(", ")}`)
  }
  if (options.onChange !== undefined && typeof options.onChange !== "function") {
    throw Settings.mustBe(where, "onChange", "a function", options.onChange)
  }
  return {
    pump: { ...pump, concurrency: Infinity },
    limits: { jobs: Infinity, ...(options.limits === undefined ? {} : limitsFrom(where, options.limits)) },
    onClose: Settings.oneOf(where, "onClose", options.onClose, ["interrupt", "drain"]),
    retention: options.retention === undefined ? 10_000 : Settings.whole(where, "retention", options.retention, 0),
    onChange: options.onChange
  }
}

export const make = (where: string, options: Engine.Options = {}, journal?: Journal): Effect.Effect<Engine.Engine, never, Scope.Scope> => {
  const settings = settingsOf(where, options)
  // Not `acquireRelease`, which runs the release in the context of the acquisition: a job that closes the scope of its own engine would not be seen.
  return Effect.uninterruptible(
    Effect.withFiber((owner) => {
      const scope = Context.get(owner.context as Context.Context<Scope.Scope>, Scope.Scope)
      const core = new EngineCore(owner, settings, journal)
      core.pump.begin()
      return Effect.as(Scope.addFinalizer(scope, core.close), new Face(core))
    })
  )
}

const stateWords: ReadonlySet<string> = new Set(["waiting", "running", "ended", ...words])

const stateWord = (where: string, value: unknown): Engine.StateWord => {
  if (typeof value === "string" && stateWords.has(value)) return value as Engine.StateWord
  throw Settings.mustBe(where, "state", [...stateWords].map((word) => JSON.stringify(word)).join(" | "), value)
}

const matcher = (where: string, filter: Engine.Filter): ((run: Run) => boolean) => {
  Settings.known(where, filter, ["name", "state", "labels", "key"])
  const { key, name } = filter
  const states = filter.state === undefined ? undefined : [filter.state].flat().map((word) => stateWord(where, word))
  const labels = filter.labels === undefined ? undefined : Object.entries(filter.labels)
  return (run) =>
    (name === undefined || run.name === name) &&
    (key === undefined || run.slot.job.key === key) &&
    (states === undefined || states.some((word) => stands(run, word))) &&
    (labels === undefined || labels.every(([label, value]) => run.slot.job.labels[label] === value))
}

const stands = (run: Run, word: Engine.StateWord): boolean => run.status === word || (word === "ended" && run.end !== undefined)

class Face implements Engine.Engine {
  private readonly core: EngineCore
  private readonly registrar: Registrar
  readonly awaitIdle: Effect.Effect<void>

  constructor(core: EngineCore) {
    this.core = core
    this.registrar = new Registrar(core)
    this.awaitIdle = core.awaitIdle
  }

  get name(): string | undefined {
    return this.core.name
  }

  readonly submit = <A, E, R>(job: Job.Job<A, E, R>): Effect.Effect<Job.Handle<A, E>, SubmitError, R> =>
    this.take((fiber) => this.registrar.submit("Engine.submit", [job], fiber.context as Context.Context<never>)[0]! as Job.Handle<A, E>)

  readonly submitAll = <
    const Jobs extends ReadonlyArray<Job.Job<unknown, unknown, unknown>> | Readonly<Record<string, Job.Job<unknown, unknown, unknown>>>
  >(
    jobs: Jobs
  ): Effect.Effect<Engine.HandlesOf<Jobs>, SubmitError, Engine.ServicesOf<Jobs[keyof Jobs]>> => {
    const where = "Engine.submitAll"
    if (typeof jobs !== "object" || (jobs as unknown) === null) throw Settings.mustBe(where, "jobs", "an array or a record of jobs", jobs)
    const names = Array.isArray(jobs) ? undefined : Object.keys(jobs)
    return this.take((fiber) => {
      const runs = this.registrar.submit(
        where,
        names === undefined ? (jobs as never) : Object.values(jobs),
        fiber.context as Context.Context<never>
      )
      return (names === undefined ? runs : Object.fromEntries(names.map((name, i) => [name, runs[i]!]))) as never
    })
  }

  readonly rerun = <A = unknown, E = unknown>(which: Job.Handle<A, E> | string): Effect.Effect<Job.Handle<A, E>, SubmitError> =>
    this.take(() => this.registrar.rerun(which) as Job.Handle<A, E>)

  /** Takes jobs in within one step, and answers when that is recorded. */
  private take<T>(register: (fiber: Fiber.Fiber<unknown, unknown>) => T): Effect.Effect<T, SubmitError> {
    return Effect.withFiber((fiber) => {
      const { core } = this
      if (core.stopped !== undefined || core.broken !== undefined || (core.draining && jobOf(core, fiber) === undefined)) {
        return Effect.fail(new SubmitError({ reason: { _tag: "Closed" } }))
      }
      let taken: T
      try {
        taken = register(fiber)
      } catch (refusal) {
        if (refusal instanceof Refusal) return Effect.fail(new SubmitError({ reason: refusal.reason }))
        throw refusal
      }
      return core.recorded(() =>
        core.broken === undefined
          ? Effect.succeed(taken)
          : Effect.fail(new SubmitError({ reason: { _tag: "NotRecorded", error: core.broken } }))
      )
    })
  }

  readonly get = (id: string): Effect.Effect<Option.Option<Job.Handle<unknown, unknown>>> =>
    Effect.sync(() => Option.fromUndefinedOr(this.core.runs.get(id)))

  readonly list = (filter: Engine.Filter = {}): Effect.Effect<ReadonlyArray<Job.Run>> => {
    const matches = matcher("Engine.list", filter)
    return Effect.sync(() => [...this.core.runs.values()].filter(matches).map((run) => run.run))
  }

  readonly cancel = (which: string | Engine.Filter, reason?: unknown): Effect.Effect<number> => {
    const { core } = this
    const matches = typeof which === "string" ? (run: Run): boolean => run.id === which : matcher("Engine.cancel", which)
    const selected =
      typeof which === "string"
        ? (): ReadonlyArray<Run> => [core.runs.get(which) ?? []].flat()
        : (): ReadonlyArray<Run> => [...core.active].filter(matches)
    return Effect.flatMap(core.cancelRuns(selected, reason), (runs) =>
      Effect.as(
        Effect.forEach(runs, (run) => run.await, { discard: true }),
        runs.length
      )
    )
  }

  readonly resize = (limits: Engine.Limits): Effect.Effect<void> => {
    const where = "Engine.resize"
    const { core } = this
    const read = limitsFrom(where, limits)
    for (const name of Object.keys(read)) {
      if (!core.limits.resources.has(name))
        throw Settings.mustBe(where, "limits", `of ${[...core.limits.resources.keys()].join(", ")}`, name)
    }
    return Effect.sync(() => {
      core.limits.resize(read)
      const [first] = core.limits.tooBig() as Iterable<Run>
      if (first !== undefined)
        core.after(() => core.pump.log(`job ${first.id} waits for more of a limit than there is, until it is resized`))
      core.commit()
    })
  }

  readonly stats: Effect.Effect<Engine.Stats> = Effect.sync(() => {
    const { core } = this
    const waiting = { upstream: 0, condition: 0, limit: 0, retry: 0 }
    let running = 0
    for (const { phase } of core.active) {
      if (phase === "running") running++
      else if (phase in waiting) waiting[phase as keyof typeof waiting]++
    }
    return { waiting, running, abandoned: core.pump.abandoned, ended: { ...core.counts }, limits: limitsOf(core) }
  })

  readonly awaitState = (
    which: Job.Handle<unknown, unknown> | string,
    state: Engine.StateWord,
    options: { readonly within?: Duration.Input | undefined } = {}
  ): Effect.Effect<Job.Run, StateNotReached> => {
    const where = "Engine.awaitState"
    const wanted = stateWord(where, state)
    Settings.known(where, options, ["within"])
    const within = options.within === undefined ? Infinity : Settings.millis(where, "within", options.within)
    const { core } = this
    return Effect.suspend(() => {
      const run = typeof which === "string" ? core.runs.get(which) : (which as unknown as Run)
      if (run === undefined) return Effect.fail(new StateNotReached({ id: which as string, wanted }))
      let view: Job.Run | undefined
      const is = (): boolean => {
        if (view === undefined && stands(run, wanted)) view = run.run
        return view !== undefined
      }
      const wait = core.awaitChange(run, is)
      const missed = (after?: Duration.Duration): StateNotReached => new StateNotReached({ id: run.id, wanted, state: run.status, after })
      const bounded =
        within === Infinity
          ? wait
          : Effect.timeoutOrElse(wait, {
              duration: within,
              orElse: () => (is() ? Effect.void : Effect.fail(missed(Duration.millis(within))))
            })
      return Effect.flatMap(bounded, () => (is() ? Effect.succeed(view!) : Effect.fail(missed())))
    })
  }

  readonly graph = Effect.sync(() => graphOf(this.core))

  readonly dump = Effect.sync(() => dumpOf(this.core))

  subscribe(listener: (run: Job.Run) => void): () => void {
    const { listeners } = this.core
    const each = (run: Job.Run): void => listener(run)
    listeners.add(each)
    return () => {
      listeners.delete(each)
    }
  }
}

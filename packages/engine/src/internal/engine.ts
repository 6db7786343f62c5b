/** The face of an engine: reads the options, and turns calls into steps of the core. */
import * as Settings from "@skein/core/Settings"
import * as TaskRunner from "@skein/parallel/TaskRunner"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type * as Engine from "../Engine.ts"
import type * as Job from "../Job.ts"
import type { JobStore, StoreError } from "../JobStore.ts"
import { instant as readInstant } from "./condition/read.ts"
import { namesOf } from "./description.ts"
import { dumpOf, graphOf, limitsOf } from "./dump.ts"
import { words } from "./ends.ts"
import { Durable } from "./durable.ts"
import { type CoreSettings, EngineCore } from "./engineCore.ts"
import { StateNotReached, SubmitError } from "./errors.ts"
import { Inbox } from "./inbox.ts"
import { awaitChange, jobOf } from "./inside.ts"
import type { Journal } from "./journal.ts"
import { openOutputs, optionNames, readSettings } from "./output/outputs.ts"
import { restore } from "./restore.ts"
import type { Run } from "./run.ts"
import { Refusal, Registrar } from "./submit.ts"
import { wholly } from "./store/wholly.ts"
import { type AnyTask, isTask } from "./work.ts"
import { Works } from "./works.ts"

const own = ["limits", "onClose", "retention", "onChange", "onProgress", "flavours", "store", "tasks", ...optionNames]
const refused = ["concurrency", "timeout", "taskTimeout", "attemptTimeout", "queueTimeout", "retry", "span", "metrics"]

const limitsFrom = (where: string, limits: unknown): Record<string, number> => {
  const read: Record<string, number> = {}
  for (const [name, limit] of namesOf(where, "limits", limits)) {
    if (limit === undefined) continue
    if (limit !== "unbounded" && !(Number.isSafeInteger(limit) && (limit as number) >= 1)) {
      throw Settings.mustBe(where, `limits.${name}`, `a whole number of at least 1, or "unbounded"`, limit)
    }
    read[name] = limit === "unbounded" ? Infinity : (limit as number)
  }
  return read
}

/** The layers by name; a name is that of a limit too. */
const flavoursFrom = (where: string, flavours: unknown): ReadonlyArray<readonly [string, Layer.Layer<never>]> => {
  if (flavours === undefined) return []
  return namesOf(where, "flavours", flavours).map(([name, layer]) => {
    if (!Layer.isLayer(layer)) throw Settings.mustBe(where, `flavours.${name}`, "a Layer", layer)
    return [name, layer as unknown as Layer.Layer<never>]
  })
}

const tasksFrom = (where: string, tasks: unknown): ReadonlyArray<AnyTask> => {
  if (tasks === undefined) return []
  if (!Array.isArray(tasks)) throw Settings.mustBe(where, "tasks", "an array", tasks)
  for (const [i, task] of tasks.entries()) if (!isTask(task)) throw Settings.mustBe(where, `tasks[${i}]`, "a Task", task)
  return tasks as ReadonlyArray<AnyTask>
}

const settingsOf = (where: string, options: Engine.Options, flavours: CoreSettings["flavours"]): Omit<CoreSettings, "outputs"> => {
  const pump = Settings.read(where, options, own)
  for (const name of refused) {
    if (name in options) throw new RangeError(`${where}: unknown option ${JSON.stringify(name)}, known are name, grace, ${own.join(", ")}`)
  }
  for (const name of ["onChange", "onProgress"] as const) {
    if (options[name] !== undefined && typeof options[name] !== "function") throw Settings.mustBe(where, name, "a function", options[name])
  }
  return {
    pump: { ...pump, concurrency: Infinity },
    limits: {
      jobs: Infinity,
      ...Object.fromEntries([...flavours.keys()].map((name) => [name, Infinity])),
      ...(options.limits === undefined ? {} : limitsFrom(where, options.limits))
    },
    flavours,
    onClose: Settings.oneOf(where, "onClose", options.onClose, ["interrupt", "finish", "drain"]),
    retention: options.retention === undefined ? 10_000 : Settings.whole(where, "retention", options.retention, 0),
    onChange: options.onChange,
    onProgress: options.onProgress
  }
}

export const make = (
  where: string,
  options: Engine.Options = {},
  journal?: Journal
): Effect.Effect<Engine.Engine, StoreError, Scope.Scope> => {
  const layers = flavoursFrom(where, options.flavours)
  const settings = settingsOf(where, options, new Map(layers.map(([name]) => [name, TaskRunner.inline])))
  const output = readSettings(where, options)
  const works = new Works(tasksFrom(where, options.tasks))
  const { store } = options
  if (store !== undefined && !isStore(store)) throw Settings.mustBe(where, "store", "a JobStore", store)
  // One that cannot be opened keeps nothing: who tries again would meet it.
  return wholly(
    Effect.gen(function* () {
      const owner = yield* Effect.withFiber(Effect.succeed)
      const context = owner.context as Context.Context<Scope.Scope>
      const flavours = new Map<string, TaskRunner.TaskRunner>()
      for (const [name, layer] of layers) {
        flavours.set(name, Context.get(yield* Layer.build(layer), TaskRunner.TaskRunner))
      }
      const outputs = yield* openOutputs(output)
      const durable = store === undefined ? undefined : new Durable(store, yield* store.own)
      // Not `acquireRelease`, which runs the release in the context of the acquisition: a job that closes the scope of its own engine would not be seen.
      const begin = Effect.suspend(() => {
        const core = new EngineCore(owner, { ...settings, flavours, outputs }, journal, durable)
        core.pump.begin()
        return Effect.as(Scope.addFinalizer(Context.get(context, Scope.Scope), core.close), core)
      })
      const core = yield* Effect.uninterruptible(begin)
      const registrar = new Registrar(core)
      if (durable !== undefined) {
        const loaded = yield* durable.owner.load
        yield* restore(core, registrar, works, loaded, context as Context.Context<never>)
        yield* outputs.sweep(core.runs.keys())
        yield* new Inbox(core, registrar, works, context as Context.Context<never>).open
      }
      return new Face(core, registrar)
    })
  )
}

const isStore = (value: unknown): value is JobStore => typeof value === "object" && value !== null && "own" in value && "request" in value

const stateWords: ReadonlySet<string> = new Set(["waiting", "running", "ended", ...words])

const stateWord = (where: string, value: unknown): Engine.StateWord => {
  if (typeof value === "string" && stateWords.has(value)) return value as Engine.StateWord
  throw Settings.mustBe(where, "state", [...stateWords].map((word) => JSON.stringify(word)).join(" | "), value)
}

const matcher = (where: string, filter: Engine.Filter): ((run: Run) => boolean) => {
  Settings.known(where, filter, ["name", "state", "labels", "key", "submitted", "ended"])
  const { key, name } = filter
  const states = filter.state === undefined ? undefined : [filter.state].flat().map((word) => stateWord(where, word))
  const labels = filter.labels === undefined ? undefined : Object.entries(filter.labels)
  const submitted = rangeOf(where, "submitted", filter.submitted)
  const ended = rangeOf(where, "ended", filter.ended)
  return (run) =>
    (name === undefined || run.name === name) &&
    (key === undefined || run.slot.job.key === key) &&
    (submitted === undefined || submitted(run.submittedAt)) &&
    (ended === undefined || (run.end !== undefined && ended(run.end.endedAt ?? 0))) &&
    (states === undefined || states.some((word) => stands(run, word))) &&
    (labels === undefined || labels.every(([label, value]) => run.slot.job.labels[label] === value))
}

const rangeOf = (where: string, option: string, range: Engine.Range | undefined): ((at: number) => boolean) | undefined => {
  if (range === undefined) return undefined
  Settings.known(`${where}: ${option}`, range, ["from", "to"])
  const instant = (name: string, value: DateTime.DateTime.Input | undefined, none: number): number =>
    value === undefined ? none : readInstant(`${where}: ${option}.${name}`, value)
  const from = instant("from", range.from, -Infinity)
  const to = instant("to", range.to, Infinity)
  return (at) => at >= from && at < to
}

const stands = (run: Run, word: Engine.StateWord): boolean => run.status === word || (word === "ended" && run.end !== undefined)

class Face implements Engine.Engine {
  private readonly core: EngineCore
  private readonly registrar: Registrar
  readonly awaitIdle: Effect.Effect<void>

  readonly awaitClosed: Effect.Effect<void>
  readonly awaitFailure: Effect.Effect<StoreError>

  constructor(core: EngineCore, registrar: Registrar) {
    this.core = core
    this.registrar = registrar
    this.awaitIdle = core.awaitIdle
    this.awaitClosed = core.awaitClosed
    this.awaitFailure = Effect.map(core.awaitFailure, ({ cause }) => cause as StoreError)
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

  /** Answers when what was noted is kept. */
  private kept<A>(answer: A): Effect.Effect<A, StoreError> {
    const { core } = this
    return core.recorded(() => (core.broken === undefined ? Effect.succeed(answer) : Effect.fail(core.broken.cause as StoreError)))
  }

  readonly memory = (name: string): Engine.Memory => {
    if (Settings.text("Engine.memory", "name", name) === "")
      throw Settings.mustBe("Engine.memory", "name", "a string that is not empty", name)
    const { core } = this
    return {
      load: Effect.sync(() => core.memories.get(name)),
      save: (value) =>
        Effect.suspend(() => {
          if (value === undefined) core.memories.delete(name)
          else core.memories.set(name, value)
          if (core.durable !== undefined) core.note({ type: "other", change: { type: "schedule", name, state: value } })
          return this.kept(undefined)
        })
    }
  }

  readonly interrupt: Effect.Effect<void> = Effect.suspend(() => {
    this.core.interrupt()
    return this.core.awaitIdle
  })

  readonly prune = (filter: Engine.Filter = {}): Effect.Effect<number, StoreError> => {
    const matches = matcher("Engine.prune", filter)
    const { core } = this
    return Effect.suspend(() => {
      const runs = [...core.runs.values()].filter((run) => run.end !== undefined && run.holders === 0 && matches(run))
      for (const run of runs) core.retention.forget(run)
      return this.kept(runs.length)
    })
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
      const wait = awaitChange(run, is)
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

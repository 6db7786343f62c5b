/**
 * The gather behind `AgentGather`: one limiter, the calls that run, and the tasks that can be cancelled by name.
 */
import * as Deadline from "@skein/core/Deadline"
import type * as GatherResult from "@skein/core/GatherResult"
import * as Limiter from "@skein/core/Limiter"
import type * as Outcome from "@skein/core/Outcome"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as AgentGather from "../AgentGather.ts"
import { parallelGather } from "../parallelGather.ts"
import { parallelMap } from "../parallelMap.ts"
import { counterOf } from "./counterOf.ts"
import { attemptOf, Entry } from "./agentEntry.ts"
import { AgentGatherError } from "./agentError.ts"
import { type Defaults, planOf, type Plan } from "./agentOptions.ts"
import * as record from "./agentRecord.ts"
import * as store from "./agentStore.ts"
import { accountText, line, whyOf } from "./agentText.ts"

type AnyTask = AgentGather.Task
type AnyReport = AgentGather.Report<any, any>
type AnyAccount = AgentGather.Account<any, any>

/** One gather that runs. */
interface Call {
  readonly plan: Plan
  readonly entries: ReadonlyArray<Entry>
  /** The task from inside of which it was called, and that task's call. */
  readonly outer: Place | undefined
  readonly left: Array<AgentGather.Abandoned<any, any>>
  readonly context: Context.Context<never>
}

interface Place {
  readonly entry: Entry
  readonly call: Call
}

/** The task that the running fiber belongs to. */
const Inside = Context.Reference<Place | undefined>("@skein/parallel/AgentGather/inside", { defaultValue: () => undefined })

/** Milliseconds on a clock that never goes back. */
const now: Effect.Effect<number> = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)

export class Gatherer implements AgentGather.AgentGather {
  readonly name: string | undefined
  readonly limiter: Limiter.Limiter
  private readonly where: string
  private readonly defaults: Defaults
  private readonly calls = new Set<Call>()
  private readonly tasks = { completed: 0, failed: 0, timedOut: 0, cancelled: 0, notStarted: 0, resumed: 0 }
  private closed = false
  /** Called at the end of each call, once closed. */
  private readonly watchers = new Set<() => void>()

  constructor(defaults: Defaults, module = "AgentGather") {
    this.where = `${module}.gather`
    this.defaults = defaults
    this.name = defaults.name
    this.limiter = Limiter.makeUnsafe({ permits: defaults.concurrency, name: defaults.name })
  }

  /** Refuses wrong options of a gather. */
  check(options: AgentGather.GatherOptions): void {
    planOf(this.where, options, this.defaults)
  }

  readonly gather: AgentGather.AgentGather["gather"] = (tasks, options) => {
    const plan = planOf(this.where, options, this.defaults)
    return Effect.withFiber((fiber) => this.call(tasks, plan, fiber.context)) as never
  }

  readonly cancel: AgentGather.AgentGather["cancel"] = (id, reason) =>
    Effect.suspend(() => {
      const entries = [...this.calls].flatMap((call) => call.entries.map((entry) => ({ call, entry })))
      const byPath = entries.filter(({ entry }) => entry.path === id)
      const found = byPath.length > 0 ? byPath : entries.filter(({ entry }) => entry.id === id)
      if (found.length !== 1) {
        const known = (found.length === 0 ? entries : found).map(({ entry }) => entry.path).sort()
        return Effect.fail(new AgentGatherError({ reason: { _tag: "NoSuchTask", id, known } }))
      }
      const { call, entry } = found[0]!
      if (entry.cancel({ _tag: "Requested", value: reason })) this.settle(call, entry)
      return entry.awaitReport
    })

  readonly stats: AgentGather.AgentGather["stats"] = Effect.suspend(() =>
    Effect.map(this.limiter.stats, ({ abandoned, peak, permits, running, waiting }) => {
      const { calls, closed, tasks } = this
      return { permits, running, waiting, peak, abandoned, gathers: calls.size, tasks: { ...tasks }, closed }
    })
  )

  /** Stops all calls and waits for them; whoever closes from inside of a call is interrupted with it and does not wait for it. */
  readonly close: Effect.Effect<void> = Effect.withFiber((fiber) => {
    this.closed = true
    const inside = new Set<Call>()
    for (let place = Context.get(fiber.context, Inside); place !== undefined; place = place.call.outer) inside.add(place.call)
    // Backwards: what waits is taken out of the line before what runs makes room for it.
    const all = [...this.calls].flatMap((call) => call.entries.map((entry) => ({ call, entry }))).reverse()
    const now = all.filter(({ entry }) => !entry.started)
    for (const { call, entry } of [...now, ...all]) if (entry.cancel({ _tag: "Closed" })) this.settle(call, entry)
    return Effect.callback((resume) => {
      const over = (): boolean => [...this.calls].every((call) => inside.has(call))
      if (over()) return resume(Effect.void)
      const look = (): void => {
        if (over() && this.watchers.delete(look)) resume(Effect.void)
      }
      this.watchers.add(look)
      return Effect.sync(() => void this.watchers.delete(look))
    })
  })

  private call(tasks: Iterable<AnyTask>, plan: Plan, context: Context.Context<never>): Effect.Effect<AnyAccount, AgentGatherError> {
    const outer = Context.get(context, Inside)
    let call: Call | undefined
    // The frame comes first, so that a call that is listed is taken off the list wherever it is interrupted.
    return Effect.onExitPrimitive(
      Effect.suspend(() => {
        if (this.closed) return Effect.fail(new AgentGatherError({ reason: { _tag: "Closed", account: undefined } }))
        const list = [...tasks]
        const refusal = refusalOf(list, plan.maxTasks)
        if (refusal !== undefined) return Effect.fail(new AgentGatherError({ reason: refusal }))
        const own: Call = { plan, entries: entriesOf(list, plan, outer), outer, left: [], context }
        this.calls.add((call = own))
        return this.run(own)
      }),
      (exit) => {
        if (call !== undefined) this.end(call, exit)
        return undefined
      }
    )
  }

  private end(call: Call, exit: Exit.Exit<unknown, unknown>): void {
    // After an interruption nobody gets an account, but somebody may wait for what he cancelled.
    if (Exit.isFailure(exit)) for (const entry of call.entries) this.settle(call, entry, { _tag: "CallerInterrupted" })
    this.calls.delete(call)
    for (const look of [...this.watchers]) look()
  }

  private run(call: Call): Effect.Effect<AnyAccount, AgentGatherError> {
    const { entries, outer, plan } = call
    const prefix = plan.prefix(outer?.entry.scope)
    return Effect.gen({ self: this }, function* () {
      const from = yield* now
      // A deadline around that comes first is answered by this call anyway. A limit of its own shortly after it would cut tasks off that are just making something of what the calls inside of them had.
      const left = yield* Deadline.remaining
      const timeout = Option.isSome(left) && Duration.toMillis(left.value) <= plan.timeout ? Infinity : plan.timeout
      let notes: ReadonlyArray<string> = []
      if (plan.store !== undefined && prefix !== undefined) {
        notes = yield* store.recall(plan.store, prefix, entries, plan.storeLimits, timeout)
        for (const entry of entries) if (entry.resumed) this.settle(call, entry)
      } else if (plan.resume !== undefined) notes = ["there is no store, so nothing is kept to resume"]
      const result = yield* this.runTasks(call, Math.max(0, timeout - ((yield* now) - from)))
      return yield* this.answer(call, result, notes, (yield* now) - from)
    })
  }

  /** The tasks take turns among the places of this call, and those of all calls among the permits. No more of a call stand in line than there are permits, so one of 3 does not wait for one of 100. */
  private runTasks(call: Call, timeout: number): Effect.Effect<GatherResult.GatherResult<void>> {
    const { plan } = call
    return Effect.flatMap(this.limiter.stats, ({ permits }) =>
      parallelMap(call.entries, (entry) => this.cell(call, entry), {
        concurrency: Math.min(permits, plan.concurrency),
        timeout: timeout === Infinity ? "Infinity" : timeout,
        stop: plan.stop,
        name: plan.name
      })
    )
  }

  /**
   * Runs a task as a call of its own, which can be stopped alone and has clocks of its own. Whatever interrupts it, a value that it gave is kept before this ends.
   */
  private cell(call: Call, entry: Entry): Effect.Effect<void> {
    const { plan } = call
    if (entry.outcome !== undefined) return Effect.void
    entry.started = true
    // Services come from the caller's context, in which everything here runs.
    const attempt = attemptOf(entry, Effect.provideService(Inside, { entry, call })) as Effect.Effect<any, any>
    const ran = parallelGather([attempt], {
      ...plan.task,
      limiter: this.limiter,
      stop: entry.stop.signal,
      name: entry.path,
      onOutcome: (outcome) => entry.heard(outcome)
    })
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.exit(restore(ran)), (exit) => {
        if (Exit.isSuccess(exit))
          for (const { await: end } of exit.value.abandoned) call.left.push({ id: entry.id, path: entry.path, await: end })
        return Effect.andThen(
          this.keep(call, entry),
          Effect.sync(() => {
            if (entry.outcome !== undefined) this.settle(call, entry)
          })
        )
      })
    )
  }

  private keep({ plan, outer }: Call, entry: Entry): Effect.Effect<void> {
    const { identity, outcome } = entry
    const prefix = plan.prefix(outer?.entry.scope)
    if (plan.store === undefined || prefix === undefined || outcome?._tag !== "Completed" || entry.missing.size > 0) return Effect.void
    if (identity === undefined) {
      if (plan.resume !== undefined) entry.problem = "it has neither an id nor an input that JSON can hold"
      return Effect.void
    }
    return Effect.map(store.keep(plan.store, prefix, identity, outcome.value, plan.storeLimits), (problem) => {
      entry.kept = problem === undefined
      entry.problem = problem
    })
  }

  /** Makes the report of a task, once. `unless` is why it never started, where nobody knows better. */
  private settle(call: Call, entry: Entry, unless?: Outcome.Reason): void {
    const { plan } = call
    if (entry.report !== undefined) return
    if (entry.outcome === undefined) {
      if (unless === undefined) return
      entry.never(unless)
    }
    const { agent, id, kept, missing, path, resumed } = entry
    const outcome = entry.outcome!
    const report: AnyReport = {
      id,
      path,
      agent,
      status: outcome.status,
      why: whyOf(outcome, plan.grace),
      outcome,
      resumed,
      kept,
      missing: missing.size
    }
    this.tasks[resumed ? "resumed" : counterOf[outcome._tag]]++
    entry.settle(report)
    if (plan.onReport !== undefined) this.observe(call, plan.onReport, report)
  }

  /** What an observer throws is logged and changes nothing (law 13). */
  private observe({ context }: Call, onReport: (report: AnyReport) => void, report: AnyReport): void {
    const log = (defect: unknown): void => {
      Effect.runForkWith(context)(Effect.logWarning("skein: onReport of an agent gather threw", Cause.die(defect)))
    }
    try {
      // An async function fits the type too, and a rejection that nobody handles would end the process.
      const result: unknown = onReport(report)
      if (result instanceof Promise) result.catch(log)
    } catch (defect) {
      log(defect)
    }
  }

  private answer(
    call: Call,
    result: GatherResult.GatherResult<void>,
    notes: ReadonlyArray<string>,
    elapsed: number
  ): Effect.Effect<AnyAccount, AgentGatherError> {
    const { entries, outer, plan } = call
    for (const entry of entries) this.settle(call, entry, whyNot(result.list[entry.index]!))
    const reports = entries.map((entry) => entry.report!)
    const finished = reports.filter((report) => report.status === "completed")
    const unfinished = reports.filter((report) => report.status !== "completed")
    const built = finished.filter((report) => report.missing > 0)
    const facts: Omit<AnyAccount, "text"> = {
      total: entries.length,
      completed: finished.length,
      missing: unfinished.length + built.length,
      reports,
      finished,
      unfinished,
      values: finished.map(({ outcome }) => (outcome as Outcome.Completed<any>).value),
      notes: [
        ...notes,
        ...entries.flatMap(({ id, problem }) => (problem === undefined ? [] : [`the result of ${line(id, 80)} was not kept: ${problem}`]))
      ],
      resume: plan.resume,
      elapsed: Duration.millis(elapsed),
      abandoned: call.left
    }
    const account = { ...facts, text: accountText(facts, plan.textLimit) }
    if (outer !== undefined) {
      // Tried again with success, a task is not missing any more, if it can be told that it was the same.
      for (const { key, report } of entries) {
        if (report!.status !== "completed" || report!.missing > 0) outer.entry.missing.add(key ?? Symbol())
        else if (key !== undefined) outer.entry.missing.delete(key)
      }
    }
    return this.closed && facts.missing > 0
      ? Effect.fail(new AgentGatherError({ reason: { _tag: "Closed", account } }))
      : Effect.succeed(account)
  }
}

/** Why a task that has no outcome of its own did not start. */
const whyNot = (outcome: Outcome.Outcome<unknown, unknown>): Outcome.Reason =>
  outcome._tag === "NotStarted" || outcome._tag === "Cancelled" ? outcome.reason : { _tag: "DeadlineReached" }

const refusalOf = (tasks: ReadonlyArray<AnyTask>, max: number): AgentGather.Reason | undefined => {
  if (tasks.length > max) return { _tag: "TooManyTasks", max, got: tasks.length }
  const ids = new Set<string>()
  for (const [index, task] of tasks.entries()) {
    const id = idOf(task, index)
    if (ids.has(id)) return { _tag: "DuplicateId", id }
    ids.add(id)
  }
  return undefined
}

// Tasks may come from a model, which gives a number for a name, and null or nothing for what it leaves out.
const idOf = (task: AnyTask, index: number): string => nameOf(task.id) ?? `${nameOf(task.agent) ?? "task"}-${index + 1}`

const nameOf = (name: unknown): string | undefined => (name === undefined || name === null || name === "" ? undefined : String(name))

/**
 * What a task is known by in another run is its id, agent and input. Under a key of its own a gather says that its ids mean something. A gather inside of a task that is kept never said so: there only tasks with an
 * input are kept, and who asks the same twice is answered twice.
 */
const entriesOf = (tasks: ReadonlyArray<AnyTask>, plan: Plan, outer: Place | undefined): ReadonlyArray<Entry> => {
  const { resume } = plan
  const seen = resume === undefined && outer !== undefined ? outer.entry.asked : new Map<string, number>()
  const prefix = plan.prefix(outer?.entry.scope)
  return tasks.map((task, index) => {
    const { run } = task
    const agent = nameOf(task.agent)
    const given = nameOf(task.id)
    const input = task.input ?? undefined
    const id = idOf(task, index)
    const path = outer === undefined ? id : `${outer.entry.path}/${id}`
    const entry = new Entry({ id, path, agent, run, index })
    if ((given === undefined && input === undefined) || record.problemOf(input) !== undefined) return entry
    const alike = (entry.key = record.identityOf(given, agent, input, 0))
    const nth = seen.get(alike) ?? 0
    seen.set(alike, nth + 1)
    if (prefix === undefined || (resume === undefined && input === undefined)) return entry
    entry.identity = nth === 0 ? alike : record.identityOf(given, agent, input, nth)
    entry.scope = `${prefix}${record.hashOf(entry.identity)}/`
    return entry
  })
}

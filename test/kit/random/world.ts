/**
 * What is known of one run of a random program: a record for each call and task, kept by the program itself and not by Skein, so that both can be compared.
 */
import type * as GatherResult from "@skein/core/GatherResult"
import type * as Limiter from "@skein/core/Limiter"
import type * as Outcome from "@skein/core/Outcome"
import type * as TaskGroup from "@skein/core/TaskGroup"
import type * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type { CallOptions, GatherOptions } from "./language.ts"

export type AnyOutcome = Outcome.Outcome<unknown, unknown>
export type AnyResult = GatherResult.GatherResult<unknown, unknown>

/** A group or gather that was begun. */
export interface CallRecord {
  readonly id: number
  readonly kind: "group" | "scoped" | "gather"
  readonly options: CallOptions & Partial<Omit<GatherOptions, keyof CallOptions>>
  readonly bound: number
  /** The task that the call is part of. */
  readonly owner: TaskRecord | undefined
  /** Where it was called. */
  context: Context.Context<never> | undefined
  /** The earliest instant at which its time is over, or something else may tell it to stop. */
  mayStopAt: number
  readonly tasks: Array<TaskRecord>
  /** Outcomes in the order in which they were known. */
  readonly settled: Array<AnyOutcome>
  /** Tasks that execute and have not lent their place. */
  active: number
  peak: number
  returned: boolean
  /** How the body of a group ended, as the body saw it. */
  bodyExit: Exit.Exit<unknown, unknown> | undefined
  face: TaskGroup.TaskGroup<string> | undefined
  /** Items taken from a source of unknown size; whether it was read to its end. */
  pulled: number
  drained: boolean
  result: AnyResult | undefined
}

export interface TaskRecord {
  readonly id: number
  readonly name: string
  readonly call: CallRecord
  /** Its own limit, of a spawned task. */
  readonly timeout: number | undefined
  handle: TaskGroup.Handle<unknown, unknown> | undefined
  starts: number
  running: boolean
  /** How many of its fibers wait for members of its group. */
  lent: number
  /** It was interrupted in such a wait and may go on without a place. */
  placeless: boolean
  counted: boolean
  readonly exits: Array<Exit.Exit<unknown, unknown>>
  readonly outcomes: Array<AnyOutcome>
}

export interface LimiterRecord {
  readonly limiter: Limiter.Limiter<never>
  /** The most permits it ever had. */
  most: number
  /** What holders that are under no other holder of this limiter use. */
  used: number
}

/** What one run of a program has done so far. */
export class World {
  readonly calls: Array<CallRecord> = []
  readonly limiters: Array<LimiterRecord> = []
  /** Promises that were broken, in the order in which it was seen. */
  readonly broken: Array<string> = []
  /** Outcomes as they were when they were made, to be looked at again at the end. */
  private readonly kept: Array<{ readonly outcome: AnyOutcome; readonly text: string }> = []
  private readonly lists: Array<{ readonly result: AnyResult; readonly list: ReadonlyArray<AnyOutcome>; readonly counts: string }> = []
  private ids = 0
  /** What ended as expected and as feared: a run that met none of it proves little. */
  readonly met = new Set<string>()

  fresh(prefix: string): string {
    return `${prefix}${++this.ids}`
  }

  break(text: string): void {
    this.broken.push(text)
  }

  call(kind: CallRecord["kind"], options: CallRecord["options"], owner: TaskRecord | undefined): CallRecord {
    const call: CallRecord = {
      id: this.calls.length,
      kind,
      options,
      bound: options.concurrency === "unbounded" ? Infinity : options.concurrency,
      owner,
      context: undefined,
      mayStopAt: Infinity,
      tasks: [],
      settled: [],
      active: 0,
      peak: 0,
      returned: false,
      bodyExit: undefined,
      face: undefined,
      pulled: 0,
      drained: false,
      result: undefined
    }
    this.calls.push(call)
    return call
  }

  task(call: CallRecord, timeout?: number): TaskRecord {
    const id = ++this.ids
    const task: TaskRecord = {
      id,
      name: `t${id}`,
      call,
      timeout,
      handle: undefined,
      starts: 0,
      running: false,
      lent: 0,
      placeless: false,
      counted: false,
      exits: [],
      outcomes: []
    }
    call.tasks.push(task)
    return task
  }

  /** Counts a task as executing, or not. */
  recount(task: TaskRecord): void {
    const counts = task.running && task.lent === 0 && !task.placeless
    if (counts === task.counted) return
    task.counted = counts
    const { call } = task
    call.active += counts ? 1 : -1
    call.peak = Math.max(call.peak, call.active)
  }

  /** Notes an outcome; which of the call's tasks it belongs to is known by name or by index. */
  outcome(call: CallRecord, outcome: AnyOutcome): void {
    call.settled.push(outcome)
    this.kept.push({ outcome, text: textOf(outcome) })
    this.met.add(outcome._tag === "TimedOut" ? `TimedOut ${outcome.limit}` : outcome._tag)
    if (outcome._tag === "Completed" && outcome.late) this.met.add("late")
    if (outcome.abandoned) this.met.add("abandoned")
    if (outcome._tag === "Cancelled" || outcome._tag === "NotStarted") this.met.add(outcome.reason._tag)
    const task = outcome.name === undefined ? call.tasks[outcome.index] : call.tasks.find(({ name }) => name === outcome.name)
    if (task === undefined) this.break(`call ${call.id}: an outcome for task ${outcome.index} ${outcome.name}, which there is not`)
    else {
      task.outcomes.push(outcome)
      if (task.outcomes.length > 1) this.break(`${task.name} was settled ${task.outcomes.length} times`)
    }
  }

  keep(call: CallRecord, result: AnyResult): void {
    call.result = result
    this.lists.push({ result, list: [...result.list], counts: countsOf(result) })
  }

  /** Whether work of `task` may still be done: none of the calls around it has returned, or it was abandoned. */
  mayRun(task: TaskRecord | undefined): boolean {
    for (let t = task; t !== undefined; t = t.call.owner) {
      if (t.outcomes[0]?.abandoned === true) return true
      if (t.call.returned) return false
    }
    return true
  }

  /** Looked at after every step. */
  readonly invariant = (): void => {
    if (this.broken.length > 0) throw new Error(this.broken[0])
    for (const call of this.calls) {
      if (call.active > call.bound) throw new Error(`call ${call.id}: ${call.active} tasks run, the bound is ${call.bound}`)
    }
    for (const { most, used } of this.limiters) {
      if (used > most) throw new Error(`a limiter of at most ${most} has ${used} permits in use`)
    }
  }

  /** Outcomes and results never change. */
  checkKept(): void {
    for (const { outcome, text } of this.kept) {
      if (textOf(outcome) !== text) this.break(`an outcome changed from ${text} to ${textOf(outcome)}`)
    }
    for (const { counts, list, result } of this.lists) {
      if (countsOf(result) !== counts) this.break(`the counts of a result changed from ${counts} to ${countsOf(result)}`)
      if (list.length !== result.list.length || list.some((outcome, i) => outcome !== result.list[i]))
        this.break("the list of a result changed")
    }
  }
}

const textOf = (outcome: AnyOutcome): string => {
  const { _tag, abandoned, attempts, endedAt, index, queuedAt, startedAt } = outcome
  const cause = "cause" in outcome ? outcome.cause.reasons.length : 0
  const more = _tag === "Completed" ? `${outcome.late} ${String(outcome.value)}` : _tag === "TimedOut" ? outcome.limit : ""
  return `${index} ${_tag} ${more} ${abandoned} ${attempts} ${queuedAt} ${startedAt} ${endedAt} ${cause}`
}

const countsOf = (r: AnyResult): string =>
  [
    r.total,
    r.completed,
    r.failed,
    r.timedOut,
    r.cancelled,
    r.notStarted,
    r.allSucceeded,
    r.successRate,
    r.exhausted,
    r.abandoned.length
  ].join(" ")

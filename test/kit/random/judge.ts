/**
 * The reference model: given what the tasks of a call did, as they saw it themselves, says which outcomes, results and exits are possible.
 */
import * as GatherResult from "@skein/core/GatherResult"
import type * as Outcome from "@skein/core/Outcome"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import type { AnyOutcome, AnyResult, CallRecord, TaskRecord, World } from "./world.ts"

/** The failures and defects of a cause, as sorted words. */
const faults = (cause: Cause.Cause<unknown> | undefined): Array<string> =>
  cause === undefined
    ? []
    : cause.reasons
        .flatMap((r) => (r._tag === "Fail" ? [`fail ${show(r.error)}`] : r._tag === "Die" ? [`die ${show(r.defect)}`] : []))
        .sort()

const show = (value: unknown): string => (value instanceof Error ? value.name : String(value))

const same = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean => a.length === b.length && a.every((x, i) => x === b[i])

/** Whether each word of `part` is in `whole`, as often. */
const within = (part: ReadonlyArray<string>, whole: ReadonlyArray<string>): boolean => {
  const rest = [...whole]
  return part.every((x) => {
    const i = rest.indexOf(x)
    if (i < 0) return false
    rest.splice(i, 1)
    return true
  })
}

const slack = 0.01

/** Judges one outcome against what its task did. */
export const judgeTask = (world: World, task: TaskRecord, outcome: AnyOutcome): void => {
  const { call, exits, starts } = task
  const { options } = call
  const last = exits.at(-1)
  const wrong = (text: string): void => world.break(`${task.name} of call ${call.id} is ${outcome._tag}, ${text}`)
  if (task.handle !== undefined && task.handle.status !== outcome.status) wrong(`but its handle says ${task.handle.status}`)
  if (starts > outcome.attempts) wrong(`counts ${outcome.attempts} attempts and was started ${starts} times`)
  if (outcome.attempts > 1 + (options.retry ?? 0)) wrong(`was tried ${outcome.attempts} times`)
  if (outcome.queuedFor !== undefined && Duration.toMillis(outcome.queuedFor) < 0) wrong("was queued for less than nothing")
  if (outcome.startedAt !== undefined && outcome.queuedAt !== undefined && outcome.startedAt < outcome.queuedAt)
    wrong("started before it was queued")
  if (outcome.abandoned) {
    if (options.grace === undefined) wrong("was abandoned without a grace")
    return
  }
  if (task.running) wrong("and still runs")
  switch (outcome._tag) {
    case "Completed":
      if (last === undefined || !Exit.isSuccess(last)) wrong(`but it ended with ${String(last)}`)
      else if (last.value !== outcome.value) wrong(`gave ${String(last.value)}, not ${String(outcome.value)}`)
      return
    case "Failed":
      judgeFailed(outcome, last, wrong)
      return
    case "NotStarted":
      if (starts > 0 || outcome.attempts > 0) wrong("but it was started")
      return
    default:
      judgeStopped(task, outcome, last, wrong)
  }
}

const judgeFailed = (
  outcome: Outcome.Failed<unknown>,
  last: Exit.Exit<unknown, unknown> | undefined,
  wrong: (text: string) => void
): void => {
  const told = faults(outcome.cause)
  if (told.length === 0) wrong("without a failure")
  if (last === undefined || Exit.isSuccess(last)) {
    // Only a limiter can refuse a task before it begins.
    if (last !== undefined || !told.every((x) => x === "die LimiterCycle" || x === "die RangeError"))
      wrong(`with ${told.join()}, but it ended with ${String(last)}`)
  } else if (!same(told, faults(last.cause))) wrong(`with ${told.join()}, but it ended with ${faults(last.cause).join()}`)
}

const judgeStopped = (
  task: TaskRecord,
  outcome: Outcome.TimedOut<unknown> | Outcome.Cancelled<unknown>,
  last: Exit.Exit<unknown, unknown> | undefined,
  wrong: (text: string) => void
): void => {
  const { options } = task.call
  if (last !== undefined && Exit.isSuccess(last)) wrong(`but it gave ${String(last.value)}`)
  const lost = last === undefined || Exit.isSuccess(last) ? [] : faults(last.cause)
  const told = [...faults(outcome.cause), ...outcome.attemptCauses.flatMap(faults)]
  if (!within(lost, told)) wrong(`and lost ${lost.join()} (it has ${told.join()})`)
  if (outcome._tag === "Cancelled") return
  const length = Duration.toMillis(outcome.after)
  const own = Math.min(options.taskTimeout ?? Infinity, task.timeout ?? Infinity)
  switch (outcome.limit) {
    case "task":
      if (own === Infinity) wrong("and had no time limit")
      if (outcome.startedAt === undefined || outcome.endedAt === undefined || outcome.endedAt - outcome.startedAt < length - slack)
        wrong("before its time was over")
      return
    case "attempt":
      if (options.attemptTimeout === undefined) wrong("and its attempts had no time limit")
      return
    case "queue":
      if (options.queueTimeout === undefined) wrong("and had no queue limit")
      if (task.starts > 0) wrong("for its queue limit, though it was started")
      return
    case "call":
      if (options.timeout === undefined) wrong("and its call had no time limit")
  }
}

/** Judges the result of a call against the outcomes that were told one by one. */
const judgeResult = (world: World, call: CallRecord, result: AnyResult): void => {
  const wrong = (text: string): void => world.break(`the result of call ${call.id} ${text}`)
  const count = (tag: string): number => result.list.filter(({ _tag }) => _tag === tag).length
  const counted = [result.completed, result.failed, result.timedOut, result.cancelled, result.notStarted]
  if (
    !same(
      counted.map(String),
      ["Completed", "Failed", "TimedOut", "Cancelled", "NotStarted"].map((tag) => String(count(tag)))
    )
  )
    wrong("miscounts")
  if (result.total !== result.list.length) wrong(`has ${result.list.length} outcomes and says ${result.total}`)
  const told = new Set(call.settled)
  for (let i = 0; i < result.list.length; i++) {
    const outcome = result.list[i]
    if (outcome === undefined || !told.has(outcome)) wrong(`has an outcome at ${i} that no observer saw`)
    if (i > 0 && result.list[i - 1]!.index >= outcome!.index) wrong("is not in input order")
  }
  const abandoned = result.list.filter((outcome) => outcome.abandoned).map(({ index }) => index)
  if (
    !same(
      abandoned.map(String),
      result.abandoned.map(({ index }) => String(index))
    )
  )
    wrong(`lists ${result.abandoned.length} of ${abandoned.length} abandoned tasks`)
}

/** Judges a call that has just returned. */
export const judgeCall = (world: World, call: CallRecord, exit: Exit.Exit<unknown, unknown>): void => {
  call.returned = true
  const interrupted = Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)
  for (const task of call.tasks) {
    const outcome = task.outcomes[0]
    if (outcome !== undefined) judgeTask(world, task, outcome)
    else if (task.starts > 0 || task.handle !== undefined) world.break(`call ${call.id} returned and ${task.name} has no outcome`)
    else if (call.kind === "gather" && call.pulled < 0 && call.settled.length > 0)
      world.break(`call ${call.id} gave no outcome for ${task.name}`)
  }
  // The cause of a scoped group is its body's, which may carry the result of a call inside it.
  const result = Exit.isSuccess(exit) || call.kind === "scoped" || interrupted ? call.result : GatherResult.fromCause(exit.cause)
  if (result !== undefined) {
    if (call.kind !== "gather" || call.result === undefined) world.keep(call, result)
    judgeResult(world, call, result)
    if (call.kind === "gather") judgeGather(world, call, result)
  }
  if (!interrupted) judgeExit(world, call, exit)
}

const judgeGather = (world: World, call: CallRecord, result: AnyResult): void => {
  const wrong = (text: string): void => world.break(`the result of call ${call.id} ${text}`)
  // `pulled` is -1 where the size was known.
  const expected = call.pulled < 0 ? call.tasks.length : call.pulled
  if (result.total !== expected) wrong(`has ${result.total} outcomes for ${expected} inputs`)
  if (call.pulled >= 0 && result.exhausted !== call.drained)
    wrong(`says exhausted: ${result.exhausted}, and its source was ${call.drained ? "" : "not "}read to its end`)
}

const judgeExit = (world: World, call: CallRecord, exit: Exit.Exit<unknown, unknown>): void => {
  const wrong = (text: string): void =>
    world.break(`call ${call.id} (${call.options.onFailure}) ${text}, exit ${String(exit).slice(0, 200)}`)
  const told = Exit.isFailure(exit) ? faults(exit.cause) : []
  const failed = call.settled.filter((outcome) => outcome._tag === "Failed")
  const body = call.bodyExit === undefined || Exit.isSuccess(call.bodyExit) ? [] : faults(call.bodyExit.cause)
  if (call.kind === "scoped") return
  // A gather whose time was over, or that was told to stop, has decided to return what it has; a task that was let answer for itself may still fail then.
  const stopped = call.kind === "gather" && Exit.isSuccess(exit) && failed.every((outcome) => (outcome.endedAt ?? 0) >= call.mayStopAt)
  if (stopped) return
  if (call.options.onFailure === "interrupt" && failed.length > 0) {
    const first = faults(GatherResult.firstError(failed[0]!.cause))
    if (!same(told, first)) wrong(`must fail with ${first.join()} alone`)
    if (Exit.isFailure(exit) && GatherResult.fromCause(exit.cause) === undefined) wrong("hands over no partial result")
  } else if (call.options.onFailure === "collect" && failed.length > 0) {
    const all = failed.flatMap(({ cause }) => faults(cause)).sort()
    if (!within(all, told) || !within(told, [...all, ...body])) wrong(`must fail with ${all.join()}`)
  } else if (
    told.length > 0 &&
    !(told.length === 1 && told[0] === "fail DeadlineExceeded" && call.options.timeout !== undefined) &&
    !same(told, body)
  ) {
    wrong(`failed with ${told.join()}, though no task of it failed and its body failed with ${body.join()}`)
  }
  if (call.kind === "gather") return
  if (call.bodyExit !== undefined && Exit.isSuccess(call.bodyExit) && (failed.length === 0 || call.options.onFailure === "isolate")) {
    if (!Exit.isSuccess(exit)) wrong("lost the value of its body")
    else if (exit.value !== call.bodyExit.value) wrong("changed the value of its body")
  }
}

/**
 * The reference model: says of each change that the engine reports, and of each thing a work does, whether it may happen now, and at the end of each instant whether something that had to happen has not.
 *
 * It is naive on purpose. It looks at every run at each event, and knows nothing of how the engine chooses.
 */
import type * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type * as Job from "../../src/Job.ts"
import { type End, resources } from "./language.ts"
import { type Attempt, type DescriptionRecord, matches, type RunRecord, type Stand, type World, wordOf } from "./world.ts"

const next: Readonly<Record<Stand, ReadonlyArray<Stand>>> = {
  new: ["upstream", "condition", "limit", "ended"],
  upstream: ["condition", "limit", "ended"],
  condition: ["limit", "ended"],
  limit: ["running", "ended"],
  running: ["retry", "ended"],
  retry: ["limit", "ended"],
  ended: []
}

const completed: ReadonlySet<End> = new Set(["completed"])
const ended: ReadonlySet<End> = new Set(["ended"])

/** The failures and defects of a cause, as sorted words. */
const faults = (cause: Cause.Cause<unknown>): string =>
  cause.reasons
    .flatMap((reason) =>
      reason._tag === "Fail" ? [`fail ${String(reason.error)}`] : reason._tag === "Die" ? [`die ${String(reason.defect)}`] : []
    )
    .sort()
    .join()

/** Time has moved on: everything that had to happen before must have happened. */
const tick = (world: World): number => {
  const now = world.clock()
  if (now > world.last) {
    judgeInstant(world, now)
    world.last = now
  }
  return now
}

/** Notes what may hold for a moment only. */
const look = (world: World): void => {
  for (const run of world.runs) {
    if (
      (run.stands === "upstream" || run.stands === "condition" || run.stands === "new") &&
      world.gateOpen(run) &&
      world.decide(run) === "go"
    )
      run.conditionHeld = true
  }
}

/** Something outside of the engine's hands happened. */
export const happened = (world: World, what: string, change: () => void): void => {
  const now = tick(world)
  world.events.push(`${now} ${what}`)
  change()
  look(world)
}

// ---------------------------------------------------------------------------------------------------------------------
// What the engine says
// ---------------------------------------------------------------------------------------------------------------------

/** Finds the record of a run, or makes one for a run that is new. */
const recordOf = (world: World, run: Job.Run): RunRecord | undefined => {
  const known = world.byId.get(run.id)
  if (known !== undefined) return known
  const of = world.descriptions.find(({ name }) => name === run.name)
  if (of === undefined) {
    world.break(`a job ${run.name} came from nowhere`)
    return undefined
  }
  const before = of.runs.at(-1)
  if (before?.id !== run.rerunOf) world.break(`${run.id} is a run of ${of.name} and says it repeats ${run.rerunOf}, not ${before?.id}`)
  if (before !== undefined && before.end === undefined) world.break(`${run.name} runs again before ${before.id} ended`)
  const record: RunRecord = {
    id: run.id,
    of,
    upstream: of.links.flatMap(({ kind, to, wants }) => {
      // In a batch a job may be told of before those that it refers to.
      const other = to.runs.at(-1)
      return other === undefined ? [] : [{ kind, run: other, wants: kind === "result" ? completed : kind === "outcome" ? ended : wants }]
    }),
    submittedAt: world.clock(),
    handle: undefined,
    stands: "new",
    queued: -1,
    queuedAt: -1,
    starts: 0,
    firstStart: -1,
    lastStart: -1,
    conditionHeld: false,
    attempts: [],
    cancelledAt: undefined,
    mayBeCancelled: world.sweeps > 0,
    pausedAt: -1,
    end: undefined,
    endedAt: -1,
    told: []
  }
  if (record.upstream.length < of.links.length) world.break(`${run.name} was taken before what it refers to`)
  const named = [...new Set(record.upstream.map(({ run: other }) => other.id))].sort().join()
  if ([...new Set(run.upstream)].sort().join() !== named)
    world.break(`${run.id} refers to ${[...run.upstream].sort().join()}, not to ${named}`)
  of.runs.push(record)
  world.runs.push(record)
  world.byId.set(run.id, record)
  return record
}

const standOf = (state: Job.State): Stand => (state._tag === "Waiting" ? state.for : state._tag === "Running" ? "running" : "ended")

/** The engine says how a run stands now. */
export const judgeChange = (world: World, said: Job.Run): void => {
  const now = tick(world)
  const run = recordOf(world, said)
  if (run === undefined) return
  const { spec } = run.of
  const before = run.stands
  const after = standOf(said.state)
  world.events.push(`${now} ${run.id} ${before} -> ${said.state._tag === "Ended" ? said.state.outcome._tag : after}`)
  const wrong = (text: string): void => world.break(`${run.id} goes from ${before} to ${after} ${text}`)
  if (!next[before].includes(after)) wrong("which is no legal step")
  if (world.closedAt !== undefined) wrong("after the engine was closed")
  if (after !== "ended" && after !== "upstream" && world.decide(run) !== "go") wrong(`though its dependencies say ${world.decide(run)}`)
  if (after === "limit" && before !== "retry" && !run.conditionHeld && !world.gateOpen(run)) wrong("though its condition never held")
  if (after === "running") judgeStart(world, run, said, wrong)
  run.stands = after
  switch (after) {
    case "limit":
      world.met.add("waited for limit")
      run.queued = world.arrivals++
      run.queuedAt = now
      if (before === "retry" && now < run.pausedAt + spec.backOff) wrong("before its back-off is over")
      break
    case "condition":
      world.met.add("waited for condition")
      break
    case "upstream":
      world.met.add("waited for upstream")
      break
    case "running":
      run.starts++
      run.lastStart = now
      if (run.starts === 1) run.firstStart = now
      break
    case "retry":
      world.met.add("retried")
      run.pausedAt = now
      judgeRetry(world, run, now, wrong)
      break
    case "ended":
      run.end = (said.state as Job.Ended).outcome
      run.endedAt = now
      judgeEnd(world, run, said, run.end, now, (text) => world.break(`${run.id} ended as ${run.end!._tag} ${text}`))
      break
  }
  look(world)
}

const judgeStart = (world: World, run: RunRecord, said: Job.Run, wrong: (text: string) => void): void => {
  if (said.state._tag === "Running" && said.state.attempt !== run.starts + 1)
    wrong(`as attempt ${said.state.attempt}, not ${run.starts + 1}`)
  if (world.active(run)) wrong("while an attempt of it still runs")
  if (world.closingAt !== undefined && world.program.onClose === "interrupt" && world.clock() > world.closingAt) wrong("after the close")
  for (const name of resources) {
    const need = world.need(run, name)
    if (need > 0 && world.used(name) + need > world.limits[name])
      wrong(`with ${world.used(name)} of ${world.limits[name]} ${name} taken and ${need} needed`)
  }
  for (const other of world.queue()) {
    if (other === run || !world.precedes(other, run)) continue
    // Of what becomes free one takes his part after the other: whoever was short of nothing then may be so now.
    const scarce = resources.find(
      (name) =>
        world.need(other, name) > 0 && world.need(run, name) > 0 && world.usedBefore(name) + world.need(other, name) > world.limits[name]
    )
    if (scarce !== undefined) wrong(`and overtakes ${other.id}, which waits for ${scarce} too`)
    else if (resources.every((name) => world.need(other, name) === world.need(run, name)))
      wrong(`and overtakes ${other.id} with the same needs`)
  }
}

const judgeRetry = (world: World, run: RunRecord, now: number, wrong: (text: string) => void): void => {
  const { spec } = run.of
  if (run.starts > (spec.retry ?? 0)) wrong("and has no attempt left")
  if (world.active(run)) wrong("while its attempt still runs")
  const last = run.attempts.at(-1)
  const failed = last?.exit !== undefined && Exit.isFailure(last.exit) && faults(last.exit.cause).startsWith("fail")
  const late = spec.attemptTimeout !== undefined && now >= run.lastStart + spec.attemptTimeout
  if (!failed && !late) wrong("though its attempt did not fail")
}

/** Since when it is asked to stop. */
const stopAt = (world: World, run: RunRecord): number =>
  Math.min(
    run.cancelledAt ?? Infinity,
    world.program.onClose === "interrupt" ? (world.closingAt ?? Infinity) : Infinity,
    run.starts > 0 ? run.firstStart + (run.of.spec.timeout ?? Infinity) : Infinity
  )

const judgeEnd = (
  world: World,
  run: RunRecord,
  said: Job.Run,
  end: Job.End<unknown, unknown>,
  now: number,
  wrong: (text: string) => void
): void => {
  const { spec } = run.of
  const { met } = world
  const last = run.attempts.at(-1)
  const abandoned = end._tag !== "Skipped" && end.abandoned
  const mayCancel =
    run.cancelledAt !== undefined || run.mayBeCancelled || (world.closingAt !== undefined && world.program.onClose === "interrupt")
  // No attempt follows one that still runs, and none is begun whose back-off ends after the time is over.
  const mustRetry =
    !abandoned &&
    !run.mayBeCancelled &&
    stopAt(world, run) > now &&
    run.starts <= (spec.retry ?? 0) &&
    now + spec.backOff < run.firstStart + (spec.timeout ?? Infinity)
  met.add(end._tag)
  // In the words of core an abandoned task has not ended.
  if (abandoned ? said.endedAt !== undefined && said.endedAt !== now : said.endedAt !== now) wrong(`and says it did at ${said.endedAt}`)
  // One that has its limits may be stopped before its work begins.
  const begun = run.attempts.length
  if (said.attempts !== begun && said.attempts !== run.starts) wrong(`and counts ${said.attempts} attempts of ${begun}`)
  if (begun > 0 && said.startedAt !== run.firstStart) wrong(`and says it started at ${said.startedAt}, not ${run.firstStart}`)
  if (said.attemptCauses.length > Math.max(0, run.starts - 1) + (end._tag === "Cancelled" || end._tag === "TimedOut" ? 1 : 0))
    wrong(`with ${said.attemptCauses.length} causes of ${run.starts} attempts`)
  if (abandoned) {
    met.add("abandoned")
    const { grace } = world.program
    const asked = Math.min(stopAt(world, run), run.mayBeCancelled ? 0 : Infinity, run.lastStart + (spec.attemptTimeout ?? Infinity))
    if (grace === undefined) wrong("abandoned without a grace")
    else if (now < asked + grace) wrong("abandoned before its grace was over")
    if (!world.active(run)) wrong("abandoned, though its work had ended")
  } else if (world.active(run)) wrong("while its work still runs")
  if (
    !abandoned &&
    last !== undefined &&
    last.number === run.starts &&
    last.exit !== undefined &&
    Exit.isSuccess(last.exit) &&
    end._tag !== "Completed"
  )
    wrong("and its value was thrown away")
  switch (end._tag) {
    case "Completed":
      if (last?.exit === undefined || !Exit.isSuccess(last.exit)) wrong(`though its work ended with ${String(last?.exit)}`)
      else if (last.exit.value !== end.value) wrong(`with ${String(end.value)}, not ${String(last.exit.value)}`)
      if (end.late) met.add("late")
      if (spec.onUpstream === "run" && run.upstream.some(({ kind, run: other, wants }) => kind === "all" && !matches(wants, other)))
        met.add("ran all the same")
      return
    case "Failed": {
      if (last?.exit === undefined || Exit.isSuccess(last.exit)) return wrong(`though its work ended with ${String(last?.exit)}`)
      const fault = faults(last.exit.cause)
      if (fault === "" || fault !== faults(end.cause)) wrong(`with ${faults(end.cause)}, not ${fault}`)
      if (fault.startsWith("die")) met.add("died")
      else if (mustRetry) wrong("with an attempt left")
      if (stopAt(world, run) < last.endedAt!) wrong("though it had been asked to stop")
      return
    }
    case "TimedOut":
      met.add(`TimedOut ${end.limit}`)
      if (end.limit === "task") {
        if (run.starts === 0 || now < run.firstStart + (spec.timeout ?? Infinity)) wrong("before its time was over")
      } else if (end.limit === "attempt") {
        if (run.starts === 0 || now < run.lastStart + (spec.attemptTimeout ?? Infinity)) wrong("before the time of its attempt was over")
        else if (mustRetry) wrong("with an attempt left")
      } else if (end.limit === "queue") {
        if (run.starts > 0 || run.queuedAt < 0 || now < run.queuedAt + (spec.queueTimeout ?? Infinity))
          wrong("before its time in the queue was over")
      } else wrong(`for the limit ${end.limit}, which it has not`)
      return
    case "Cancelled":
      if (run.starts === 0) wrong("though it had not started")
      if (!mayCancel) wrong("though nobody asked for it")
      if (world.closingAt !== undefined && run.cancelledAt === undefined) met.add("Cancelled by close")
      return
    case "NotStarted":
      if (begun > 0) wrong("though it had started")
      if (!mayCancel) wrong("though nobody asked for it")
      return
    case "Skipped":
      if (run.starts > 0) wrong("though it had started")
      if (world.decide(run) !== "skip") wrong(`though its dependencies say ${world.decide(run)}`)
      judgeBecause(world, run, end.because, wrong)
  }
}

/** The first link names a run that it depends on and that did not end as it needs; the others are that run's own. */
const judgeBecause = (world: World, run: RunRecord, because: Job.Because, wrong: (text: string) => void): void => {
  const guilty = run.upstream.filter(({ run: other }) => other.id === because.id)
  if (guilty.length === 0) return wrong(`because of ${because.id}, on which it does not depend`)
  const other = guilty[0]!.run
  if (because.name !== other.of.name) wrong(`because of ${because.name}, which is called ${other.of.name}`)
  if (because.status !== wordOf(other)) wrong(`because ${other.id} is ${because.status}, which is ${wordOf(other)}`)
  if (!guilty.some(({ kind, wants }) => kind !== "outcome" && !matches(wants, other)))
    wrong(`because of ${other.id}, which ended as it needs`)
  if (because.wanted.some((word) => word === because.status)) wrong(`because of ${other.id}, which ended as was wanted`)
  if (because.detail === "") wrong("without a detail")
  if (other.end?._tag === "Skipped") {
    world.met.add("skipped by a skipped one")
    if (because.because === undefined || JSON.stringify(because.because) !== JSON.stringify(other.end.because))
      wrong(`and its chain does not go on as that of ${other.id}`)
  } else if (because.because !== undefined) wrong(`and its chain goes on behind ${other.id}, which was not skipped`)
}

// ---------------------------------------------------------------------------------------------------------------------
// What works do
// ---------------------------------------------------------------------------------------------------------------------

/** A work begins: `input` is what it was given for its links of the kinds `result` and `outcome`, in their order. */
export const judgeBegin = (world: World, of: DescriptionRecord, input: ReadonlyArray<unknown>): Attempt => {
  const now = tick(world)
  const run = of.runs.at(-1)!
  const attempt: Attempt = {
    run,
    number: run.starts,
    startedAt: now,
    leavingAt: undefined,
    lentFor: undefined,
    lentAt: -1,
    endedAt: undefined,
    exit: undefined
  }
  world.events.push(`${now} ${run.id} works`)
  const wrong = (text: string): void => world.break(`the work of ${run.id} begins ${text}`)
  if (run.stands !== "running") wrong(`while it stands as ${run.stands}`)
  if (world.active(run)) wrong("twice at once")
  if (run.attempts.some(({ number }) => number === attempt.number)) wrong("twice in one attempt")
  if (world.closedAt !== undefined) wrong("after the engine was closed")
  const expected = run.upstream.flatMap(({ kind, run: other }) =>
    kind === "result" ? [other.end?._tag === "Completed" ? other.end.value : "nothing"] : kind === "outcome" ? [other.end] : []
  )
  if (input.length !== expected.length || input.some((value, i) => value !== expected[i]))
    wrong(`with ${String(input)}, not ${String(expected)}`)
  if (expected.length > 0) world.met.add("got results")
  run.attempts.push(attempt)
  for (const name of resources) {
    // A limit that was made smaller stops nobody: only who starts must fit.
    if (world.need(run, name) > 0 && world.used(name) > world.limits[name] && run.lastStart === now && !world.met.has("narrowed"))
      wrong(`with ${world.used(name)} of ${world.limits[name]} ${name}`)
  }
  return attempt
}

/** A work begins to wait for another run. */
export const judgeLend = (world: World, attempt: Attempt, other: RunRecord): void => {
  if (other.end !== undefined) return
  attempt.lentAt = tick(world)
  // An abandoned one may lend what it holds, and does not want it back.
  attempt.lentFor = attempt.run.end === undefined ? other : "asked"
  world.met.add("lent")
}

/** A work goes on after it waited for another run. */
export const judgeReturn = (world: World, attempt: Attempt, exit: Exit.Exit<unknown, unknown>): void => {
  const now = tick(world)
  const { lentFor: other, run } = attempt
  if (typeof other !== "object") return
  const asked = run.mayBeCancelled || Math.min(stopAt(world, run), run.lastStart + (run.of.spec.attemptTimeout ?? Infinity)) <= now
  // Who is asked to stop does not wait until he has back what he lent.
  attempt.lentFor = Exit.isSuccess(exit) && !asked ? undefined : "asked"
  if (attempt.lentFor === "asked") return
  if (other.end === undefined) world.break(`${attempt.run.id} has waited for ${other.id}, which has not ended`)
  for (const name of resources) {
    if (world.need(attempt.run, name) > 0 && world.used(name) > world.limits[name] && !world.met.has("narrowed"))
      world.break(`${attempt.run.id} goes on with ${world.used(name)} of ${world.limits[name]} ${name}`)
  }
}

/** A work has ended, with its cleanup. */
export const judgeExit = (world: World, attempt: Attempt, exit: Exit.Exit<unknown, unknown>): void => {
  const now = tick(world)
  attempt.endedAt = now
  attempt.exit = exit
  world.events.push(`${now} ${attempt.run.id} has worked: ${exit._tag}`)
}

// ---------------------------------------------------------------------------------------------------------------------
// What has to have happened
// ---------------------------------------------------------------------------------------------------------------------

/** An instant is over, and it is `now`: nothing is left that could have gone on, and no timer that was due before. */
export const judgeInstant = (world: World, now: number): void => {
  if (world.broken.length > 0) return
  const grace = world.program.grace ?? Infinity
  const startable = new Set(world.startable())
  const [returning, ...others] = world.returning()
  if (returning !== undefined && others.length === 0 && !world.lacks(returning))
    world.break(`${returning.id} cannot go on, though what it lent is free`)
  for (const run of world.runs) {
    const { spec } = run.of
    const wrong = (text: string): void => world.break(`${run.id} (${run.stands}) was left behind at ${world.last} ms: ${text}`)
    if (run.end !== undefined) continue
    const stop = stopAt(world, run)
    const active = world.active(run)
    const last = run.attempts.at(-1)
    if (stop < now && !active) wrong(`it was asked to stop at ${stop} ms`)
    if (stop + grace < now) wrong(`its grace has been over since ${stop + grace} ms`)
    switch (run.stands) {
      case "new":
        wrong("nothing was said of it")
        break
      case "upstream":
        if (world.decide(run) !== "wait") wrong(`its dependencies say ${world.decide(run)}`)
        break
      case "condition":
        if (world.gateOpen(run, world.last)) wrong("its condition holds")
        break
      case "limit":
        if (startable.has(run)) wrong("there is room for it")
        if (run.starts === 0 && run.queuedAt + (spec.queueTimeout ?? Infinity) < now) wrong("its time in the queue is over")
        break
      case "running":
        if (!active) wrong("its work does not run")
        else if (!spec.work.stubborn && last!.leavingAt === undefined) {
          if (stop < now) wrong(`it was asked to stop at ${stop} ms and was not interrupted`)
          if (last!.startedAt + (spec.attemptTimeout ?? Infinity) < now) wrong("the time of its attempt is over")
        }
        break
      case "retry":
        if (run.pausedAt + spec.backOff < now) wrong("its back-off is over")
        break
      case "ended":
        break
    }
  }
}

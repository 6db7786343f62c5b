/**
 * The gather for agents as promises: async functions become tasks that hear their signal, and are waited for after it.
 */
import * as Outcome from "@skein/core/Outcome"
import * as Settings from "@skein/core/Settings"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as AgentFunction from "../AgentFunction.ts"
import type * as AgentGather from "../AgentGather.ts"
import { AgentGatherError } from "./agentError.ts"
import type { Gatherer } from "./agentGatherer.ts"
import { isAbortSignal } from "./gatherPlan.ts"

type Agents = Readonly<Record<string, AgentFunction.Agent>>

/** Gathers that run, by the context they were asked for from: outside, or inside of a task. */
type Ask = (effect: Effect.Effect<any, AgentGatherError>) => Promise<any>

const own = ["signal", "onReport", "timeout", "taskTimeout", "grace", "resume", "concurrency", "name"] as const

export const plain = (gatherer: Gatherer, agents: Agents, close: () => Promise<void>): AgentFunction.AgentFunction => ({
  gather: gatherWith(gatherer, agents, (effect) => outcomeOf(Effect.runFork(effect))),
  cancel: (id, reason) => outcomeOf(Effect.runFork(Effect.map(gatherer.cancel(id, reason), plainReport))),
  stats: () => Effect.runSync(gatherer.stats),
  close,
  [Symbol.asyncDispose]: close
})

const outcomeOf = async <A>(fiber: Fiber.Fiber<A, AgentGatherError>): Promise<A> => {
  const exit = await new Promise<Exit.Exit<A, AgentGatherError>>((resolve) => fiber.addObserver(resolve))
  if (Exit.isSuccess(exit)) return exit.value
  throw Cause.hasInterruptsOnly(exit.cause) ? reasonOf(exit.cause) : Cause.squash(exit.cause)
}

const gatherWith =
  (gatherer: Gatherer, agents: Agents, ask: Ask): AgentFunction.AgentFunction["gather"] =>
  (tasks, options) => {
    const where = "AgentFunction.gather"
    Settings.known(where, options ?? {}, own)
    const { onReport, signal, ...rest } = options ?? {}
    if (signal !== undefined && !isAbortSignal(signal)) throw Settings.mustBe(where, "signal", "an AbortSignal", signal)
    if (onReport !== undefined && typeof onReport !== "function") throw Settings.mustBe(where, "onReport", "a function", onReport)
    const observed = onReport === undefined ? {} : { onReport: (report: AgentGather.Report<any, any>) => onReport(plainReport(report)) }
    const list = [...tasks]
    const settings: AgentGather.GatherOptions<any, any> = { ...rest, ...observed, stop: signal }
    // Wrong options are refused here, at once; what is wrong with the tasks may be a model's mistake and is told like it.
    gatherer.check(settings)
    return ask(
      Effect.suspend((): Effect.Effect<AgentFunction.Account, AgentGatherError> => {
        const given: Array<AgentGather.Task> = []
        for (const task of list) {
          const { agent, id, input, run } = task
          const work = run ?? (agent !== undefined && Object.hasOwn(agents, agent) ? agents[agent]! : undefined)
          if (work === undefined) {
            return Effect.fail(new AgentGatherError({ reason: { _tag: "UnknownAgent", agent: String(agent), known: Object.keys(agents) } }))
          }
          given.push({ id, agent, input, run: asEffect(gatherer, agents, (context) => (work as AgentFunction.Agent)(input, context)) })
        }
        return Effect.map(gatherer.gather(given, settings) as Effect.Effect<AgentGather.Account, AgentGatherError>, plainAccount)
      })
    )
  }

/**
 * Runs an async function as an effect. Interrupting it aborts the signal, stops the gathers it has made, and waits until its promise settles; a value that comes even then counts.
 */
const asEffect = (
  gatherer: Gatherer,
  agents: Agents,
  work: (context: AgentFunction.TaskContext) => unknown
): Effect.Effect<unknown, unknown> =>
  Effect.withFiber((fiber) => {
    const controller = new AbortController()
    const inside = new Set<Fiber.Fiber<unknown, unknown>>()
    const gather = gatherWith(gatherer, agents, (effect) => outcomeOf(forkInside(fiber.context, inside, effect)))
    let settled: Exit.Exit<unknown, unknown> | undefined
    const waiters = new Set<(exit: Exit.Exit<unknown, unknown>) => void>()
    const settle = (exit: Exit.Exit<unknown, unknown>): void => {
      settled = exit
      for (const wake of waiters) wake(exit)
    }
    const wait: Effect.Effect<unknown, unknown> = Effect.callback((resume) => {
      if (settled !== undefined) return resume(settled)
      waiters.add(resume)
      return Effect.sync(() => void waiters.delete(resume))
    })
    return Effect.uninterruptibleMask((restore) => {
      void new Promise((resolve) => resolve(work({ signal: controller.signal, gather }))).then(
        (value) => settle(Exit.succeed(value)),
        (error: unknown) => settle(Exit.fail(error))
      )
      return Effect.flatMap(Effect.exit(restore(wait)), (first) => {
        if (settled !== undefined) return Effect.andThen(stopAll(inside), settled)
        const cause = (first as Exit.Failure<unknown, unknown>).cause
        const reason = reasonOf(cause)
        controller.abort(reason)
        return Effect.andThen(
          stopAll(inside),
          Effect.flatMap(Effect.exit(wait), (last) => (saysStopped(last, reason) ? Effect.failCause(cause) : last))
        )
      })
    })
  })

/** A gather that was asked for inside of a task belongs to that task, and to its place in the tree. */
const forkInside = <A, E>(
  context: Context.Context<never>,
  inside: Set<Fiber.Fiber<unknown, unknown>>,
  effect: Effect.Effect<A, E>
): Fiber.Fiber<A, E> => {
  const fiber = Effect.runForkWith(context)(effect)
  inside.add(fiber)
  fiber.addObserver(() => void inside.delete(fiber))
  return fiber
}

const stopAll = (fibers: ReadonlySet<Fiber.Fiber<unknown, unknown>>): Effect.Effect<void> =>
  Effect.suspend(() => (fibers.size === 0 ? Effect.void : Fiber.interruptAll([...fibers])))

/** Whether a function that was asked to stop ended with just that. */
const saysStopped = (exit: Exit.Exit<unknown, unknown>, reason: unknown): boolean => {
  if (Exit.isSuccess(exit)) return false
  const error = Cause.squash(exit.cause)
  return error === reason || (error instanceof Error && error.name === "AbortError")
}

/** What the signal of an interrupted task gives as its reason: what the user gave, else an `AbortError` that says why. */
const reasonOf = (cause: Cause.Cause<unknown>): unknown => {
  const reason = Outcome.reasonFromCause(cause)
  let root = reason
  for (let links = 0; root?.because !== undefined && links < 32; links++) root = root.because
  if ((root?._tag === "Requested" || root?._tag === "Aborted") && root.value !== undefined) return root.value
  const error = new Error(reason === undefined ? "interrupted" : Outcome.formatReason(reason))
  error.name = "AbortError"
  return error
}

/** A report without Effect's types. */
const plainReport = <A>(report: AgentGather.Report<A>): AgentFunction.Report<A> => {
  const { agent, id, kept, missing, outcome, path, resumed, status, why } = report
  const ranFor = outcome.ranFor
  const value = outcome._tag === "Completed" ? { value: outcome.value } : {}
  const error = outcome._tag === "Failed" ? { error: Cause.squash(outcome.cause) } : {}
  return {
    id,
    path,
    agent,
    status,
    why,
    ...value,
    ...error,
    resumed,
    kept,
    missing,
    attempts: outcome.attempts,
    ranFor: ranFor === undefined ? undefined : Duration.toMillis(ranFor)
  }
}

/** An account without Effect's types. */
export const plainAccount = <A>(account: AgentGather.Account<A>): AgentFunction.Account<A> => {
  const { completed, elapsed, missing, notes, reports, resume, text, total, values } = account
  return { text, total, completed, missing, values, reports: reports.map(plainReport), notes, resume, elapsed: Duration.toMillis(elapsed) }
}

/** A store of promises, or a `Map`, as the store of a gather. */
export const plainStore = (store: AgentFunction.Store): AgentGather.Store => {
  const attempt = <A>(f: () => PromiseLike<A> | A): Effect.Effect<A> => Effect.promise(() => new Promise<A>((resolve) => resolve(f())))
  return {
    get: (key) =>
      Effect.map(
        attempt(() => store.get(key)),
        (value) => value ?? undefined
      ),
    set: (key, value) => Effect.asVoid(attempt(() => store.set(key, typeof value === "string" ? value : "")))
  }
}

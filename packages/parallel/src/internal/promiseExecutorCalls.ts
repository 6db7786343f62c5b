/** The face of an executor: reads its options, makes its calls, and says what it is doing. */
import * as Settings from "@skein/core/Settings"
import { isAbortSignal } from "./gatherPlan.ts"
import { Call, mustBeFunction } from "./promiseCall.ts"
import { type Bound, Places, type Rate } from "./promiseExecutor.ts"
import type { Executor, ExecutorOptions, Stats } from "./promiseExecutorTypes.ts"
import { gather, type Job, launch, type PromiseList } from "./promiseGather.ts"
import { joined } from "./promiseJoined.ts"
import { callPlan, type CallPlan, known, taskSettings } from "./promiseOptions.ts"
import { functionsOf, itemsOf, streamPlan } from "./promiseSources.ts"
import { stream } from "./promiseStream.ts"
import type { CallOptions, PriorityOption, TaskFunction } from "./promiseTypes.ts"

const taskOptions = ["taskTimeout", "attemptTimeout", "queueTimeout", "retry", "grace"] as const

export const makeExecutor = (where: string, options: ExecutorOptions | undefined): Executor => {
  Settings.known(where, options ?? {}, [...known.task, "concurrency", "rate"])
  const { concurrency, rate, ...rest } = options ?? {}
  const bound: Bound = { ...taskSettings(where, rest, concurrency) }
  const speed = rateOf(where, rate)
  const defaults = Object.fromEntries(taskOptions.map((option) => [option, rest[option]]).filter(([, value]) => value !== undefined))
  let places: Places | undefined
  // A fiber begins at once.
  launch(
    (owner) => {
      places = new Places(owner, bound, speed)
    },
    (error) => {
      throw error
    }
  )
  return new ExecutorFace(places!, defaults)
}

const rateOf = (where: string, rate: ExecutorOptions["rate"]): Rate | undefined => {
  if (rate === undefined) return undefined
  if (typeof rate !== "object" || rate === null) throw Settings.mustBe(where, "rate", "{ limit, per }", rate)
  Settings.known(`${where}: rate`, rate, ["limit", "per"])
  return { limit: Settings.whole(where, "rate.limit", rate.limit), per: Settings.positiveMillis(where, "rate.per", rate.per) }
}

const rankOf = (where: string, priority: number | undefined): number =>
  priority === undefined ? 0 : Settings.number(where, "priority", priority, "a number", (n) => !Number.isNaN(n))

const runOptions = ["priority", "signal", "within", "taskTimeout", "name"]

class ExecutorFace implements Executor {
  readonly #places: Places
  readonly #defaults: object

  constructor(places: Places, defaults: object) {
    this.#places = places
    this.#defaults = defaults
  }

  get name(): string | undefined {
    return this.#places.settings.name
  }

  get stats(): Stats {
    const { bound, callCount, closed, paused, peak, running, tasks, waiting } = this.#places
    return { concurrency: bound.concurrency, running, waiting, peak, calls: callCount, tasks: { ...tasks }, paused, closed }
  }

  readonly run: Executor["run"] = (f, options) => {
    const where = "executor.run"
    mustBeFunction(where, "f", f)
    if (options === undefined) return this.#places.run(f, undefined)
    Settings.known(where, options, runOptions)
    const { name, priority, signal, taskTimeout, within } = options
    if (signal !== undefined && !isAbortSignal(signal)) throw Settings.mustBe(where, "signal", "an AbortSignal", signal)
    if (within !== undefined && !(within instanceof Call))
      throw Settings.mustBe(where, "within", "the context that a task was given", within)
    return this.#places.run(f, {
      rank: rankOf(where, priority),
      name: Settings.text(where, "name", name),
      timeout: taskTimeout === undefined ? -1 : Settings.millis(where, "taskTimeout", taskTimeout),
      signal: within === undefined ? signal : signal === undefined ? within.signal : AbortSignal.any([signal, within.signal]),
      within
    })
  }

  readonly map: Executor["map"] = (items, f, options) => {
    const where = "executor.map"
    const call = this.#plan(where, options, known.map)
    return this.#call(call, itemsOf(where, items, f))
  }

  readonly gather: Executor["gather"] = (functions, options) => {
    const where = "executor.gather"
    const call = this.#plan(where, options, known.gather)
    return this.#call(call, functionsOf(where, functions))
  }

  readonly fanOut: Executor["fanOut"] = (functions, joiner, options) => {
    const where = "executor.fanOut"
    const call = this.#plan(where, options, known.call)
    mustBeFunction(where, "joiner", joiner)
    return this.#call(call, functionsOf(where, functions as Iterable<TaskFunction>), joined(joiner))
  }

  readonly stream: Executor["stream"] = (items, f, options) => {
    const where = "executor.stream"
    const { flow } = streamPlan(where, options, ["priority"])
    const call = this.#plan(where, options, [...known.map, "order", "buffer"])
    const { concurrency } = call.plan.settings
    const buffer = options?.buffer === undefined ? concurrency : flow.buffer
    const job = itemsOf(where, items, f)
    const bound = stream(call, this.#job(call, job), { ...flow, buffer })
    return {
      [Symbol.asyncIterator]: () => {
        const iterator = bound[Symbol.asyncIterator]()
        if (this.#places.closed) iterator.next = () => Promise.reject(this.#places.refusal(undefined))
        return iterator
      }
    }
  }

  #plan(where: string, options: (CallOptions<never> & PriorityOption) | undefined, names: ReadonlyArray<string>): CallPlan {
    const own: Record<string, unknown> = { ...this.#defaults }
    for (const [option, value] of Object.entries(options ?? {})) if (value !== undefined) own[option] = value
    const call = callPlan(where, own as CallOptions<never>, [...names, "priority"])
    const places = this.#places
    const { onOutcome, settings } = call.plan
    // As in `ParallelExecutor`: of a call of 10,000 only so many stand in line, so that calls take turns.
    const permits = places.bound.concurrency
    const concurrency = own["concurrency"] === undefined ? permits : Math.min(settings.concurrency, 2 * permits)
    return {
      ...call,
      plan: {
        ...call.plan,
        settings: { ...settings, concurrency, name: settings.name ?? places.settings.name },
        limiter: places.limiter(rankOf(where, options?.priority)),
        onOutcome: (outcome) => {
          places.counted(outcome)
          return onOutcome?.(outcome)
        }
      }
    }
  }

  #job(call: CallPlan, job: Job): Job {
    const places = this.#places
    return {
      ...job,
      seatOf: places.seatOf,
      onBegin: (begun) => {
        const end = places.begin(begun)
        const leave = places.enter(call.within)
        return () => {
          end()
          leave?.(() => {})
        }
      },
      closed: (result) => places.refusal(result)
    }
  }

  #call(call: CallPlan, job: Job, make?: typeof PromiseList): Promise<any> {
    const places = this.#places
    if (places.closed) return Promise.reject(places.refusal(undefined))
    const leave = places.enter(call.within)
    const { onBegin: _, ...own } = this.#job(call, job)
    const done = gather(call, { ...own, onBegin: places.begin }, make)
    if (leave === undefined) return done
    // The task that waits for this call goes on when it has its place again.
    const back = (): Promise<void> => new Promise((resolve) => leave(resolve))
    return done.then(
      (value: unknown) => back().then(() => value),
      (error: unknown) =>
        back().then(() => {
          throw error
        })
    )
  }

  readonly pause = (): void => this.#places.pause()
  readonly resume = (): void => this.#places.resume()

  readonly resize: Executor["resize"] = (concurrency) => {
    this.#places.resize(concurrency === "unbounded" ? Infinity : Settings.whole("executor.resize", "concurrency", concurrency))
  }

  readonly clear: Executor["clear"] = (reason) => this.#places.clear(reason === undefined ? AbortSignal.abort().reason : reason)

  readonly whenIdle = (): Promise<void> => this.#places.when(() => this.#places.unsettled === 0)

  readonly whenWaitingBelow = (count: number): Promise<void> => {
    Settings.whole("executor.whenWaitingBelow", "count", count)
    return this.#places.when(() => this.#places.waiting < count)
  }

  readonly whenRunningBelow = (count: number): Promise<void> => {
    Settings.whole("executor.whenRunningBelow", "count", count)
    return this.#places.when(() => this.#places.running < count)
  }

  readonly close = (): Promise<void> => this.#places.shut()

  readonly [Symbol.asyncDispose] = (): Promise<void> => this.#places.shut()
}

/** p-map, p-limit and p-queue on `@skein/parallel/promise`: some ten lines each. `promise.adapters.test.ts` holds them to the same cases as the libraries. */
import {
  createExecutor,
  type GatherResult,
  type Outcome,
  parallelMap,
  parallelStream,
  skip,
  SourceFailed,
  stop
} from "@skein/parallel/promise"

const bound = (concurrency = Infinity) => (concurrency === Infinity ? ("unbounded" as const) : concurrency)
const original = (error: unknown): never => {
  throw error instanceof SourceFailed ? error.cause : error
}
const settledOf = (outcome: Outcome<any>): ReadonlyArray<object> =>
  outcome.status === "completed"
    ? [{ status: "fulfilled", value: outcome.value }]
    : outcome.status === "failed"
      ? [{ status: "rejected", reason: outcome.error }]
      : []

export const ownMap: any = async (items: any, mapper: any, { concurrency, signal, stopOnError = true }: any = {}) => {
  const onFailure = stopOnError ? ("interrupt" as const) : ("collect" as const)
  const result = await parallelMap(items, mapper, { concurrency: bound(concurrency), onFailure, onAbort: "fail", signal }).catch(original)
  return [...(result as GatherResult<unknown>).values]
}
export const ownMapSettled: any = async (items: any, mapper: any, { concurrency, signal }: any = {}) => {
  const { outcomes, stoppedAt } = await parallelMap(items, mapper, { concurrency: bound(concurrency), onAbort: "fail", signal })
  return outcomes.slice(0, stoppedAt).flatMap(settledOf)
}
export const ownMapKeyed: any = async (input: any, mapper: any, options?: any) => {
  const entries = input instanceof Map ? [...input] : Object.entries(input)
  const keyed = async ([key, item]: any) => {
    const value = await mapper(await item, key)
    return value === skip || value === stop ? value : [key, value]
  }
  const found = await ownMap(entries, keyed, options)
  return input instanceof Map ? new Map(found) : Object.setPrototypeOf(Object.fromEntries(found), null)
}
export const ownMapIterable: any = async function* (
  items: any,
  mapper: any,
  { backpressure, concurrency, preserveOrder = true }: any = {}
) {
  const buffer = (backpressure ?? concurrency) - concurrency
  const order = preserveOrder ? ("input" as const) : ("completion" as const)
  for await (const outcome of parallelStream(items, mapper, { concurrency, buffer, order })) {
    if (outcome.status === "failed") throw outcome.error
    if (outcome.status === "completed") yield outcome.value
  }
}

export const ownLimit: any = (concurrency: number) => {
  const executor = createExecutor({ concurrency })
  const limit = (f: any, ...args: ReadonlyArray<any>) => executor.run(() => f(...args))
  return Object.defineProperties(limit, {
    activeCount: { get: () => executor.stats.running },
    pendingCount: { get: () => executor.stats.waiting },
    concurrency: { get: () => executor.stats.concurrency, set: executor.resize },
    clearQueue: { value: () => executor.clear() },
    map: { value: async (items: Iterable<any>, f: any) => Promise.all(Array.from(items, (item, i) => limit(f, item, i))) }
  })
}

export class OwnQueue {
  executor
  constructor({ autoStart = true, concurrency, interval, intervalCap, timeout }: any = {}) {
    const rate = intervalCap === undefined ? undefined : { limit: intervalCap, per: interval }
    this.executor = createExecutor({ concurrency: bound(concurrency), rate, taskTimeout: timeout })
    if (!autoStart) this.executor.pause()
  }
  add = (f: any, { id, priority, signal, timeout }: any = {}) => this.executor.run(f, { name: id, priority, signal, taskTimeout: timeout })
  addAll = (fs: ReadonlyArray<any>, options?: any) => Promise.all(fs.map((f) => this.add(f, options)))
  start = () => (this.executor.resume(), this)
  pause = () => this.executor.pause()
  clear = () => this.executor.clear()
  onEmpty = () => this.executor.whenWaitingBelow(1)
  onIdle = () => this.executor.whenIdle()
  onPendingZero = () => this.executor.whenRunningBelow(1)
  onSizeLessThan = (limit: number) => this.executor.whenWaitingBelow(limit)
  get size() {
    return this.executor.stats.waiting
  }
  get pending() {
    return this.executor.stats.running
  }
  get isPaused() {
    return this.executor.stats.paused
  }
  get concurrency() {
    return this.executor.stats.concurrency
  }
  set concurrency(concurrency) {
    this.executor.resize(bound(concurrency))
  }
}

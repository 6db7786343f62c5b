/**
 * Watches what a simulated program starts in the real world: promises, timers, reads.
 *
 * A program that starts nothing there is decided without waiting for anything, which keeps purely synchronous programs at full speed. Of the
 * others we need to know two things: whether microtasks may still wake them, and whether something real is under way.
 * Node tells both through `async_hooks`: each resource names its kind when it is made, and the resource in whose callback it is
 * made leads back to the simulation. It is reached through `process`, as Effect itself does it, because this package must load without Node.
 * Where it is missing every program is taken for one that uses promises.
 *
 * Not chosen: patching `Promise.prototype.then` (an `await` does not call it), and comparing `process.getActiveResourcesInfo()` before and
 * after (it counts the test runner's own timers).
 */

interface Hook {
  enable(): unknown
  disable(): unknown
}

interface AsyncHooks {
  createHook(callbacks: {
    readonly init?: (id: number, kind: string) => void
    readonly after?: (id: number) => void
    readonly destroy?: (id: number) => void
  }): Hook
  executionAsyncId(): number
}

interface ProcessLike {
  readonly getBuiltinModule?: (name: string) => unknown
  readonly nextTick?: (f: () => void) => void
  readonly stdout?: unknown
  readonly stderr?: unknown
}

const host = globalThis as { readonly process?: ProcessLike; readonly setImmediate?: (f: () => void) => unknown }

const hooks: AsyncHooks | undefined = (() => {
  try {
    return host.process?.getBuiltinModule?.("node:async_hooks") as AsyncHooks | undefined
  } catch {
    return undefined
  }
})()

/** Kinds that end without input, output or timers, or that stand for no work at all. */
const notReal: ReadonlySet<string> = new Set(["PROMISE", "TickObject", "Microtask", "AsyncResource", "Immediate", "SIGNALWRAP", "TTYWRAP"])

/** Kinds that are over once their callback has run; the hook for their destruction may wait for the garbage collector. */
const endsWithItsCallback = /^(?:FSREQ|.*REQWRAP$|.*REQUEST$)/

/** A program that keeps itself going by immediates or ticks for longer than this is taken for one that waits for something real. */
const turns = 1_000
const rounds = 10_000

let inside: Outside | undefined
const owners = new Map<number, Outside>()

let watching = 0
let lifecycle: Hook | undefined
const initHook = hooks?.createHook({
  init: (id, kind) => {
    const owner = inside ?? owners.get(hooks.executionAsyncId())
    if (owner === undefined) return
    // One is made at each suspension. It matters as a link of the chain, when the program runs a live fiber inside a promise.
    if (kind !== "effect/Fiber") owner.started(id, kind)
    else if (owner.touched) owner.own(id)
  }
})

/** From here on `outside` owns what is started; gives the owner before it, for the end of the section. */
export const enter = (outside: Outside | undefined): Outside | undefined => {
  const previous = inside
  inside = outside
  return previous
}

export class Outside {
  /** Whether the program has started anything there. */
  touched: boolean = hooks === undefined
  private readonly ids: Array<number> = []
  private readonly real = new Map<number, string>()
  private immediates = 0

  /** The kinds of real work under way, e.g. `Timeout`, `FSREQPROMISE`. */
  get underWay(): ReadonlyArray<string> {
    return [...new Set(this.real.values())].sort()
  }

  own(id: number): void {
    this.ids.push(id)
    owners.set(id, this)
  }

  started(id: number, kind: string): void {
    this.touched = true
    this.own(id)
    if (kind === "Immediate") this.immediates++
    if (notReal.has(kind)) return
    // The second hook costs a finalizer for each suspension of each fiber, so it is only there for programs that need it.
    lifecycle ??= hooks!.createHook({
      after: (over) => {
        const owner = owners.get(over)
        const kindOfIt = owner?.real.get(over)
        if (kindOfIt !== undefined && endsWithItsCallback.test(kindOfIt)) owner!.real.delete(over)
      },
      destroy: (over) => void owners.get(over)?.real.delete(over)
    })
    lifecycle.enable()
    this.real.set(id, kind)
  }

  /** Lets promises settle: everything that needs no timer and no input or output has run afterwards. */
  async settle(): Promise<void> {
    const nextTick = host.process?.nextTick
    if (nextTick === undefined) return macrotask()
    for (let turn = 0; turn < turns; turn++) {
      // A tick that is asked for by a microtask runs when the queue of microtasks is empty, however long the chains in it were. A round in
      // which nothing was started is the last: what could still run would have been started in it.
      let before: number
      let round = 0
      do {
        before = this.ids.length
        await new Promise<void>((resolve) => queueMicrotask(() => nextTick(resolve)))
      } while (this.ids.length > before && ++round < rounds)
      // Live schedulers inside promises (`Effect.runPromise`) yield by immediates.
      if (this.immediates === 0) return
      this.immediates = 0
      await macrotask()
    }
    this.real.set(0, "Immediate")
  }

  forget(): void {
    for (const id of this.ids) owners.delete(id)
    this.ids.length = 0
    this.real.clear()
    if (owners.size === 0) lifecycle?.disable()
  }
}

/** Keeps the watch on while `f` runs; switching it on and off costs a microsecond, so loops over seeds hold it. */
export const watch = (): (() => void) => {
  if (watching++ === 0) {
    // Made on first use: a program that prints must not look as if it had opened a pipe.
    void host.process?.stdout
    void host.process?.stderr
    initHook?.enable()
  }
  return () => {
    if (--watching === 0) initHook?.disable()
  }
}

/** One turn of the event loop. */
export const macrotask = (): Promise<void> =>
  new Promise((resolve) => (host.setImmediate === undefined ? void setTimeout(resolve, 0) : void host.setImmediate(resolve)))

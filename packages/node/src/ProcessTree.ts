/**
 * Finds and ends whole trees of processes: what was started, and everything that descends from it, daemons included.
 *
 * A `ProcessTree` lives in a `Scope`. It owns one `sh`, the watchdog, from the first branch on; when the scope closes, every branch that was not released has been killed and the watchdog is gone. If this process ends without closing
 * the scope, by SIGKILL too, the watchdog kills those branches.
 *
 * The module holds `make`, the `ProcessTree` with `branch`, the `Branch` with `signal`, `kill` and `release`, and `Current` with `layer`: the tree that commands use.
 *
 * **When to use**
 *
 * Use it where you spawn processes by yourself. `Command` uses it for its programs.
 *
 * **Details**
 *
 * A branch is one variable of the environment. Whoever is started with it hands it on to whatever it starts, and `/proc` shows it to us: so a process is found when its parent has ended, and when it has left its process group and its session.
 *
 * | system | what is found |
 * | --- | --- |
 * | Linux | everybody who carries the variable, and the process group that is named |
 * | others | the process group that is named, no more: who has left it is not found |
 *
 * **Guarantees**
 *
 * - Ownership: the watchdog, and every branch until it is released or killed.
 * - Interruption: a signal is sent and a kill is waited for, whoever is interrupted meanwhile.
 * - Failure: none. Processes of other users, and those that have gone, are passed over; zombies are not counted. Who hangs in the kernel for longer than 10 seconds after a SIGKILL is left to it, and named in a warning of the log.
 * - Order: who was killed has closed its files, its ports and locks among them, before `kill` returns.
 * - Bounds: the event loop is held for 2 milliseconds at a time at most.
 * - Cost: a branch costs two writes to a file in memory. A signal costs a look at every process of the machine, some 20 microseconds each; branches that are signalled at the same time share it.
 *
 * **Gotchas**
 *
 * - A program that clears its environment, or writes its title over it (as nginx and postgres do), is found only in the process group.
 * - Who was ending already when it was first looked for is waited for only if it is in the process group, or the session, that the branch was told of by `lead`.
 * - A process that belongs to another user, after `sudo` say, can be neither seen nor killed.
 *
 * **Example** (Ending a daemon that left its group)
 *
 * ```ts
 * import { ProcessTree } from "@skein/node"
 * import * as Effect from "effect/Effect"
 * import { spawn } from "node:child_process"
 * import { once } from "node:events"
 *
 * const program = Effect.gen(function*() {
 *   const tree = yield* ProcessTree.make()
 *   const branch = tree.branch()
 *   const [name, value] = branch.variable
 *   const shell = spawn("sh", ["-c", "(setsid sleep 60 &) ; echo started"], { env: { ...process.env, [name]: value }, stdio: ["ignore", "pipe", "ignore"] })
 *   yield* Effect.promise(() => once(shell.stdout, "data"))
 *   const found = yield* branch.signal("SIGTERM")
 *   yield* branch.kill()
 *   console.log(found > 0, yield* branch.count) // => true 0
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import { available, groupOf, type Mortal, mortalOf, Scanner, stateOf } from "./internal/tree/scan.ts"
import { Watchdog } from "./internal/tree/watchdog.ts"

/**
 * How a tree is made.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * How long the watchdog stays when the last branch has been released or killed; the next branch starts another.
   *
   * @default "Infinity"
   */
  readonly idle?: Duration.Input | undefined
}

/**
 * Trees of processes that are ended with this process.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessTree {
  /** A new branch: whatever is started with its variable in the environment, and all that descends from it, can be found and ended. The watchdog knows of it before this returns. */
  readonly branch: () => Branch
}

/**
 * A part of a tree: what descends from one start.
 *
 * @category models
 * @since 0.1.0
 */
export interface Branch {
  /** One variable of the environment, and its value, which also holds the tags of the trees that this process is in itself. */
  readonly variable: readonly [name: string, value: string]
  /** Tells which process group it leads, so that the watchdog ends that, too. */
  readonly lead: (group: number) => void
  /** Sends a signal once to everybody who is in it now: to the process group `group` first, at once, then to the others. Gives how many it found; those whom the signal to the group has ended by then are not found. */
  readonly signal: (signal: NodeJS.Signals, group?: number) => Effect.Effect<number>
  /** How many are in it now, with those that are ending and have perhaps not closed their files yet. */
  readonly count: Effect.Effect<number>
  /** Sends SIGKILL, to the process group `group` first, until nobody is left, and waits until those have closed their files. Then the branch is over. Gives how many it found to kill. */
  readonly kill: (group?: number) => Effect.Effect<number>
  /** It ended well: who is left runs on, also when this process dies. Then the branch is over. */
  readonly release: () => void
}

const variable = "SKEIN_TREE"

/** How long a kill takes at most, in milliseconds. Only who hangs in the kernel takes longer than some tens, or some hundreds with much memory to give back. */
const patience = 10_000

/**
 * Makes a tree that is ended with its scope.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<ProcessTree, never, Scope.Scope> => {
  Settings.known("ProcessTree.make", options, ["idle"])
  const idle = options.idle === undefined ? Infinity : Settings.millis("ProcessTree.make", "idle", options.idle)
  return Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Tree(idle)),
      (tree) => tree.close
    ),
    (tree) => ({ branch: () => tree.branch() })
  )
}

class Tree {
  readonly #prefix = `${randomUUID()}.`
  readonly #outer = process.env[variable]
  readonly #scanner = new Scanner(this.#prefix)
  readonly #watchdog: Watchdog
  readonly #branches = new Set<Branch>()
  #last = 0

  constructor(idle: number) {
    this.#watchdog = new Watchdog(this.#prefix, idle)
  }

  branch(): Branch {
    const number = ++this.#last
    const own = `${this.#prefix}${number}.`
    const line = this.#watchdog.write(number)
    /** Who was found in it, until that one is gone: of who is ending nothing else tells that it was in it. */
    const known = new Map<number, Mortal>()
    const leaving = (): ReadonlyArray<number> => {
      const pids: Array<number> = []
      for (const mortal of known.values()) {
        const state = stateOf(mortal)
        if (state === "gone") known.delete(mortal.pid)
        else if (state === "leaves") pids.push(mortal.pid)
      }
      return pids
    }
    let leads: number | undefined
    const find = (act: (pid: number, born: "before" | "meanwhile") => void, group = leads): Effect.Effect<number> => {
      if (!available) return Effect.succeed(0)
      const met = (pid: number, born: "before" | "meanwhile"): void => {
        const mortal = mortalOf(pid)
        if (mortal !== undefined) known.set(pid, mortal)
        act(pid, born)
      }
      const leaves = (mortal: Mortal): void => void known.set(mortal.pid, mortal)
      return Effect.uninterruptible(
        Effect.callback<number>((resume) => this.#scanner.find(number, group, met, leaves, (found) => resume(Effect.succeed(found))))
      )
    }
    const over = (): void => {
      line.wipe()
      this.#branches.delete(branch)
    }
    const branch: Branch = {
      variable: [variable, this.#outer === undefined ? own : `${this.#outer},${own}`],
      lead: (group) => {
        leads = group
        line.lead(group)
      },
      signal: (signal, group) =>
        Effect.suspend(() => {
          const reached = group !== undefined && send(-group, signal)
          return Effect.map(
            find((pid, born) => {
              // Who was born since may be the cleanup of somebody who got it already; only SIGKILL is for everybody.
              if (born === "meanwhile" && signal !== "SIGKILL") return
              // Who got it with the group must not get it twice: a second SIGINT often means something else than the first.
              if (!reached || groupOf(pid) !== group) send(pid, signal)
            }, group),
            (found) => Math.max(found, Number(reached))
          )
        }),
      count: Effect.map(
        Effect.suspend(() => find(() => {})),
        (found) => found + leaving().length
      ),
      kill: (group = leads) => Effect.tap(killAll(find, leaving, group), () => Effect.sync(over)),
      release: over
    }
    this.#branches.add(branch)
    return branch
  }

  get close(): Effect.Effect<void> {
    return Effect.suspend(() =>
      Effect.andThen(
        Effect.forEach([...this.#branches], (branch) => branch.kill(), { concurrency: "unbounded", discard: true }),
        Effect.promise(() => this.#watchdog.end())
      )
    )
  }
}

const killAll = (
  find: (act: (pid: number) => void, group: number | undefined) => Effect.Effect<number>,
  leaving: () => ReadonlyArray<number>,
  group: number | undefined
): Effect.Effect<number> =>
  Effect.uninterruptible(
    Effect.gen(function* () {
      const since = performance.now()
      const isLate = (): boolean => performance.now() - since > patience
      const killed = new Set<number>()
      // Once is enough, for nobody in a group forks past it; and later the group may be another.
      const reached = group !== undefined && send(-group, "SIGKILL")
      const total = (): number => Math.max(killed.size, Number(reached))
      for (let pause = 1; ; pause = Math.min(2 * pause, 50)) {
        const alive: Array<number> = []
        const found = yield* find((pid) => {
          alive.push(pid)
          killed.add(pid)
          send(pid, "SIGKILL")
        }, group)
        if (found === 0) break
        if (isLate()) {
          yield* Effect.logWarning(`processes that SIGKILL did not end within ${patience / 1000} s: ${alive.join(", ")}`)
          return total()
        }
        yield* sleep(pause)
      }
      // Who is ending starts nobody. But it still holds its ports and locks.
      for (let pause = 1; ; pause = Math.min(2 * pause, 50)) {
        const left = leaving()
        if (left.length === 0) return total()
        if (isLate()) {
          yield* Effect.logWarning(
            `processes that have ended, but did not close their files within ${patience / 1000} s: ${left.join(", ")}`
          )
          return total()
        }
        yield* sleep(pause)
      }
    })
  )

// Of the machine's time, whatever clock the program has: processes take no part in a simulation.
const sleep = (millis: number): Effect.Effect<void> => Effect.callback((resume) => void setTimeout(() => resume(Effect.void), millis))

/** Whether there was somebody to send it to. */
const send = (pid: number, signal: NodeJS.Signals): boolean => {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}

/** How long the watchdog of the process's own tree stays after the last command, in milliseconds. */
const shortly = 500

/**
 * The tree that the commands of a fiber belong to. By default one for the process, whose watchdog starts with the first command and is gone soon after the last.
 *
 * @category references
 * @since 0.1.0
 */
export const Current: Context.Reference<ProcessTree> = Context.Reference<ProcessTree>("@skein/node/ProcessTree", {
  defaultValue: () => {
    const tree = new Tree(shortly)
    return { branch: () => tree.branch() }
  }
})

/**
 * A tree of their own for the commands that run with this layer: when it closes, none of their processes is left that was not released.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never> => Layer.effect(Current, make(options))

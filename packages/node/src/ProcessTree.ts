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
 * - Failure: none. Processes of other users, and those that have gone, are passed over; zombies are not counted. Who cannot be killed within 10 seconds is named in a warning of the log.
 * - Bounds: the event loop is held for 2 milliseconds at a time at most.
 * - Cost: a branch costs two writes to a file in memory. A signal costs a look at every process of the machine, some 20 microseconds each; branches that are signalled at the same time share it.
 *
 * **Gotchas**
 *
 * - A program that clears its environment, or writes its title over it (as nginx and postgres do), is found only in the process group.
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
import { available, groupOf, Scanner } from "./internal/tree/scan.ts"
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
  /** Sends a signal once to everybody in it: to the process group `group` first, at once, then to the others. Gives how many it found; those whom the signal to the group has ended by then are not found. */
  readonly signal: (signal: NodeJS.Signals, group?: number) => Effect.Effect<number>
  /** How many are in it now. */
  readonly count: Effect.Effect<number>
  /** Sends SIGKILL, to the process group `group` first, until nobody is left. Then the branch is over. */
  readonly kill: (group?: number) => Effect.Effect<void>
  /** It ended well: who is left runs on, also when this process dies. Then the branch is over. */
  readonly release: () => void
}

const variable = "SKEIN_TREE"

/** How long a kill takes at most, in milliseconds. Only who hangs in the kernel takes longer than some tens. */
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
    const find = (act: (pid: number) => void): Effect.Effect<number> =>
      available
        ? Effect.uninterruptible(
            Effect.callback<number>((resume) => this.#scanner.find(number, act, (found) => resume(Effect.succeed(found))))
          )
        : Effect.succeed(0)
    const over = (): void => {
      line.wipe()
      this.#branches.delete(branch)
    }
    let leads: number | undefined
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
            find((pid) => {
              // Who got it with the group must not get it twice: a second SIGINT often means something else than the first.
              if (!reached || groupOf(pid) !== group) send(pid, signal)
            }),
            (found) => Math.max(found, Number(reached))
          )
        }),
      count: find(() => {}),
      kill: (group = leads) => Effect.andThen(killAll(find, group), Effect.sync(over)),
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

const killAll = (find: (act: (pid: number) => void) => Effect.Effect<number>, group: number | undefined): Effect.Effect<void> =>
  Effect.uninterruptible(
    Effect.gen(function* () {
      const since = performance.now()
      // Once is enough, for nobody in a group forks past it; and later the group may be another.
      if (group !== undefined) send(-group, "SIGKILL")
      for (let pause = 1; ; pause = Math.min(2 * pause, 50)) {
        const alive: Array<number> = []
        const found = yield* find((pid) => {
          alive.push(pid)
          send(pid, "SIGKILL")
        })
        if (found === 0) return
        if (performance.now() - since > patience) {
          return yield* Effect.logWarning(`processes that SIGKILL did not end within ${patience / 1000} s: ${alive.join(", ")}`)
        }
        yield* Effect.callback<void>((resume) => void setTimeout(() => resume(Effect.void), pause))
      }
    })
  )

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

/** Runs a random program under the simulator and compares what Skein says of it with what it did. */
import * as Deadline from "@skein/core/Deadline"
import type * as GatherResult from "@skein/core/GatherResult"
import * as Limiter from "@skein/core/Limiter"
import * as TaskGroup from "@skein/core/TaskGroup"
import { Simulator } from "@skein/core/testing"
import { parallelGather, parallelMap } from "@skein/parallel"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { judgeCall, judgeTask } from "./judge.ts"
import type { CallOptions, Cleanup, Frame, GatherOptions, Op, Program } from "./language.ts"
import { type CallRecord, type TaskRecord, World } from "./world.ts"

type Work = Effect.Effect<unknown, string>

/** What a frame can see. */
interface Env {
  /** Groups, outer before inner. */
  readonly groups: ReadonlyArray<CallRecord>
  readonly handles: ReadonlyArray<TaskRecord>
  readonly owner: TaskRecord | undefined
  /** Limiters held by what is around this frame. */
  readonly held: ReadonlySet<number>
}

class Interpreter {
  readonly world: World
  constructor(world: World) {
    this.world = world
  }

  frame(frame: Frame, env: Env): Work {
    return Effect.gen({ self: this }, function* () {
      let here = env
      for (const op of frame) {
        this.touch(env.owner)
        here = yield* this.op(op, here)
      }
      this.touch(env.owner)
      return this.world.fresh("v")
    })
  }

  /** Work may be done only while its owners have not returned (law 1). */
  private touch(owner: TaskRecord | undefined): void {
    if (!this.world.mayRun(owner)) this.world.break(`${owner!.name} goes on after its owner returned`)
  }

  private op(op: Op, env: Env): Effect.Effect<Env, string> {
    switch (op.op) {
      case "spawn":
        return this.spawn(op, env)
      case "sleep":
        return Effect.as(Effect.sleep(op.ms), env)
      case "yield":
        return Effect.as(Effect.yieldNow, env)
      case "fail":
        return Effect.suspend(() => Effect.fail(this.world.fresh("e")))
      case "die":
        return Effect.suspend(() => Effect.die(this.world.fresh("d")))
      case "interruptSelf":
        return Effect.interrupt
      default:
        return Effect.as(this.inner(op, env), env)
    }
  }

  private inner(op: Op, env: Env): Work {
    switch (op.op) {
      case "await":
      case "join":
      case "cancel":
        return this.handle(op.op, op.handle, env)
      case "cancelGroup":
      case "joinGroup":
      case "next":
      case "stats":
        return this.onGroup(op.op, op.group, env)
      case "group":
        return this.group(op.options, op.body, env)
      case "scoped":
        return this.scoped(op.options, op.body, env)
      case "gather":
        return this.gather(op, env)
      case "permit":
        return this.permit(op, env)
      case "resize": {
        const record = this.limiter(op.limiter)
        return Effect.suspend(() => {
          record.most = Math.max(record.most, op.permits)
          return record.limiter.resize(op.permits)
        })
      }
      case "pause": {
        const { limiter } = this.limiter(op.limiter)
        return Effect.acquireUseRelease(
          limiter.pause,
          () => Effect.sleep(op.ms),
          () => limiter.resume
        )
      }
      case "deadline":
        return this.deadline(op.ms, op.body, env)
      case "extend":
        return Deadline.extend(op.ms)
      case "timeout":
        return Effect.timeoutOption(this.frame(op.body, env), op.ms)
      case "uninterruptible":
        return Effect.uninterruptible(this.frame(op.body, env))
      case "fork":
        return Effect.forkChild(this.frame(op.body, env))
      case "caught":
        return Effect.catchCause(this.frame(op.body, env), (cause) => (Cause.hasInterrupts(cause) ? Effect.failCause(cause) : Effect.void))
      case "ensure":
        return Effect.onExit(this.frame(op.body, env), () => this.cleanup(op.cleanup, env))
      default:
        return Effect.die(new Error(`no such operation: ${op.op}`))
    }
  }

  private cleanup({ ends, takes }: Cleanup, env: Env): Work {
    const end = Effect.suspend((): Work => {
      this.touch(env.owner)
      return ends === "value" ? Effect.void : ends === "fail" ? Effect.fail(this.world.fresh("ce")) : Effect.die(this.world.fresh("cd"))
    })
    if (takes === "hang") this.world.met.add("hang")
    return Effect.andThen(takes === "hang" ? Effect.never : takes === 0 ? Effect.void : Effect.sleep(takes), end)
  }

  /** Watches one attempt of a task from inside. */
  private watched(task: TaskRecord, work: Work): Work {
    const { world } = this
    // The deadlines around the call: a spawned task may have come from work that is past a deadline of its own.
    const start = Effect.flatMap(Effect.provideContext(Deadline.current, task.call.context!), (deadline) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (Option.isSome(deadline) && deadline.value.at < now - 0.01)
          world.break(`${task.name} started at ${now}, after its deadline at ${deadline.value.at}`)
        task.starts++
        task.running = true
        if (task.outcomes.length > 0) world.break(`${task.name} started after it was settled`)
        this.touch(task)
        world.recount(task)
        return work
      })
    )
    return Effect.onExit(start, (exit) =>
      Effect.sync(() => {
        this.touch(task)
        task.running = false
        task.exits.push(exit)
        world.recount(task)
      })
    )
  }

  private spawn(op: Op & { readonly op: "spawn" }, env: Env): Effect.Effect<Env, string> {
    const { groups } = env
    if (groups.length === 0) return Effect.succeed(env)
    return Effect.suspend(() => {
      const at = groups.length - 1 - (op.group % groups.length)
      const call = groups[at]!
      const task = this.world.task(call, op.timeout)
      // It sees no group that is inside of its own: who waits for a place there might wait for it.
      const visible = groups.slice(0, at + 1)
      const inside: Env = {
        groups: visible,
        handles: env.handles.filter((handle) => visible.includes(handle.call)),
        owner: task,
        held: env.held
      }
      const { priority, timeout } = op
      return Effect.map(
        call.face!.spawn(this.watched(task, this.frame(op.task, inside)), { name: task.name, priority, timeout }),
        (handle): Env => {
          task.handle = handle
          return { ...env, handles: [...env.handles, task] }
        }
      )
    })
  }

  /** The task that work in `env` is part of, among those of `call`. */
  private memberOf(env: Env, call: CallRecord): TaskRecord | undefined {
    for (let task = env.owner; task !== undefined; task = task.call.owner) if (task.call === call) return task
    return undefined
  }

  /** Runs a wait in which the task's place is lent. */
  private lending<A>(env: Env, call: CallRecord, wait: Effect.Effect<A, string>): Effect.Effect<A, string> {
    const member = this.memberOf(env, call)
    if (member === undefined) return wait
    return Effect.suspend(() => {
      let lent = 0
      const enter = Effect.suspend(() => {
        member.lent += lent = 1
        this.world.recount(member)
        return wait
      })
      // A task that was asked to stop comes back without a place: its end must not wait for one.
      return Effect.onExit(enter, () =>
        Effect.map(call.face!.dump, ({ tasks }) => {
          member.lent -= lent
          if (tasks.find(({ name }) => name === member.name)?.state !== "running") member.placeless = true
          this.world.recount(member)
        })
      )
    })
  }

  private handle(op: "await" | "join" | "cancel", pick: number, env: Env): Work {
    if (env.handles.length === 0) return Effect.void
    const task = env.handles[pick % env.handles.length]!
    const handle = task.handle!
    const check = Effect.suspend(() => {
      const [outcome] = task.outcomes
      if (outcome === undefined) this.world.break(`a wait for ${task.name} ended before it`)
      return Effect.void
    })
    if (op === "join") {
      const joined: Work = Effect.mapError(handle.join, (error) =>
        error instanceof TaskGroup.TaskNotCompleted ? this.world.fresh("not") : (error as string)
      )
      return this.lending(
        env,
        task.call,
        Effect.ensuring(
          joined,
          Effect.suspend(() => Effect.void)
        )
      )
    }
    const wait = op === "await" ? handle.await : handle.cancel(`cancel ${task.name}`)
    return Effect.andThen(
      this.lending(
        env,
        task.call,
        Effect.map(wait, (outcome) => {
          if (outcome !== task.outcomes[0]) this.world.break(`a wait for ${task.name} gave another outcome than the observer saw`)
        })
      ),
      check
    )
  }

  private onGroup(op: "cancelGroup" | "joinGroup" | "next" | "stats", pick: number, env: Env): Work {
    if (env.groups.length === 0) return Effect.void
    const call = env.groups[env.groups.length - 1 - (pick % env.groups.length)]!
    const face = call.face!
    switch (op) {
      case "cancelGroup":
        return face.cancel("enough")
      case "joinGroup":
        return face.join
      case "next":
        // From inside a task it may wait for somebody who waits for this task.
        return this.memberOf(env, call) === undefined ? face.next : Effect.void
      case "stats":
        return Effect.map(face.stats, (stats) => {
          const count = (tag: string): number => call.settled.filter(({ _tag }) => _tag === tag).length
          const told = [stats.completed, stats.failed, stats.timedOut, stats.cancelled, stats.notStarted].join()
          const seen = ["Completed", "Failed", "TimedOut", "Cancelled", "NotStarted"].map(count).join()
          if (told !== seen) this.world.break(`the stats of call ${call.id} say ${told}, the observer saw ${seen}`)
          if (stats.running > call.bound || stats.queued < 0 || stats.abandoned < 0)
            this.world.break(`impossible stats of call ${call.id}: ${JSON.stringify(stats)}`)
        })
    }
  }

  private optionsOf(call: CallRecord): any {
    const { attemptTimeout: _a, backOff: _b, limiter: _l, retry: _r, stop: _s, ...options } = call.options
    return { ...options, name: `call ${call.id}`, onOutcome: (outcome: never) => this.world.outcome(call, outcome) }
  }

  /** Makes a call, and judges it when it has returned, in whatever way. */
  private call<E>(
    kind: CallRecord["kind"],
    options: CallRecord["options"],
    env: Env,
    run: (call: CallRecord) => Effect.Effect<unknown, E>
  ): Effect.Effect<unknown, E> {
    return Effect.suspend(() => {
      let call: CallRecord | undefined
      const begin = Effect.flatMap(Effect.context<never>(), (context) => {
        call = this.world.call(kind, options, env.owner)
        call.context = context
        return Effect.flatMap(Effect.all([Clock.currentTimeMillis, Deadline.current]), ([now, deadline]) => {
          const { stop = Infinity, timeout = Infinity } = call!.options
          call!.mayStopAt = Math.min(now + Math.min(stop, timeout), Option.isSome(deadline) ? deadline.value.at : Infinity)
          return run(call!)
        })
      })
      return Effect.onExit(begin, (exit) => Effect.sync(() => call !== undefined && judgeCall(this.world, call, exit)))
    })
  }

  private group(options: CallOptions, body: Frame, env: Env): Work {
    const run = this.call<string | Deadline.DeadlineExceeded>(
      "group",
      options,
      env,
      (call) =>
        TaskGroup.run(this.optionsOf(call), (face: TaskGroup.TaskGroup<string>) => {
          call.face = face
          return Effect.onExit(this.frame(body, { ...env, groups: [...env.groups, call] }), (exit) =>
            Effect.sync(() => {
              call.bodyExit = exit
            })
          )
        }) as Effect.Effect<unknown, string | Deadline.DeadlineExceeded>
    )
    return withoutDeadline(run)
  }

  private scoped(options: CallOptions, body: Frame, env: Env): Work {
    return this.call("scoped", options, env, (call) =>
      Effect.scoped(
        Effect.flatMap(TaskGroup.make<string>(this.optionsOf(call)), (face) => {
          call.face = face
          return this.frame(body, { ...env, groups: [...env.groups, call] })
        })
      )
    )
  }

  private gather(op: Op & { readonly op: "gather" }, env: Env): Work {
    return this.call("gather", op.options, env, (call) => {
      const { attemptTimeout, backOff, limiter, retry, stop } = op.options
      const options = {
        ...this.optionsOf(call),
        attemptTimeout,
        retry: retry === undefined ? undefined : { times: retry, schedule: backOff === undefined ? undefined : Schedule.spaced(backOff) },
        limiter: limiter === undefined ? undefined : this.limiter(limiter).limiter,
        stop: stop === undefined ? undefined : Effect.sleep(stop)
      }
      // Under a limiter each task holds a permit, and must not wait for what is outside of it.
      const seen =
        limiter === undefined
          ? env
          : { ...env, groups: [], handles: [], held: new Set([...env.held, limiter % this.world.limiters.length]) }
      const works = op.tasks.map((frame) => {
        const task = this.world.task(call)
        return { task, work: this.watched(task, this.frame(frame, { ...seen, owner: task })) }
      })
      const run = this.gatherRun(op.form, call, works, options)
      return Effect.tap(run, (result) => Effect.sync(() => this.world.keep(call, result as never)))
    })
  }

  private gatherRun(
    form: "map" | "array" | "record" | "generator",
    call: CallRecord,
    works: ReadonlyArray<{ readonly task: TaskRecord; readonly work: Work }>,
    options: any
  ): Effect.Effect<GatherResult.GatherResult<unknown, string, unknown>, string> {
    call.pulled = form === "generator" ? 0 : -1
    switch (form) {
      case "map":
        return parallelMap(works, ({ work }) => work, options) as never
      case "array":
        return parallelGather(
          works.map(({ work }) => work),
          options
        ) as never
      case "record":
        return parallelGather(Object.fromEntries(works.map(({ task, work }) => [task.name, work])), options) as never
      case "generator":
        return parallelMap(
          (function* () {
            for (const { work } of works) {
              call.pulled++
              yield work
            }
            call.drained = true
          })(),
          (work) => work,
          options
        ) as never
    }
  }

  private limiter(pick: number) {
    return this.world.limiters[pick % this.world.limiters.length]!
  }

  private permit(op: Op & { readonly op: "permit" }, env: Env): Work {
    const at = op.limiter % this.world.limiters.length
    const record = this.limiter(at)
    const outermost = !env.held.has(at)
    const body = this.frame(op.body, { ...env, groups: [], handles: [], held: new Set([...env.held, at]) })
    const counted = outermost
      ? Effect.suspend(() => {
          // The way out is laid before the way in: an interruption may come between any two steps.
          let inside = 0
          const enter = Effect.suspend(() => {
            record.used += inside = op.weight
            return body
          })
          return Effect.onExit(enter, () =>
            Effect.sync(() => {
              record.used -= inside
            })
          )
        })
      : body
    return record.limiter.withPermits(op.weight, { priority: op.priority })(counted)
  }

  private deadline(ms: number, body: Frame, env: Env): Work {
    return Effect.suspend(() => {
      let inner: Exit.Exit<unknown, unknown> | undefined
      const work = Effect.onExit(this.frame(body, env), (exit) =>
        Effect.sync(() => {
          inner = exit
        })
      )
      return withoutDeadline(
        Effect.onExit(Deadline.within(work, ms), (exit) =>
          Effect.sync(() => {
            if (Exit.isFailure(exit) && inner !== undefined && Exit.isSuccess(inner) && !Cause.hasInterrupts(exit.cause)) {
              this.world.break(`a deadline threw a value away: ${String(exit)}`)
            }
          })
        )
      )
    })
  }
}

const withoutDeadline = (work: Effect.Effect<unknown, string | Deadline.DeadlineExceeded>): Work =>
  Effect.catch(work, (error) => (error instanceof Deadline.DeadlineExceeded ? Effect.void : Effect.fail(error)))

/** What came of a program under one schedule. */
export interface Finding {
  readonly problem: string | undefined
  readonly met: ReadonlySet<string>
  readonly steps: number
}

export interface RunOptions {
  readonly seed: number
  /** Interrupts the whole program, but not its judgement, before this step. */
  readonly interrupt?:
    | { readonly step: number; readonly target: "main" | "running" | "other"; readonly moment: "before" | "during" }
    | undefined
}

/** Runs a program under one schedule, and says what is wrong with it. */
export const runProgram = (program: Program, options: RunOptions): Finding => {
  let world = new World()
  const main = (): Effect.Effect<unknown> => {
    world = new World()
    for (const permits of program.limiters) {
      world.limiters.push({ limiter: Limiter.makeUnsafe({ permits, name: `L${world.limiters.length}` }), most: permits, used: 0 })
    }
    const interpreter = new Interpreter(world)
    const work = interpreter.frame(program.main, { groups: [], handles: [], owner: undefined, held: new Set() })
    // Abandoned tasks end within this time; then nothing may be left.
    return Effect.uninterruptibleMask((restore) =>
      Effect.andThen(
        Effect.exit(restore(work)),
        Effect.andThen(
          Effect.sleep("1 day"),
          Effect.suspend(() => atTheEnd(world))
        )
      )
    ).pipe(Effect.provideService(Logger.CurrentLoggers, new Set()))
  }
  const run = Simulator.runSync(main, { seed: options.seed, interrupt: options.interrupt, invariant: () => world.invariant() })
  const hangs = world.met.has("hang")
  // Interrupted before its first step it has done nothing; interrupted after its work was judged it fails with that.
  if (
    run.interrupted === "main" &&
    run.verdict === "failed" &&
    run.cause !== undefined &&
    Cause.hasInterruptsOnly(run.cause) &&
    world.broken.length === 0 &&
    run.leaks.length === 0
  ) {
    return { problem: undefined, met: world.met, steps: run.steps }
  }
  const problem =
    world.broken.length > 0
      ? world.broken.join("\n")
      : hangs && (run.verdict === "deadlock" || run.verdict === "passed")
        ? undefined
        : run.verdict !== "passed"
          ? `${run.verdict}: ${run.report}`
          : run.leaks.length > 0
            ? `left fibers: ${run.leaks.map((fiber) => `${fiber.label} ${fiber.state}`).join("; ")}`
            : run.timers.length > 0
              ? `left ${run.timers.length} timers`
              : undefined
  return { problem, met: world.met, steps: run.steps }
}

/** Nothing is left, and all that was told before is still so. */
const atTheEnd = (world: World): Effect.Effect<void> =>
  Effect.gen(function* () {
    const hangs = world.met.has("hang")
    world.checkKept()
    for (const { limiter } of world.limiters) {
      const { holders, paused, running, waiting } = yield* limiter.stats
      if (!hangs && (running !== 0 || waiting !== 0 || holders.length > 0))
        world.break(`limiter ${limiter.name} ends with ${running} running, ${waiting} waiting`)
      if (paused) world.break(`limiter ${limiter.name} ends paused`)
    }
    for (const call of world.calls) {
      if (!call.returned && !hangs) world.break(`call ${call.id} never returned`)
      for (const task of call.tasks) {
        if (task.starts > 0 && task.outcomes.length === 0 && !hangs) world.break(`${task.name} was never settled`)
        if (task.running && !hangs) world.break(`${task.name} never ended`)
        if (task.outcomes[0] !== undefined) judgeTask(world, task, task.outcomes[0])
      }
      for (const abandoned of hangs ? [] : (call.result?.abandoned ?? [])) {
        const exit = yield* abandoned.await
        const task = call.tasks.find(({ outcomes }) => outcomes[0]?.index === abandoned.index)
        const seen = task?.exits.at(-1)
        if (seen !== undefined && exit._tag !== seen._tag)
          world.break(`abandoned ${task!.name} ended as ${seen._tag}, its await says ${exit._tag}`)
      }
      if (call.active !== 0 && !hangs) world.break(`call ${call.id} ends with ${call.active} active tasks`)
    }
    if (world.broken.length > 0) return yield* Effect.die(new Error(world.broken[0]))
  })

export type { GatherOptions }
